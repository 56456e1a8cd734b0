"""What is printed: data on stdout, prose on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

import click

from i4q_ai import yamls
from i4q_ai.cli.settings import Settings
from i4q_ai.display import COLOURED, COLOURS, Table, shown


def say(text: str) -> None:
    """Prose, for people."""
    click.echo(shown(text), err=True)


def table(settings: Settings, what: Table) -> None:
    """A table: its rows on stdout, its title and notes on stderr; as JSON or YAML, a list of its rows."""
    if settings.format != "table":
        data(settings, what.data())
        return
    if what.title:
        say(what.title)
    if what.rows and sys.stdout.isatty():
        _coloured(what)
    elif what.rows:
        click.echo(what.body())
    for note in what.notes:
        say(note)


def document(settings: Settings, what: Mapping[str, Any], *, text: str | None = None) -> None:
    """One object.

    Args:
        settings: the format.
        what: as JSON or YAML.
        text: as a table; its YAML if not given.
    """
    if settings.format != "table" or text is None:
        data(settings, what)
    else:
        click.echo(text)


def data(settings: Settings, what: Any, *, compact: bool = False) -> None:
    """Plain data as JSON, or as YAML.

    Args:
        settings: the format; YAML unless it is JSON.
        what: plain data.
        compact: one line of JSON, or a YAML document that another may follow.
    """
    if settings.format == "json":
        click.echo(json.dumps(what, ensure_ascii=False, indent=None if compact else 2))
    else:
        click.echo(("---\n" if compact else "") + yamls.dump(what), nl=False)


def done(settings: Settings, verb: str, what: str, name: str) -> None:
    """Say that something was done: prose for people, a document for programs."""
    if settings.format == "table":
        say(f"{verb} {what} {name}")
    else:
        data(settings, {"done": verb, what: name})


def _coloured(what: Table) -> None:
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    rich = RichTable(box=None, pad_edge=False, header_style="bold")
    for column in what.columns:
        rich.add_column(column.upper(), overflow="fold")
    for row in what.rows:
        cells = zip(what.columns, row, strict=True)
        rich.add_row(*(Text(shown(cell), style=_colour(column, cell)) for column, cell in cells))
    Console(file=sys.stdout, highlight=False).print(rich)


def _colour(column: str, cell: str | None) -> str:
    colour = COLOURS.get(cell or "", "") if column in COLOURED else ""
    return "bright_black" if colour == "grey" else colour
