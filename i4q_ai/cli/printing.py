"""What is printed: data on stdout, prose on stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from typing import Any

import click

from i4q_ai.cli.settings import Settings
from i4q_ai.display import COLOURED, COLOURS, Table, shown
from i4q_ai.errors import StorageError


def out(text: str, *, end: str = "\n") -> None:
    """Text on stdout.

    Raises:
        StorageError: it cannot be written, for instance because the disk it goes to is full.
        BrokenPipeError: nobody reads it any more.
    """
    try:
        click.echo(text + end, nl=False)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StorageError(f"cannot write the output: {error.strerror}") from error


def say(text: str) -> None:
    """Prose, for people."""
    click.echo(shown(text), err=True)


def table(settings: Settings, what: Table) -> None:
    """A table: its rows on stdout, its title and notes on stderr; as JSON or YAML, a list of its rows."""
    if settings.format == "html":
        out(what.html())
        return
    if settings.format != "table":
        data(settings, what.data())
        return
    if what.title:
        say(what.title)
    if what.rows and sys.stdout is not None and sys.stdout.isatty():
        _coloured(what)
    elif what.rows:
        out(what.body())
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
        out(text)


def data(settings: Settings, what: Any, *, compact: bool = False) -> None:
    """Plain data as JSON, or as YAML.

    Args:
        settings: the format; YAML unless it is JSON.
        what: plain data.
        compact: one line of JSON, or a YAML document that another may follow.

    Raises:
        click.UsageError: HTML is asked for, and this is no table.
    """
    if settings.format == "html":
        raise click.UsageError("this is no table: -o json or -o yaml, not html")
    if settings.format == "json":
        out(json.dumps(_finite(what), ensure_ascii=False, indent=None if compact else 2, allow_nan=False))
    else:
        from i4q_ai import yamls

        out(("---\n" if compact else "") + yamls.dump(what), end="")


def _finite(what: Any) -> Any:
    """JSON has no word for what is no finite number: it becomes text, which `ask --data` takes for one again."""
    if isinstance(what, float) and not math.isfinite(what):
        return "NaN" if math.isnan(what) else "Infinity" if what > 0 else "-Infinity"
    if isinstance(what, Mapping):
        return {key: _finite(value) for key, value in what.items()}
    if isinstance(what, list | tuple):
        return [_finite(value) for value in what]
    return what


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
