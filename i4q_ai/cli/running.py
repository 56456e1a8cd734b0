"""`i4q controller`, `serve`, `edge`, `conformance`: what runs in the foreground."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import click

from i4q_ai import display
from i4q_ai.cli import printing
from i4q_ai.cli.settings import Settings
from i4q_ai.cli.verbs import Verb, lease_option
from i4q_ai.errors import ConflictError, DeploymentFailed, I4qError


@click.command(cls=Verb)
@click.option("--once", is_flag=True, help="One turn, then end.")
@lease_option("controller takes over")
@click.pass_obj
def controller(settings: Settings, once: bool, lease: float) -> None:
    """Keep all deployments of the namespace as they are wanted; SIGTERM ends it."""
    from i4q_ai.controller import Controller

    with settings.open() as hub:
        keeper = Controller(hub, lease_seconds=lease)
        if once:
            _one_turn(settings, keeper)
            return
        end_on_signal()
        printing.say(f"controller of {hub!r} for {hub.owner}")
        keeper.run(threading.Event())


def end_on_signal() -> None:
    """SIGTERM ends the program from now on, as Ctrl-C does, but with exit code 0."""
    signal.signal(signal.SIGTERM, _end)


def _end(_number: int, _frame: FrameType | None) -> None:
    # Raised where it waits, so that it ends at once; it may be killed anywhere, so this harms nothing.
    sys.exit(0)


def _one_turn(settings: Settings, keeper: Any) -> None:
    turn = keeper.once()
    if not turn.held:
        raise ConflictError("another controller is at work", hint="it does the same; stop it first")
    keeper.release()
    rows = tuple(sorted(turn.failed.items()))
    printing.table(settings, display.Table("", ("deployment", "failed"), rows))
    if turn.failed:
        raise DeploymentFailed("some deployments could not be refreshed", reasons=turn.failed)


@click.command(cls=Verb)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 takes a free one.")
@click.option("--name", help="What the model is called in URLs.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="For each inference.")
@click.option("--max-body", type=click.IntRange(min=1), default=64 * 1024 * 1024, show_default=True, metavar="BYTES")
@click.option("--memory-limit", type=click.IntRange(min=1), metavar="BYTES", help="Of a new version while it is tried.")
@click.option("--self-test/--no-self-test", default=True, help="Try a new version in a process of its own.")
@click.option("--self-test-timeout", type=float, default=60, show_default=True, metavar="SECONDS")
@click.option("--instance", default="", metavar="TOKEN", help="Given back in the header I4q-Instance.")
@click.option("--admin", is_flag=True, help="Let other machines load and unload models.")
@click.option("--all-versions", is_flag=True, help="Load every version, not only the one to serve by default.")
@click.option("--queue", type=click.IntRange(min=1), default=64, show_default=True, help="Requests that may wait.")
@click.option("--drain", type=click.FloatRange(min=0), default=30, show_default=True, metavar="SECONDS")
@click.option("--protocol", type=click.Choice(["http", "asgi"]), default="http", show_default=True)
def serve(**options: Any) -> None:
    """Serve the models of FOLDER over HTTP: the Open Inference Protocol v2."""
    from i4q_ai import serve as server

    server.run(server.ServeOptions(**options))
    server.leave(0)


@click.command(cls=Verb)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--follow", multiple=True, metavar="PLACE", help="What it should have stands there; may be given again.")
@click.option("--every", type=click.FloatRange(min=0, min_open=True), default=30, show_default=True, metavar="SECONDS")
@click.option("--allow-empty", is_flag=True, help="A path in Git without documents means that nothing is wanted.")
@click.pass_obj
def edge(settings: Settings, folder: Path, follow: tuple[str, ...], every: float, allow_empty: bool) -> None:
    """Run the agent of the cluster whose FOLDER this is; SIGTERM ends it and what it runs.

    With --follow it needs no hub: git+https://HOST/REPOSITORY.git//PATH@BRANCH, oci://REGISTRY/REPOSITORY:TAG or
    oci:FOLDER:TAG, looked at every so many SECONDS, and at once on SIGHUP.
    """
    from i4q_ai.edge.__main__ import BUSY, main

    places = [word for place in follow for word in ("--follow", place)]
    flags = [*(["--allow-empty"] if allow_empty else []), *(["--verbose"] if settings.verbose else [])]
    code = main([str(folder), *places, "--every", str(every), *flags])
    if code == BUSY:
        raise ConflictError(f"another agent has '{folder}'")
    if code:
        raise I4qError(f"the agent of '{folder}' could not work")


@click.command(cls=Verb)
@click.argument("url")
@click.option("--model", metavar="NAME", help="Ask this one; else the first that is there.")
@click.pass_obj
def conformance(settings: Settings, url: str, model: str | None) -> None:
    """Check any server against the Open Inference Protocol v2; URL is the server's, or one of its models'."""
    from i4q_ai.serve.conformance import check

    server, _, named = url.rstrip("/").partition("/v2/models/")
    findings = check(server, model or named or None)
    rows = tuple((found.rule, found.result, found.seen) for found in findings)
    printing.table(settings, display.Table(url, ("rule", "result", "seen"), rows))
    failed = [found.rule for found in findings if found.result == "failed"]
    if failed:
        raise I4qError(f"{url} breaks {len(failed)} of {len(findings)} rules")
