"""`i4q refresh`, `wait`, `rollback`, `repair`, `delete`: move what is deployed."""

from __future__ import annotations

import click

from i4q_ai import display
from i4q_ai.cli import printing
from i4q_ai.cli.deploying import show_plan
from i4q_ai.cli.settings import Settings
from i4q_ai.cli.verbs import Verb, eviction_option, name_argument, timeout_option


@click.command(cls=Verb)
@click.argument("name", required=False)
@click.pass_obj
def refresh(settings: Settings, name: str | None) -> None:
    """Bring clusters up to what is wanted now: of one deployment, or of all; print what changed."""
    with settings.open() as hub:
        made = hub.refresh(None if name is None else hub.get(name).name)
    show_plan(settings, made)


@click.command(cls=Verb)
@name_argument()
@timeout_option(120)
@click.pass_obj
def wait(settings: Settings, name: str, timeout: float) -> None:
    """Wait until a deployment works on all clusters within reach; drives a staged roll-out."""
    with settings.open() as hub:
        deployment = hub.get(name).wait(timeout=timeout)
        printing.table(settings, display.deployments([deployment]))


@click.command(cls=Verb)
@name_argument()
@click.option("--to", type=int, metavar="REVISION", help="Of `history`; else the one before the present one.")
@eviction_option
@click.pass_obj
def rollback(settings: Settings, name: str, to: int | None, allow_eviction: bool) -> None:
    """Go back to a revision; that becomes a revision of its own."""
    with settings.open() as hub:
        deployment = hub.get(name).rollback(to=to, allow_eviction=allow_eviction)
        printing.table(settings, display.deployments([deployment]))


@click.command(cls=Verb)
@name_argument()
@click.option("--force", is_flag=True, help="Take over fields that somebody else manages.")
@click.pass_obj
def repair(settings: Settings, name: str, force: bool) -> None:
    """Bring clusters back to what they were told, where `drift` shows that they are not."""
    with settings.open() as hub:
        deployment = hub.get(name).repair(force=force)
        printing.table(settings, display.deployments([deployment]))


@click.command(cls=Verb)
@name_argument()
@timeout_option(60)
@click.pass_obj
def delete(settings: Settings, name: str, timeout: float) -> None:
    """Take a deployment from all clusters and forget it; clusters that are away follow when they are back."""
    with settings.open() as hub:
        left = hub.get(name).delete(timeout=timeout)
    if left is None:
        printing.done(settings, "deleted", "deployment", name)
        return
    printing.say("what is left goes when its cluster is back, at a refresh or by the controller")
    printing.table(settings, display.status(left))
