"""What every verb is told: which hub, which namespace, how to print."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from i4q_ai.hub import Hub

FORMATS = ("table", "json", "yaml", "html")


@dataclass
class Settings:
    """What every verb is told; given before or after the verb.

    Args:
        hub: its address; None as `I4Q_HUB` says.
        namespace: of deployments; None as `I4Q_NAMESPACE` says.
        home: of the embedded backend; None as `I4Q_HOME` says.
        format: of what is printed.
        verbose: 1 logs, 2 logs more and shows tracebacks.
    """

    hub: str | None = None
    namespace: str | None = None
    home: Path | None = None
    format: str = "table"
    verbose: int = 0

    def open(self) -> Hub:
        """The hub; a context manager."""
        from i4q_ai.hub import Hub

        options: dict[str, Any] = {} if self.home is None else {"home": self.home}
        return Hub(self.hub, namespace=self.namespace, **options)


def common(command: click.Command) -> click.Command:
    """Give a command the options that all verbs have."""
    command.params.extend(_options())
    return command


def _options() -> list[click.Option]:
    def make(*names: str, then: Callable[[Settings, Any], None], **about: Any) -> click.Option:
        def remember(context: click.Context, _: click.Parameter, value: Any) -> None:
            if value is not None:
                then(context.ensure_object(Settings), value)

        return click.Option(names, expose_value=False, callback=remember, **about)

    return [
        make("--hub", metavar="ADDRESS", help="embedded, or name://rest; else $I4Q_HUB.", then=_set("hub")),
        make("--namespace", metavar="NAME", help="Of deployments; else $I4Q_NAMESPACE.", then=_set("namespace")),
        make(
            "--home",
            metavar="FOLDER",
            type=click.Path(file_okay=False, path_type=Path),
            help="Of the embedded backend; else $I4Q_HOME.",
            then=_set_home,
        ),
        make("-o", "--output", type=click.Choice(FORMATS), help="How to print data.", then=_set("format")),
        make("-v", "--verbose", count=True, default=None, help="Log; twice: more, and tracebacks.", then=_louder),
    ]


def _set(name: str) -> Callable[[Settings, Any], None]:
    return lambda settings, value: setattr(settings, name, value)


def _set_home(settings: Settings, value: Path) -> None:
    settings.home = value.absolute()
    # The folder registry, to which `push` goes if not told otherwise, lies in the home too.
    os.environ["I4Q_HOME"] = str(settings.home)


def _louder(settings: Settings, value: int) -> None:
    if not value:
        return
    settings.verbose += value
    level = logging.INFO if settings.verbose == 1 else logging.DEBUG
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("i4q_ai").setLevel(level)
