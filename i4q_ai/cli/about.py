"""`i4q completion`, `schema`, `version`: about the program itself."""

from __future__ import annotations

from importlib.metadata import version as installed

import click
from click.shell_completion import get_completion_class

from i4q_ai import schemas
from i4q_ai.cli import printing
from i4q_ai.cli.settings import Settings
from i4q_ai.cli.verbs import Verb
from i4q_ai.schemas import KINDS


@click.command(cls=Verb)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes a shell complete verbs: eval "$(i4q completion bash)"."""
    kind = get_completion_class(shell)
    assert kind is not None, "click knows these shells"
    printing.out(kind(context.find_root().command, {}, "i4q", "_I4Q_COMPLETE").source())


@click.command(cls=Verb)
@click.argument("kind", type=click.Choice([kind.__name__.lower() for kind in KINDS]))
def schema(kind: str) -> None:
    """Print the JSON Schema of a kind of document, by which editors complete it."""
    (found,) = (each for each in KINDS if each.__name__.lower() == kind)
    printing.out(schemas.text(found).rstrip())


@click.command(cls=Verb)
@click.pass_obj
def version(settings: Settings) -> None:
    """Print the version."""
    number = installed("i4q-ai")
    printing.document(settings, {"version": number}, text=number)
