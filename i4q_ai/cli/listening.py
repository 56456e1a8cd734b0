"""`i4q listen`, `changes`, `approve`, `refuse`: deploy what is pushed to Git and registries, within rules."""

from __future__ import annotations

import contextlib
import getpass
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from i4q_ai import display
from i4q_ai.cli import printing
from i4q_ai.cli.running import end_on_signal
from i4q_ai.cli.settings import Settings
from i4q_ai.cli.verbs import Verb, lease_option
from i4q_ai.errors import I4qError

if TYPE_CHECKING:
    from i4q_ai.hub import Hub
    from i4q_ai.listening.ledger import Ledger
    from i4q_ai.listening.lines import Change, Line
    from i4q_ai.listening.rules import ListenedSource

_MOST_NAMED = 8


@click.command(cls=Verb)
@click.argument("rules", type=click.Path(path_type=Path))
@click.option("--approve", is_flag=True, help="Every change waits for `i4q approve`.")
@click.option("--once", is_flag=True, help="One look at every source, then end.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where webhooks come to.")
@click.option("--port", type=click.IntRange(0, 65535), default=8090, show_default=True, help="0 takes a free one.")
@click.option("--tls-certificate", type=click.Path(path_type=Path), metavar="FILE", help="PEM: webhooks come by https.")
@click.option("--tls-key", type=click.Path(path_type=Path), metavar="FILE", help="PEM; else with the certificate.")
@lease_option("listener takes over a change")
@click.option("--workers", type=click.IntRange(1, 64), default=8, show_default=True, help="Looks at once.")
@click.pass_obj
def listen(
    settings: Settings,
    rules: Path,
    approve: bool,
    once: bool,
    host: str,
    port: int,
    tls_certificate: Path | None,
    tls_key: Path | None,
    lease: float,
    workers: int,
) -> None:
    """Deploy what changes in Git and registries, as the file RULES allows; SIGTERM ends it."""
    from i4q_ai.listening.doors import Doors, serving
    from i4q_ai.listening.listening import Listening
    from i4q_ai.listening.rules import Listener

    if tls_key is not None and tls_certificate is None:
        raise click.UsageError("--tls-key is of no use without --tls-certificate")
    read = Listener.read(rules)
    with settings.open() as hub:
        listening = Listening(hub, read, approve=approve, lease=lease, workers=workers, told=_tell)
        if once:
            _one_look(settings, listening.once())
            return
        end_on_signal()
        with contextlib.ExitStack() as stack:
            if read.hooks:
                doors = serving(
                    Doors(read, listening.ring), host=host, port=port, certificate=tls_certificate, key=tls_key
                )
                printing.say(f"webhooks come to {host}:{stack.enter_context(doors)}")
            more = f" and {len(read.sources) - _MOST_NAMED} more" if len(read.sources) > _MOST_NAMED else ""
            printing.say(
                f"listening to {', '.join(each.name for each in read.sources[:_MOST_NAMED])}{more} for {hub!r}"
            )
            listening.run(threading.Event())


def _tell(source: ListenedSource, change: Change) -> None:
    deployed = ", ".join(f"{name} revision {revision}" for name, revision in change.deployed.items() if revision)
    told = " ".join(part for part in (change.why, deployed) if part)
    printing.say(f"{source.name} {change.label} ({change.id}) {change.state}{f': {told}' if told else ''}")


def _one_look(settings: Settings, states: dict[str, str | None]) -> None:
    rows = tuple((name, state) for name, state in states.items())
    printing.table(settings, display.Table("", ("source", "state"), rows))
    if bad := [name for name, state in states.items() if state in ("failed", "refused")]:
        raise I4qError(f"not applied: {', '.join(bad)}", hint="i4q changes says why, where there is a change")


@click.command(cls=Verb)
@click.argument("id", required=False)
@click.pass_obj
def changes(settings: Settings, id: str | None) -> None:
    """Show what listeners have seen and done, the newest first; of one change, by its ID, with its plan."""
    with settings.open() as hub:
        ledger = _ledger(hub)
        if id is None:
            printing.table(settings, _table(ledger.all()))
            return
        line, change = ledger.change(id)
    about = {"source": line.source, "repository": line.repository, "path": line.path, **change.dump()}
    printing.document(settings, about)


@click.command(cls=Verb)
@click.argument("id")
@click.option("--by", metavar="WHO", help="Who approves; else the user.")
@click.pass_obj
def approve(settings: Settings, id: str, by: str | None) -> None:
    """Let a change that waits be applied, or one that was refused be tried again; a running listener does it."""
    with settings.open() as hub:
        _ledger(hub).answer(id, approve=True, by=by or _user())
    printing.done(settings, "approved", "change", id)


@click.command(cls=Verb)
@click.argument("id")
@click.option("--by", metavar="WHO", help="Who refuses; else the user.")
@click.option("--why", default="", metavar="TEXT", help="Is shown by `i4q changes`.")
@click.pass_obj
def refuse(settings: Settings, id: str, by: str | None, why: str) -> None:
    """Refuse a change that waits; what comes after it is a new change."""
    with settings.open() as hub:
        _ledger(hub).answer(id, approve=False, by=by or _user(), why=why)
    printing.done(settings, "refused", "change", id)


def _ledger(hub: Hub) -> Ledger:
    from i4q_ai.listening.ledger import Ledger

    return Ledger(hub.engine.store, hub.namespace, deadline=hub.engine.deadline)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user of a container, who has no name
        return str(os.getuid())


def _table(lines: list[Line]) -> display.Table:
    found = [(line, change) for line in lines for change in line.changes]
    found.sort(key=lambda each: each[1].seen, reverse=True)
    columns = ("id", "source", "change", "state", "seen", "deployed", "by", "why")
    rows = tuple(
        (
            change.id,
            line.source,
            change.label,
            change.state,
            _time(change.seen),
            ", ".join(f"{name} {revision}" if revision else name for name, revision in change.deployed.items()) or None,
            change.by or None,
            change.why or None,
        )
        for line, change in found
    )
    return display.Table(f"{len(rows)} changes" if len(rows) != 1 else "1 change", columns, rows)


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
