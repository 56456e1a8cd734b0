"""mkdocs: puts the help of the program `i4q` and of all its verbs where a page says `{{ i4q --help }}`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MARK = "{{ i4q --help }}"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by mkdocs for each page."""
    return markdown.replace(MARK, "\n".join(_sections())) if MARK in markdown else markdown


def _sections() -> Iterator[str]:
    import click

    from i4q_ai.cli.program import program

    yield from _help(click.Context(program, info_name="i4q", terminal_width=100), depth=2)


def _help(context: Any, depth: int) -> Iterator[str]:
    yield f"{'#' * depth} {context.command_path}\n\n```text\n{context.get_help()}\n```\n"
    for name in getattr(context.command, "list_commands", lambda _: [])(context):
        command = context.command.get_command(context, name)
        inner = type(context)(command, info_name=name, parent=context, terminal_width=100)
        yield from _help(inner, depth=min(depth + 1, 4))
