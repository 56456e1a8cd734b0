"""`i4q workload …`: pack, push and show the programs that use models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from i4q_ai.cli.model import push_thing, show_thing
from i4q_ai.cli.objects import thing
from i4q_ai.cli.pairs import pairs
from i4q_ai.cli.settings import Settings
from i4q_ai.cli.verbs import Verbs, if_match_option, rate_option, timeout_option
from i4q_ai.workload import Workload


@click.group(cls=Verbs, name="workload")
def group() -> None:
    """Workloads: pack code, push it, show what a reference is."""


@group.command("pack")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("command", nargs=-1, required=True)
@click.option("--name", required=True, help="A DNS label.")
@click.option("--version", required=True, help="For people; never given twice to other content.")
@click.option("--uses", multiple=True, metavar="MODEL=url|path", help="A model's deployment, and how it is wanted.")
@click.option("--env", multiple=True, metavar="KEY=VALUE", help="A variable.")
@click.option("--port", type=int, help="On which it listens.")
@click.option("--ready", metavar="PATH", help="A route that answers once it works.")
@click.pass_obj
def pack(
    settings: Settings,
    folder: Path,
    command: tuple[str, ...],
    name: str,
    version: str,
    uses: tuple[str, ...],
    env: tuple[str, ...],
    port: int | None,
    ready: str | None,
) -> None:
    """Make a workload of a folder and a COMMAND to run in it (after `--`); print it as YAML, to be pushed."""
    made = Workload.from_dir(
        folder,
        name=name,
        version=version,
        command=command,
        uses=pairs(uses, what="use"),
        env=pairs(env, what="variable"),
        port=port,
        ready=ready,
    )
    show_thing(settings, made)


@group.command("push")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--to", metavar="REFERENCE", help="host/repository[:tag] or oci:FOLDER[:tag]; else a folder of the home.")
@if_match_option
@rate_option
@timeout_option(3600)
@click.pass_obj
def push(settings: Settings, /, file: Path, to: str | None, timeout: float, **how: Any) -> None:
    """Push what `pack` printed to FILE; print the reference by digest."""
    push_thing(settings, file, Workload, to, timeout=timeout, **how)


@group.command("show")
@click.argument("what", metavar="REFERENCE|FILE")
@click.pass_obj
def show(settings: Settings, what: str) -> None:
    """Print what is known of a workload, as YAML."""
    show_thing(settings, thing(what))
