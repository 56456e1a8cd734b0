"""`key=value` on the command line."""

from __future__ import annotations

from collections.abc import Iterable

import click


def pairs(texts: Iterable[str], *, what: str) -> dict[str, str]:
    """`key=value` texts as a dict.

    Raises:
        click.UsageError: one has no '=', or a key stands twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise click.UsageError(f"'{text}' is no {what}: KEY=VALUE")
        if key in found:
            raise click.UsageError(f"the {what} '{key}' is given twice")
        found[key] = value
    return found
