"""`i4q plan`, `deploy`, `apply`, `update`: say what shall be where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from i4q_ai import display
from i4q_ai.cli import printing
from i4q_ai.cli.objects import as_document, placement_options, rollout_options, thing, versions_of, versions_option
from i4q_ai.cli.settings import Settings
from i4q_ai.cli.verbs import Verb, eviction_option, name_argument
from i4q_ai.deployment import Deployment
from i4q_ai.placement import Placement
from i4q_ai.plan import Plan
from i4q_ai.rollout.rollout import Rollout


def show_plan(settings: Settings, plan: Plan) -> None:
    """A plan as its diff; as JSON or YAML, its rows."""
    if settings.format == "table":
        printing.out(str(plan))
    else:
        printing.data(settings, display.plan(plan).data())


def _what_goes_where(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        rollout_options,
        versions_option,
        click.option("--image", metavar="IMAGE@DIGEST", help="That serves the model, with --flavour image."),
        click.option(
            "--flavour", default="server", show_default=True, help="How a model is delivered: server, files or image."
        ),
        click.option("--name", metavar="NAME", help="Of the deployment; else the model's or workload's."),
        placement_options,
        click.argument("what", metavar="REFERENCE|FILE"),
    ):
        command = option(command)
    return command


@click.command(cls=Verb)
@_what_goes_where
@click.pass_obj
def plan(
    settings: Settings,
    what: str,
    where: Callable[[str], Placement],
    name: str | None,
    flavour: Any,
    image: str | None,
    versions: tuple[str, ...],
    rollout: Rollout,
) -> None:
    """Show what `deploy` with the same arguments would change; nothing is touched."""
    found = thing(what)
    with settings.open() as hub:
        made = hub.plan(
            found,
            to=where(found.name),
            name=name,
            flavour=flavour,
            image=image,
            versions=versions_of(versions),
            rollout=rollout,
        )
    show_plan(settings, made)


@click.command(cls=Verb)
@_what_goes_where
@eviction_option
@click.option("--wait", is_flag=True, help="Until it works everywhere.")
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), default=120, show_default=True, metavar="SECONDS"
)
@click.pass_obj
def deploy(
    settings: Settings,
    what: str,
    where: Callable[[str], Placement],
    name: str | None,
    flavour: Any,
    image: str | None,
    versions: tuple[str, ...],
    rollout: Rollout,
    allow_eviction: bool,
    wait: bool,
    timeout: float,
) -> None:
    """Put a model or workload on clusters, or change what is there."""
    found = thing(what)
    with settings.open() as hub:
        deployment = hub.deploy(
            found,
            to=where(found.name),
            name=name,
            flavour=flavour,
            image=image,
            versions=versions_of(versions),
            rollout=rollout,
            allow_eviction=allow_eviction,
        )
        _report(settings, deployment, wait=wait, timeout=timeout)


@click.command(cls=Verb)
@name_argument()
@click.argument("what", metavar="REFERENCE|FILE")
@versions_option
@click.option("--wait", is_flag=True, help="Until it works everywhere.")
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), default=120, show_default=True, metavar="SECONDS"
)
@click.pass_obj
def update(settings: Settings, name: str, what: str, versions: tuple[str, ...], wait: bool, timeout: float) -> None:
    """Replace the model or workload of a deployment; where it goes stays."""
    found = thing(what)
    with settings.open() as hub:
        deployment = hub.get(name).update(found, versions=versions_of(versions))
        _report(settings, deployment, wait=wait, timeout=timeout)


@click.command(cls=Verb)
@click.option(
    "-f", "--file", "files", required=True, multiple=True, metavar="FILE|FOLDER|-",
    help="A Release as YAML; given several times, they are one.",
)  # fmt: skip
@click.option(
    "--overlay", "overlays", multiple=True, metavar="FILE", help="An Overlay: what is different in this environment."
)
@click.option("--dry-run", is_flag=True, help="Only show the plan.")
@eviction_option
@click.pass_obj
def apply(
    settings: Settings, files: tuple[str, ...], overlays: tuple[str, ...], dry_run: bool, allow_eviction: bool
) -> None:
    """Do what release files say; print the plan that was applied."""
    with settings.open() as hub:
        made = hub.apply_file(*files, overlays=overlays, dry_run=dry_run, allow_eviction=allow_eviction)
    show_plan(settings, made)


@click.command(cls=Verb)
@click.argument("names", nargs=-1, metavar="[NAME]…")
@click.pass_obj
def export(settings: Settings, names: tuple[str, ...]) -> None:
    """Print what is deployed as a release file: of some deployments, or of all."""
    with settings.open() as hub:
        printing.document(settings, as_document(hub.export(*names)))


def _report(settings: Settings, deployment: Deployment, *, wait: bool, timeout: float) -> None:
    if wait:
        deployment.wait(timeout=timeout)
    table = display.deployments([deployment])
    printing.table(settings, display.Table("", table.columns, table.rows))
