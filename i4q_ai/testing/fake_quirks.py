"""What real registries do differently, for the fake one: each function gives it a habit.

| habit | known from |
|---|---|
| `refuses_chunks` | ghcr.io, Google's: a PATCH is answered 416 |
| `ends_with_the_first_chunk` | ECR: a PATCH is answered 201 |
| `sets_cookies` | Harbor: whoever sends its cookie back is taken for a browser, and refused |
| `mounts_only_from_somewhere` | Quay: a mount without `from` fails |
| `signs_locations` | distribution and stores: the query of a Location counts to the letter |
| `echoes_another_algorithm` | distribution: pushes of sha512 echo sha256 |
| `keeps_no_uploads` | docker-registry 2.8: after a cut, an upload is unknown |
| `loses_answers` | bad lines: what was asked is done, and nobody hears of it |
"""

from __future__ import annotations

import hashlib
import hmac
import threading

from i4q_ai.testing.fake_registry import Exchange, FakeRegistry
from i4q_ai.testing.fake_repository import digest_of


def refuses_chunks(registry: FakeRegistry, status: int = 416) -> None:
    """A PATCH is refused."""
    registry.when("PATCH", "/blobs/uploads/", lambda exchange: exchange.refuse(status, "UNSUPPORTED"))


def ends_with_the_first_chunk(registry: FakeRegistry) -> None:
    """What the first PATCH brings is taken for the whole blob."""

    def _end(exchange: Exchange) -> None:
        raw = exchange.body()
        name = exchange.route.removeprefix("/v2/").partition("/blobs/")[0]
        registry.repositories[name].blobs[digest_of(raw)] = raw
        exchange.answer(201, b"", {"Location": f"/v2/{name}/blobs/{digest_of(raw)}"})

    registry.when("PATCH", "/blobs/uploads/", _end)


def sets_cookies(registry: FakeRegistry) -> None:
    """Every answer sets a cookie; a request that brings it wants a token against forgery, too."""
    registry.headers["Set-Cookie"] = "sid=1; Path=/; HttpOnly"

    def _browser(exchange: Exchange) -> bool:
        if not exchange.headers.get("Cookie"):
            return False
        exchange.refuse(403, "FORBIDDEN", "CSRF token not found in request")
        return True

    registry.when("", "", _browser)


def mounts_only_from_somewhere(registry: FakeRegistry) -> None:
    """A mount that does not say from where is refused."""

    def _mount(exchange: Exchange) -> bool:
        if "mount" not in exchange.query or "from" in exchange.query:
            return False
        exchange.refuse(400, "UNSUPPORTED")
        return True

    registry.when("POST", "mount=", _mount)


def signs_locations(registry: FakeRegistry) -> None:
    """The query of a Location is signed, and must come back as it was, with more behind it at most."""
    key = b"not-a-secret"

    def _sign(exchange: Exchange) -> bool:
        begun = exchange.route.rstrip("/").endswith("/uploads")
        signed = exchange.path.partition("?")[2].partition("&digest=")[0]
        wanted = f"_state=a%2Fb%3D%3D&_sig={_signature(key, exchange.route)}&x"
        if begun or signed == wanted:
            exchange.locations = lambda path: f"{path}?_state=a%2Fb%3D%3D&_sig={_signature(key, path)}&x"
            return False
        exchange.refuse(404, "BLOB_UPLOAD_INVALID")
        return True

    registry.when("POST|PATCH|PUT|GET|DELETE", "/blobs/uploads/", _sign)


def _signature(key: bytes, path: str) -> str:
    return hmac.new(key, path.encode(), hashlib.sha256).hexdigest()


def echoes_another_algorithm(registry: FakeRegistry) -> None:
    """Digests in answers are by another algorithm than those that were asked for."""

    def _echo(exchange: Exchange) -> bool:
        exchange.echo = lambda raw, digest: digest_of(raw, "sha512" if digest.startswith("sha256:") else "sha256")
        return False

    registry.when("", "^/v2/", _echo)


def keeps_no_uploads(registry: FakeRegistry) -> None:
    """The state of an upload is not told after a request for it was cut."""
    registry.when("GET", "/blobs/uploads/", lambda exchange: exchange.refuse(404, "BLOB_UPLOAD_UNKNOWN"))


def loses_answers(registry: FakeRegistry, method: str, path: str) -> None:
    """What was asked is done, but the connection is cut before the answer; once for each path."""
    lost: set[str] = set()
    lock = threading.Lock()

    def _lose(exchange: Exchange) -> bool:
        with lock:
            if exchange.path in lost:
                return False
            lost.add(exchange.path)
        exchange.mute = True
        return False

    registry.when(method, path, _lose)
