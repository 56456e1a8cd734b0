"""The doors as a hostile network sees them: slow, long, broken and many, over real sockets."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from i4q_ai.errors import InvalidError, UnreachableError
from i4q_ai.listening import doors as module
from i4q_ai.listening.doors import Doors, serving
from i4q_ai.listening.rules import Listener
from tests.testbed.certificates import Authority

LIMIT = 60.0
TOKEN = "doorbell"
ALLOW = {"names": ["x"], "everywhere": True}
RULES = Listener.parse(
    {
        "hooks": [{"name": "forge", "sender": "gitlab", "secret": {"env": "TEST_DOORBELL"}}],
        "sources": [{"name": "plant", "git": {"repo": "https://git/p.git"}, "allow": ALLOW, "hook": "forge"}],
    }
)


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("TEST_DOORBELL", TOKEN)
    return []


@pytest.fixture
def port(rung: list[str]) -> Iterator[int]:
    with serving(Doors(RULES, rung.append), host="127.0.0.1", port=0) as port:
        yield port


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=LIMIT)


def answer(port: int, *parts: bytes) -> bytes:
    """All that comes back; nothing where the connection is cut."""
    with connect(port) as connection:
        for part in parts:
            connection.sendall(part)
        return everything(connection)


def everything(connection: socket.socket) -> bytes:
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            found += part
    return found


def post(body: bytes, *headers: str, path: str = "/hooks/forge", length: int | None = None) -> bytes:
    head = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


def status(answered: bytes) -> int:
    return int(answered.split()[1])


GOOD = f"X-Gitlab-Token: {TOKEN}"


def test_it_rings(port: int, rung: list[str]) -> None:
    told = answer(port, post(b"{}", GOOD, "X-Gitlab-Event: Push Hook"))
    assert status(told) == 202
    assert json.loads(told.partition(b"\r\n\r\n")[2]) == {"rang": ["plant"]}
    assert rung == ["plant"]
    assert status(answer(port, b"GET /healthz HTTP/1.1\r\n\r\n")) == 200


@pytest.mark.parametrize(
    ("request_", "wanted"),
    [
        (post(b"{}"), 401),
        (post(b"{}", "X-Gitlab-Token: nonsense"), 401),
        (post(b"{", GOOD), 400),
        (post(b"[" * 100_000, GOOD), 400),
        (post(b"{}", GOOD, path="/hooks/other"), 404),
        (post(b"{}", GOOD, path="/hooks/../hooks/forge"), 404),
        (post(b"", GOOD, length=10**8), 413),
        (post(b"", GOOD, length=10**30), 413),
        (b"POST /hooks/forge HTTP/1.1\r\n" + GOOD.encode() + b"\r\n\r\n", 411),
        (post(b"{}", GOOD).replace(b"Content-Length: 2", b"Content-Length: -2"), 411),
        (post(b"2\r\n{}\r\n0\r\n\r\n", GOOD, "Transfer-Encoding: chunked"), 411),
        (b"GET /hooks/forge HTTP/1.1\r\n\r\n", 405),
        (b"DELETE /hooks/forge HTTP/1.1\r\n\r\n", 405),
        (b"GET / HTTP/1.1\r\n\r\n", 404),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
    ],
)
def test_what_is_not_let_in(port: int, rung: list[str], request_: bytes, wanted: int) -> None:
    told = answer(port, request_)
    assert not told or status(told) == wanted, "a connection may be cut while it still sends"
    assert TOKEN.encode() not in told
    assert rung == []


def test_whoever_is_slow_is_cut_off(port: int, rung: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.5)
    for begin in (b"", b"POST /hooks/forge HTTP/1.1\r\nX-A: b\r\n", post(b"", GOOD, length=1000)):
        with connect(port) as connection, contextlib.suppress(OSError):
            connection.sendall(begin)
            connection.settimeout(0.05)
            while True:  # a byte now and then, for ever
                with contextlib.suppress(TimeoutError):
                    if connection.recv(1024) == b"":
                        break
                connection.sendall(b"x")
    assert rung == []


def test_many_at_once_leave_room_again(port: int, rung: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", LIMIT)
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(connect(port)) for _ in range(module.MOST)]
        for connection in idle:
            connection.sendall(b"POST ")  # each is served before the next connection is taken
        assert answer(port, post(b"{}", GOOD)) == b""
    answered = b""
    while not answered:  # those that have gone are noticed one after the other
        answered = answer(port, post(b"{}", GOOD))
    assert status(answered) == 202


def test_by_tls(rung: list[str], tmp_path: Path) -> None:
    authority = Authority("doors")
    certificate, key = authority.server("doors", ["localhost"]).write(tmp_path, "doors")
    context = ssl.create_default_context(cadata=authority.pair.certificate.decode())
    with serving(Doors(RULES, rung.append), host="127.0.0.1", port=0, certificate=certificate, key=key) as port:
        assert answer(port, post(b"{}", GOOD)) == b"", "it is no plain http"
        with connect(port) as plain, context.wrap_socket(plain, server_hostname="localhost") as connection:
            connection.sendall(post(b"{}", GOOD))
            assert status(everything(connection)) == 202
    assert rung == ["plant"]


def test_whoever_is_slow_with_tls_is_cut_off_too(
    rung: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.5)
    certificate, key = Authority("doors").server("doors", ["localhost"]).write(tmp_path, "doors")
    with (
        serving(Doors(RULES, rung.append), host="127.0.0.1", port=0, certificate=certificate, key=key) as port,
        connect(port) as connection,
    ):
        assert everything(connection) == b""


def test_what_it_cannot_listen_on_is_said(port: int, rung: list[str], tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match=f"cannot listen on 127.0.0.1:{port}"):
        serving(Doors(RULES, rung.append), host="127.0.0.1", port=port).__enter__()
    (tmp_path / "no.pem").write_text("no")
    with pytest.raises(InvalidError, match="cannot be used"):
        serving(Doors(RULES, rung.append), host="127.0.0.1", port=0, certificate=tmp_path / "no.pem").__enter__()
