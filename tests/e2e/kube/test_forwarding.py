"""Ports of pods as local ports: the API server's side is spoken by a WebSocket library that is not ours."""

from __future__ import annotations

import hashlib
import http.client
import http.server
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from i4q_ai import yamls
from i4q_ai.errors import InvalidError, UnreachableError
from i4q_ai.kube import Api, Forward
from tests.e2e.kube.conftest import Soon
from tests.testbed.certificates import Authority

LARGE = 5 * 1024 * 1024


class _Pod(http.server.BaseHTTPRequestHandler):
    """Answers a POST with its body, and a GET with as many bytes as its path says."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"])))

    def do_GET(self) -> None:
        self._answer(b"x" * int(self.path.strip("/")))

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def pod() -> Iterator[int]:
    """The port of what runs in the pod."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Pod)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def _bridge(websocket: ServerConnection) -> None:
    """What API server and kubelet do: two greetings, then bytes both ways; what goes wrong, by the error channel."""
    port = int(urlsplit(websocket.request.path).query.removeprefix("ports=")) if websocket.request else 0
    for channel in (0, 1):
        websocket.send(bytes((channel,)) + port.to_bytes(2, "little"))
    try:
        upstream = socket.create_connection(("127.0.0.1", port), timeout=60)
    except OSError as error:
        websocket.send(b"\x01" + f"error forwarding port {port}: {error.strerror}".encode())
        return
    with upstream:
        back = threading.Thread(target=_answers, args=(upstream, websocket), daemon=True)
        back.start()
        for message in websocket:
            assert isinstance(message, bytes)
            assert message[0] == 0
            upstream.sendall(message[1:])
        upstream.shutdown(socket.SHUT_RDWR)
        back.join()


def _answers(upstream: socket.socket, websocket: ServerConnection) -> None:
    try:
        while piece := upstream.recv(100_000):
            websocket.send(b"\0" + piece)
        websocket.close()
    except (OSError, ConnectionClosed):
        return


@pytest.fixture(params=["http", "https"])
def api(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Api]:
    """An API server that can nothing but forward ports."""
    context, cluster = None, {}
    if request.param == "https":
        authority, certificate, _ = Authority.written(tmp_path, "ca")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.server("api", ["127.0.0.1"]).write(tmp_path, "server"))
        cluster = {"certificate-authority": str(certificate)}
    with serve(_bridge, "127.0.0.1", 0, ssl=context, subprotocols=["v4.channel.k8s.io"], max_size=None) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        cluster["server"] = f"{request.param}://127.0.0.1:{server.socket.getsockname()[1]}"
        config = {
            "clusters": [{"name": "c", "cluster": cluster}],
            "contexts": [{"name": "c", "context": {"cluster": "c"}}],
            "current-context": "c",
        }
        path = tmp_path / "config"
        path.write_text(yamls.dump(config))
        with Api.open(kubeconfig=path) as opened:
            yield opened


@pytest.fixture
def forward(api: Api, pod: int) -> Iterator[Forward]:
    with api.forward("i4q", "p", pod) as made:
        yield made


def test_large_bodies_both_ways_over_a_kept_connection(forward: Forward) -> None:
    body = os.urandom(LARGE)
    with requests.Session() as session:
        for _ in range(2):
            answer = session.post(forward.url, data=body, timeout=120).content
            assert hashlib.sha256(answer).digest() == hashlib.sha256(body).digest()
        assert session.get(f"{forward.url}/3", timeout=120).content == b"xxx"
    assert forward.failure is None


def test_many_connections_at_once(forward: Forward) -> None:
    def _ask(size: int) -> int:
        return len(requests.get(f"{forward.url}/{size}", timeout=120).content)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(_ask, range(1000, 1040))) == list(range(1000, 1040))


def test_who_has_finished_asking_still_gets_the_answer(forward: Forward) -> None:
    address = urlsplit(forward.url)
    with socket.create_connection((address.hostname, address.port), timeout=120) as client:
        client.sendall(b"GET /200000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as answer:
            assert len(answer.read()) > 200_000


def test_a_port_that_nobody_listens_on_closes_cleanly_and_the_next_connection_is_tried(api: Api, pod: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with api.forward("i4q", "p", port) as made:
        for _ in range(2):
            with pytest.raises(requests.ConnectionError):
                requests.get(made.url, timeout=120)
        assert isinstance(made.failure, UnreachableError)
        assert f"error forwarding port {port}: Connection refused" in str(made.failure)


def test_closing_ends_what_is_under_way(forward: Forward, soon: Soon) -> None:
    address = urlsplit(forward.url)
    client = http.client.HTTPConnection(address.hostname or "", address.port, timeout=120)
    client.request("GET", "/10")
    assert client.getresponse().read() == b"x" * 10
    forward.close()
    assert client.sock is not None
    assert client.sock.recv(1) == b""
    client.close()
    with pytest.raises(requests.ConnectionError):
        requests.get(forward.url, timeout=120)
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("kube-")] == []
    forward.close()


def test_a_port_is_a_number_that_a_port_can_have(api: Api) -> None:
    with pytest.raises(InvalidError, match="70000 is no port"):
        api.forward("i4q", "p", 70000)
