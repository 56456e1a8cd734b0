"""The listener: from a webhook to an applied plan; 500 repositories polled every 30 s."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import monotonic, sleep

from i4q_ai import Hub
from i4q_ai.listening import lines
from i4q_ai.listening.doors import Doors, serving
from i4q_ai.listening.ledger import Ledger
from i4q_ai.listening.lines import Change
from i4q_ai.listening.listening import Listening
from i4q_ai.listening.rules import ListenedSource, Listener
from tests.bench.processes import cpu_seconds, resident_bytes
from tests.bench.rows import Row, limited
from tests.e2e.listening.conftest import Plant
from tests.testbed.gitserver import GitServer

log = logging.getLogger(__name__)

REPOSITORIES = 500
POLL = 30
WINDOW = 60.0
PUSHES = 7
PATIENCE = 120.0
_SECRET = "doorbell"
_HEAD = "b2197c09fe8f50d78fffcc97a61af0f440d5bdd1"

_SERVER = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
head = sys.argv[1]
def line(text):
    return f"{len(text) + 4:04x}{text}"
body = (line("# service=git-upload-pack\\n") + "0000"
    + line(f"{head} HEAD\\0multi_ack side-band-64k ofs-delta shallow symref=HEAD:refs/heads/main agent=git/2\\n")
    + line(f"{head} refs/heads/main\\n") + "0000").encode()
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""
"""Answers as a Git server does that is asked for its refs, and has nothing new."""


def run() -> list[Row]:
    """Push and ring several times; then let a process poll."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        seconds = _rung(folder / "rung")
        share, megabytes = _polled(folder / "polled")
    rung = f"a release in Git, over http, embedded backend; median of {PUSHES}, at most {max(seconds):.2f} s"
    polled = f"each of {REPOSITORIES} over http every {POLL} s, for {WINDOW:g} s; user and system time"
    return [
        limited("webhook until its plan is applied", median(seconds), goal=1.0, unit="s", note=rung),
        limited(f"{REPOSITORIES} repositories polled: a core's share", share * 100, goal=10, unit="%", note=polled),
        limited("the same: resident memory", megabytes, goal=150, unit="MB", note="at the end"),
    ]


def _rung(folder: Path) -> list[float]:
    os.environ["BENCH_DOORBELL"] = _SECRET
    (folder / "git").mkdir(parents=True)
    applied = threading.Semaphore(0)

    def told(_: ListenedSource, change: Change) -> None:
        assert change.state == "applied", change
        applied.release()

    with GitServer(folder / "git") as server, Hub(home=folder / "home") as hub:
        plant = Plant(server, folder / "plant")
        hub.clusters.add("edge-1", labels={"line": "cnc"})
        hook = {"name": "forge", "sender": "github", "secret": {"env": "BENCH_DOORBELL"}}
        rules = plant.rules(hooks=[hook], hook="forge", poll=3600)
        listening = Listening(hub, rules, told=told, calm=0.0, cache=folder / "cache")
        stop = threading.Event()
        thread = threading.Thread(target=listening.run, args=(stop,))
        thread.start()
        try:
            with serving(Doors(rules, listening.ring), host="127.0.0.1", port=0) as port:
                return [_once(plant, str(version), port, applied) for version in range(1, PUSHES + 1)]
        finally:
            stop.set()
            thread.join()
            hub.clusters.remove("edge-1", refresh=False)


def _once(plant: Plant, version: str, port: int, applied: threading.Semaphore) -> float:
    commit = plant.push(plant.release(version))
    body = json.dumps({"ref": "refs/heads/main", "after": commit, "repository": {"full_name": "plant/models"}}).encode()
    mac = hmac.new(_SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-Hub-Signature-256": f"sha256={mac}", "X-GitHub-Delivery": commit, "X-GitHub-Event": "push"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/hooks/forge", body, headers, method="POST")
    began = monotonic()
    urllib.request.urlopen(request, timeout=PATIENCE).close()
    assert applied.acquire(timeout=PATIENCE)
    return monotonic() - began


def _polled(folder: Path) -> tuple[float, float]:
    """The share of a core, and resident megabytes."""
    folder.mkdir()
    with _server() as port:
        allow = {"names": ["wear"], "everywhere": True}
        sources = [
            {
                "name": f"r{number}",
                "git": {"repo": f"http://127.0.0.1:{port}/r{number}.git"},
                "poll": POLL,
                "allow": allow,
            }
            for number in range(REPOSITORIES)
        ]
        rules = Listener.parse({"sources": sources})
        (folder / "listen.yaml").write_text(rules.to_yaml())
        _note_as_done(rules, folder / "home")
        command = [sys.executable, "-c", "from i4q_ai.cli import main; main()", "listen", str(folder / "listen.yaml")]
        environment = {**os.environ, "I4Q_HOME": str(folder / "home"), "I4Q_CACHE": str(folder / "cache")}
        with _process(command, env=environment, stderr=subprocess.DEVNULL) as process:
            sleep(2.0 * POLL)  # the first looks ask the store; the figure is of those that find nothing new
            before, began = cpu_seconds(process.pid), monotonic()
            sleep(WINDOW)
            used = (cpu_seconds(process.pid) - before) / (monotonic() - began)
            return used, resident_bytes(process.pid) / 1e6


def _note_as_done(rules: Listener, home: Path) -> None:
    with Hub("embedded", namespace="i4q", home=home) as hub:
        ledger = Ledger(hub.engine.store, hub.namespace, deadline=hub.engine.deadline)
        for source in rules.sources:
            ledger.write(lines.key(source), lines.fresh(source).replace(head=_HEAD), expected=0)


@contextmanager
def _server() -> Iterator[int]:
    with _process([sys.executable, "-c", _SERVER, _HEAD], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.stdout.close()


@contextmanager
def _process(command: list[str], **about: object) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, **about)  # type: ignore[call-overload]
    try:
        yield process
        assert process.poll() is None, f"{command[:3]} ended with {process.returncode}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
