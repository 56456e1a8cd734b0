"""Commands and groups as `i4q` has them: common options everywhere, unknown verbs suggest the nearest."""

from __future__ import annotations

from collections.abc import Callable
from types import EllipsisType
from typing import Any

import click

from i4q_ai import config
from i4q_ai.cli.settings import common
from i4q_ai.errors import nearest


class Verb(click.Command):
    """A command with the options that all verbs have."""

    def __init__(self, *args: Any, **about: Any) -> None:
        super().__init__(*args, **about)
        common(self)


class Verbs(click.Group):
    """A group of verbs."""

    command_class = Verb
    group_class = type

    def __init__(self, *args: Any, **about: Any) -> None:
        super().__init__(*args, **about)
        common(self)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb that the arguments name; an unknown one suggests the nearest."""
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            ctx.fail(f"There is no verb '{name}'; {nearest(name, self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)


def name_argument(help_of: str = "NAME") -> Callable[[Any], Any]:
    """The name of a deployment."""
    return click.argument("name", metavar=help_of)


def timeout_option(default: float) -> Callable[[Any], Any]:
    """How long it may take."""
    return click.option(
        "--timeout", type=click.FloatRange(min=0, min_open=True), default=default, show_default=True, metavar="SECONDS"
    )


def lease_option(who: str) -> Callable[[Any], Any]:
    """How long one of several has its turn without renewing it; says who does what then."""
    return click.option(
        "--lease",
        type=click.FloatRange(min=1),
        default=15,
        show_default=True,
        metavar="SECONDS",
        help=f"After which another {who} when this one is gone.",
    )


def _rate(_context: click.Context, _parameter: click.Parameter, text: str | None) -> float | None:
    return config.parse_rate(text) if text else None


def _if_match(_context: click.Context, _parameter: click.Parameter, text: str | None) -> str | EllipsisType | None:
    return ... if text is None else None if text == "none" else text


rate_option: Callable[[Any], Any] = click.option(
    "--rate", callback=_rate, metavar="BYTES", help="A second, at most: 500k, 10M. Else as I4Q_RATE says."
)
if_match_option: Callable[[Any], Any] = click.option(
    "--if-match",
    callback=_if_match,
    metavar="DIGEST|none",
    help="Set the tag only if it stands for this now; without it the tag must be new.",
)
eviction_option: Callable[[Any], Any] = click.option(
    "--allow-eviction",
    is_flag=True,
    help="Also if the changed placement takes it from more clusters than may be meant.",
)
cluster_option: Callable[[Any], Any] = click.option(
    "--cluster", required=True, metavar="NAME", help="On which cluster."
)
