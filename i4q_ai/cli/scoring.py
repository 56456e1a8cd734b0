"""`i4q score`: how good clusters are at something; placements prefer by it."""

from __future__ import annotations

from collections.abc import Sequence

import click

from i4q_ai import display
from i4q_ai.cli import printing
from i4q_ai.cli.pairs import pairs
from i4q_ai.cli.settings import Settings
from i4q_ai.cli.verbs import Verb
from i4q_ai.scores import RESOURCE, Published


@click.command(cls=Verb)
@click.argument("cluster", required=False)
@click.argument("values", nargs=-1, metavar="[SCORE=VALUE]...")
@click.option("--resource", default=RESOURCE, show_default=True, metavar="NAME", help="Whose scores they are.")
@click.option("--valid", type=float, metavar="SECONDS", help="Until they end; else never.")
@click.option("--clear", is_flag=True, help="Take all scores of the resource away.")
@click.option("--refresh/--no-refresh", default=True, show_default=True, help="Move what is deployed.")
@click.pass_obj
def score(
    settings: Settings,
    cluster: str | None,
    values: tuple[str, ...],
    resource: str,
    valid: float | None,
    clear: bool,
    refresh: bool,
) -> None:
    """Replace the scores of CLUSTER, whole numbers from -100 to 100; without values, list all scores."""
    if clear == bool(values) and (clear or cluster):
        raise click.UsageError("give SCORE=VALUE, as accuracy=93, or --clear")
    if clear and not cluster:
        raise click.UsageError("--clear needs a cluster")
    with settings.open() as hub:
        if cluster is None:
            found: Sequence[Published] = hub.scores.list()
        else:
            numbers = {name: _number(name, value) for name, value in pairs(values, what="score").items()}
            published = hub.scores.publish({cluster: numbers}, resource=resource, valid=valid, refresh=refresh)
            found = [each for each in published if each.cluster == cluster]
    printing.table(settings, display.scores(found))


def _number(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise click.UsageError(f"the score '{name}' is '{text}', no whole number from -100 to 100") from error
