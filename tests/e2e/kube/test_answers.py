"""Answers that a healthy API server gives only now and then: a script gives them when they are wanted."""

from __future__ import annotations

import http.server
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

from i4q_ai import yamls
from i4q_ai.deadline import Deadline
from i4q_ai.errors import DeadlineError, ForbiddenError, UnreachableError
from i4q_ai.kube import Api
from tests.e2e.kube.conftest import Soon

VERSION = {"gitVersion": "v1.34.4"}
GONE = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}


@dataclass
class Reply:
    """One scripted answer."""

    body: Any = field(default_factory=lambda: VERSION)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        """Lists are streams: a line for each entry."""
        lines = self.body if isinstance(self.body, list) else [self.body]
        return b"\n".join(json.dumps(line).encode() for line in lines)


class Script:
    """A server that gives its answers in their order, and the last one for ever."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.asked: list[tuple[str, str, str]] = []
        self.times: list[float] = []

    def __enter__(self) -> Self:
        script = self

        class _Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                script.asked.append((self.command, self.path, self.headers.get("Authorization", "")))
                script.times.append(time.monotonic())
                reply = script.replies.pop(0) if len(script.replies) > 1 else script.replies[0]
                content = reply.encoded()
                self.send_response(reply.status)
                for name, value in {"Content-Length": str(len(content)), **reply.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def script() -> Iterator[Script]:
    with Script() as made:
        yield made


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("old\n")
    return path


@pytest.fixture
def api(script: Script, token: Path, tmp_path: Path) -> Iterator[Api]:
    config = {
        "clusters": [{"name": "c", "cluster": {"server": script.url}}],
        "users": [{"name": "u", "user": {"tokenFile": "token"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "c",
    }
    (tmp_path / "config").write_text(yamls.dump(config))
    with Api.open(kubeconfig=tmp_path / "config") as opened:
        yield opened


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_asks_to_wait_is_waited_for(script: Script, api: Api, soon: Soon, status: int) -> None:
    script.replies = [Reply(status=status, headers={"Retry-After": "1"}), Reply()]
    assert api.version(deadline=soon()) == "v1.34.4"
    assert script.times[1] - script.times[0] >= 1


def test_a_wait_that_would_end_too_late_is_not_begun(script: Script, api: Api) -> None:
    script.replies = [Reply(status=429, headers={"Retry-After": "30"})]
    began = time.monotonic()
    with pytest.raises(DeadlineError, match="the server answered 429"):
        api.version(deadline=Deadline.after(10))
    assert time.monotonic() - began < 10
    assert len(script.asked) == 1


def test_a_server_in_trouble_is_tried_again_a_few_times(script: Script, api: Api, soon: Soon) -> None:
    script.replies = [Reply({"kind": "Status", "message": "etcdserver: leader changed"}, status=500)]
    with pytest.raises(UnreachableError, match="etcdserver: leader changed"):
        api.version(deadline=soon())
    assert len(script.asked) == 5


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422])
def test_a_refusal_is_not_tried_again(script: Script, api: Api, soon: Soon, status: int) -> None:
    script.replies = [Reply({}, status=status)]
    with pytest.raises(Exception, match=f"list deployments in namespace a on {script.url}"):
        api.list("Deployment", "a", deadline=soon())
    assert len(script.asked) == 1


def test_a_token_that_has_been_renewed_is_read_again(script: Script, api: Api, token: Path, soon: Soon) -> None:
    script.replies = [Reply({}, status=401), Reply()]
    token.write_text("new\n")
    assert api.version(deadline=soon()) == "v1.34.4"
    assert [authorization for *_, authorization in script.asked] == ["Bearer old", "Bearer new"]


def test_a_token_that_stays_refused_is_told_without_it(script: Script, api: Api, soon: Soon) -> None:
    script.replies = [Reply({"kind": "Status", "message": "Unauthorized"}, status=401)]
    with pytest.raises(ForbiddenError, match="the credentials are not accepted") as caught:
        api.version(deadline=soon())
    assert len(script.asked) == 2
    assert "old" not in str(caught.value)


def test_an_answer_that_is_no_json_comes_from_something_else(script: Script, api: Api, soon: Soon) -> None:
    script.replies = [Reply(), Reply()]
    script.replies[1].encoded = lambda: b"<html>welcome"  # type: ignore[method-assign]
    assert api.version(deadline=soon())
    with pytest.raises(UnreachableError, match="no JSON"):
        api.version(deadline=soon())


def test_a_list_whose_pages_expire_is_taken_in_one_piece(script: Script, api: Api, soon: Soon) -> None:
    page = {"items": [{"metadata": {"name": "a"}}], "metadata": {"continue": "more", "resourceVersion": "1"}}
    whole = {"items": [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}], "metadata": {"resourceVersion": "2"}}
    script.replies = [Reply(page), Reply(GONE, status=410), Reply(whole)]
    found = api.list("Pod", "a", deadline=soon())
    assert (len(found.items), found.revision) == (2, "2")
    assert "limit=" not in script.asked[2][1]


def _event(kind: str, revision: str) -> dict[str, Any]:
    return {"type": kind, "object": {"metadata": {"name": "a", "resourceVersion": revision}}}


def _listing(revision: str) -> dict[str, Any]:
    return {"items": [], "metadata": {"resourceVersion": revision}}


@pytest.mark.parametrize("gone", [Reply([{"type": "ERROR", "object": GONE}]), Reply(GONE, status=410)])
def test_a_watch_whose_history_is_gone_lists_anew(script: Script, api: Api, soon: Soon, gone: Reply) -> None:
    script.replies = [Reply([_event("ADDED", "5")]), gone, Reply(_listing("9")), Reply([_event("MODIFIED", "10")])]
    watch = api.watch("Pod", "a", revision="4", deadline=soon())
    assert [(event.type, event.revision) for event in (next(watch), next(watch), next(watch))] == [
        ("ADDED", "5"),
        ("RESYNC", "9"),
        ("MODIFIED", "10"),
    ]
    watches = [path for _, path, _ in script.asked if "watch=true" in path]
    assert [path.partition("resourceVersion=")[2].partition("&")[0] for path in watches] == ["4", "5", "9"]


def test_a_watch_that_ends_at_once_every_time_is_not_hurried(script: Script, api: Api) -> None:
    script.replies = [Reply(_listing("1")), Reply([])]
    assert [event.type for event in api.watch("Pod", "a", deadline=Deadline.after(3))] == ["RESYNC"]
    assert len(script.asked) < 10


def test_a_port_where_something_else_answers(tmp_path: Path, soon: Soon) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        closing = threading.Thread(target=lambda: [other.accept()[0].close() for _ in range(5)], daemon=True)
        closing.start()
        config = {
            "clusters": [{"name": "c", "cluster": {"server": f"https://127.0.0.1:{other.getsockname()[1]}"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c"}}],
            "current-context": "c",
        }
        (tmp_path / "config").write_text(yamls.dump(config))
        with Api.open(kubeconfig=tmp_path / "config") as api, pytest.raises(UnreachableError):
            api.version(deadline=soon())
        closing.join(60)
