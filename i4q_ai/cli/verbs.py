"""Commands and groups as `i4q` has them: common options everywhere, unknown verbs suggest the nearest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

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


eviction_option: Callable[[Any], Any] = click.option(
    "--allow-eviction",
    is_flag=True,
    help="Also if the changed placement takes it from more clusters than may be meant.",
)
cluster_option: Callable[[Any], Any] = click.option(
    "--cluster", required=True, metavar="NAME", help="On which cluster."
)
