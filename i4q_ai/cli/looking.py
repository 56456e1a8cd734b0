"""`i4q list`, `status`, `explain`, `simulate`, `watch`, `diff`, `drift`, `history`, `logs`, `ask`: only look."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from i4q_ai import display
from i4q_ai.cli import dumps, printing
from i4q_ai.cli.deploying import show_plan
from i4q_ai.cli.objects import placement_options, what_if_options
from i4q_ai.cli.settings import Settings
from i4q_ai.cli.verbs import Verb, cluster_option, name_argument, timeout_option
from i4q_ai.display import Table
from i4q_ai.errors import InvalidError
from i4q_ai.placement import Placement
from i4q_ai.placing.simulate import WhatIf
from i4q_ai.status import Status


def _document(status: Status) -> dict[str, Any]:
    return status.model_dump(mode="json", by_alias=True)


@click.command("list", cls=Verb)
@click.pass_obj
def list_all(settings: Settings) -> None:
    """All deployments of the namespace."""
    with settings.open() as hub:
        printing.table(settings, display.deployments(hub.list()))


@click.command(cls=Verb)
@name_argument()
@click.pass_obj
def status(settings: Settings, name: str) -> None:
    """What every cluster says of a deployment; with -o json, the whole Status."""
    with settings.open() as hub:
        found = hub.get(name).status()
    if settings.format == "table":
        printing.table(settings, display.status(found))
    else:
        printing.data(settings, _document(found))


@click.command(cls=Verb)
@click.argument("name", required=False)
@placement_options
@click.option(
    "--objects",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE|-",
    help="For every Placement of Open Cluster Management in it, as kubectl get -o yaml or json prints them; no hub.",
)
@click.option("--lines", is_flag=True, help='FILE holds {"objects": […]} a line; answers a line each, as JSON.')
@click.pass_obj
def explain(
    settings: Settings, name: str | None, objects: Path | None, lines: bool, where: Callable[[str], Placement]
) -> None:
    """Say of every cluster whether it is in or out, and why: for a placement, or for the deployment NAME."""
    if objects is not None:
        if name is not None:
            raise click.UsageError("--objects explains what is in the file; leave out NAME")
        dumps.explain(settings, objects, lines=lines)
        return
    if lines:
        raise click.UsageError("--lines says how to read --objects FILE")
    with settings.open() as hub:
        decision = hub.explain(where("explain")) if name is None else hub.get(name).explain()
        printing.table(settings, display.decision(decision))


@click.command(cls=Verb)
@click.argument("name", required=False)
@placement_options
@what_if_options
@click.pass_obj
def simulate(settings: Settings, name: str | None, where: Callable[[str], Placement], change: WhatIf) -> None:
    """Say who would gain and who would lose it if something changed: for a placement, or for the deployment NAME."""
    with settings.open() as hub:
        if name is None:
            found = hub.simulate(where("simulate"), change=change)
        else:
            found = hub.get(name).simulate(change=change)
        printing.table(settings, display.simulation(found))


@click.command(cls=Verb)
@name_argument()
@timeout_option(3600)
@click.pass_obj
def watch(settings: Settings, name: str, timeout: float) -> None:
    """Print the status now and whenever it changes; with -o json, one line each."""
    with settings.open() as hub:
        for found in hub.get(name).watch(timeout=timeout):
            if settings.format == "table":
                printing.table(settings, display.status(found))
            else:
                printing.data(settings, _document(found), compact=True)


@click.command(cls=Verb)
@name_argument()
@click.pass_obj
def diff(settings: Settings, name: str) -> None:
    """Show what `refresh` would change."""
    with settings.open() as hub:
        show_plan(settings, hub.engine.plan_refresh(hub.get(name).name))


@click.command(cls=Verb)
@name_argument()
@click.pass_obj
def drift(settings: Settings, name: str) -> None:
    """Show what is not as clusters were told: somebody changed or deleted it there."""
    with settings.open() as hub:
        found = hub.get(name).drift()
    if settings.format == "table":
        lines = [line for difference in found for line in difference.text()]
        printing.out("\n".join(lines) or "nothing differs")
    else:
        printing.data(settings, display.differences(found).data())


@click.command(cls=Verb)
@name_argument()
@click.pass_obj
def history(settings: Settings, name: str) -> None:
    """The revisions of a deployment, the present one last."""
    with settings.open() as hub:
        printing.table(settings, display.history(hub.get(name).history()))


@click.command(cls=Verb)
@name_argument()
@cluster_option
@click.option("-n", "--lines", type=click.IntRange(min=0), default=100, show_default=True)
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes.")
@timeout_option(3600)
@click.pass_obj
def logs(settings: Settings, name: str, cluster: str, lines: int, follow: bool, timeout: float) -> None:
    """The last lines of its log on a cluster; with -o json, one line each."""
    with settings.open() as hub:
        for line in hub.get(name).logs(cluster, lines=lines, follow=follow, timeout=timeout):
            if settings.format == "table":
                printing.out(line)
            else:
                printing.data(settings, {"cluster": cluster, "line": line}, compact=True)


@click.command(cls=Verb)
@name_argument()
@cluster_option
@click.option("--data", "given", required=True, metavar="JSON|-", help="Rows, or input name to rows; - reads stdin.")
@timeout_option(30)
@click.pass_obj
def ask(settings: Settings, name: str, cluster: str, given: str, timeout: float) -> None:
    """Ask the model on a cluster; prints a row for each row of input."""
    text = sys.stdin.read() if given == "-" else given
    try:
        rows = json.loads(text)
    except ValueError as error:
        raise InvalidError(f"--data is no JSON: {error}", hint='[[1.0, 2.0]], or {"input": [[1.0, 2.0]]}') from error
    with settings.open() as hub, hub.get(name).client(cluster, timeout=timeout) as client:
        answer = {output: array.tolist() for output, array in client.infer(rows).items()}
    if settings.format == "table":
        printing.table(settings, _answers(answer))
    else:
        printing.data(settings, answer)


def _answers(answer: Mapping[str, list[Any]]) -> Table:
    rows = zip(*answer.values(), strict=True) if len({len(values) for values in answer.values()}) == 1 else []
    cells = tuple(tuple(json.dumps(value, ensure_ascii=False) for value in row) for row in rows)
    if cells:
        return Table("", tuple(answer), cells)
    whole = tuple((name, json.dumps(values, ensure_ascii=False)) for name, values in answer.items())
    return Table("", ("output", "values"), whole)
