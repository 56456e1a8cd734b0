"""Registries that send us elsewhere, list without end, warn, and want our memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from i4q_ai import oci
from i4q_ai.deadline import Deadline
from i4q_ai.errors import (
    RegistryError,
)
from i4q_ai.model import Model
from i4q_ai.oci.artifact import Artifact
from i4q_ai.oci.wire.credentials import Credentials
from i4q_ai.oci.wire.paging import pages
from i4q_ai.oci.wire.transport import Transport
from i4q_ai.testing.fake_registry import Exchange, FakeRegistry
from i4q_ai.testing.fake_tokens import BasicDoor
from tests.e2e.oci.holding import fetch, hold, log_in
from tests.e2e.oci.hostile.habits import after_reading


def test_authorization_stays_with_its_origin(
    registry: FakeRegistry, artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry that redirects blobs to a store elsewhere: the store sees no password."""
    with hold(FakeRegistry(), artifact) as store:
        registry.when(
            "GET", "/blobs/", lambda exchange: exchange.answer(307, b"", {"Location": f"{store.url}{exchange.path}"})
        )
        BasicDoor(registry, {"press": "oil"})
        log_in(monkeypatch, tmp_path, registry.host)
        fetch(registry.host, artifact.digest, tmp_path)
        assert store.asked("GET", "/blobs/")
        assert all(seen.header("Authorization") is None for seen in store.requests)


def test_challenge_of_a_store_elsewhere_is_not_answered(
    registry: FakeRegistry, artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeRegistry() as store:
        BasicDoor(store, {"press": "oil"})
        registry.when(
            "GET", "/blobs/", lambda exchange: exchange.answer(307, b"", {"Location": f"{store.url}{exchange.path}"})
        )
        BasicDoor(registry, {"press": "oil"})
        log_in(monkeypatch, tmp_path, registry.host)
        with pytest.raises(RegistryError, match=f"{store.host}, where registry {registry.host} sends us, answers 401"):
            fetch(registry.host, artifact.digest, tmp_path)
        assert all(seen.header("Authorization") is None for seen in store.requests)


def test_upload_to_a_store_elsewhere(
    model: Model, artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeRegistry() as store, FakeRegistry() as registry:
        store.when("PUT", "^/upload", after_reading(201))
        location = {"Location": f"{store.url}/upload?state=1"}
        registry.when("POST", "/blobs/uploads/", after_reading(202, location))
        BasicDoor(registry, {"press": "oil"})
        log_in(monkeypatch, tmp_path, registry.host)
        model.push(f"{registry.host}/x")
        sent = {seen.path for seen in store.asked("PUT")}
        assert sent >= {f"/upload?state=1&digest={blob.digest}" for blob in artifact.blobs}
        assert all(seen.header("Authorization") is None for seen in store.requests)
        assert all(not seen.body for seen in registry.requests if not seen.header("Authorization"))


@pytest.mark.parametrize(
    "where", ["ftp://x/", "https://user:secret@x/", "file:///etc/passwd", "http://[::1", "http://x:y/"]
)
def test_places_that_are_none(where: str, registry: FakeRegistry) -> None:
    registry.when("GET", "", lambda exchange: exchange.answer(307, b"", {"Location": where}))
    with pytest.raises(RegistryError) as refused:
        oci.resolve(f"{registry.host}/x:1")
    assert "secret" not in str(refused.value)
    assert len(registry.requests) == 1


def test_redirects_without_end(registry: FakeRegistry) -> None:
    registry.when("GET", "", lambda exchange: exchange.answer(307, b"", {"Location": f"{exchange.path}x"}))
    with pytest.raises(RegistryError, match="redirects more than"):
        oci.resolve(f"{registry.host}/x:1")
    assert len(registry.requests) == 5


def test_redirect_without_a_place(registry: FakeRegistry) -> None:
    registry.when("GET", "", lambda exchange: exchange.answer(307))
    with pytest.raises(RegistryError, match="answers 307"):
        oci.resolve(f"{registry.host}/x:1")


def test_upload_that_begins_nowhere(model: Model) -> None:
    with FakeRegistry() as registry:
        registry.when("POST", "", after_reading(202))
        with pytest.raises(RegistryError):
            model.push(f"{registry.host}/x")
        assert not registry.repositories["x"].tags


# Lists.


def _tags(registry: FakeRegistry) -> list[str]:
    """Of all pages."""
    http = Transport(registry.host, Credentials())
    listed = pages(http, f"{registry.url}/v2/x/tags/list", Deadline.after(60))
    return [tag for _, raw in listed for tag in json.loads(raw)["tags"]]


def test_list_in_pages(registry: FakeRegistry) -> None:
    repository = registry.repositories["x"]
    zeros = f"sha256:{'0' * 64}"
    repository.tags = {f"v{number:04}": zeros for number in range(2500)}
    registry.when(
        "GET", "tags/list$", lambda exchange: exchange.answer(307, b"", {"Location": f"{exchange.path}?n=1000"})
    )
    assert _tags(registry) == sorted(repository.tags)


@pytest.mark.parametrize("same", [True, False])
def test_lists_without_end(same: bool, registry: FakeRegistry) -> None:
    def _more(exchange: Exchange) -> None:
        page = exchange.path if same else f"/v2/x/tags/list?last={len(exchange.registry.requests)}"
        exchange.answer(200, b'{"tags": ["a"]}', {"Link": f'<{page}>; rel="next"'})

    registry.when("GET", "tags", _more)
    with pytest.raises(RegistryError, match=r"again and again|more than"):
        _tags(registry)
    assert len(registry.requests) <= 1000


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_lists_that_go_on_elsewhere(scheme: str, registry: FakeRegistry) -> None:
    with FakeRegistry() as other:
        link = {"Link": f'<{scheme}://{other.host}/v2/x/tags/list?last=a>; rel="next"'}
        registry.when("GET", "tags", lambda exchange: exchange.answer(200, b'{"tags": ["a"]}', link))
        with pytest.raises(RegistryError, match="another place"):
            _tags(registry)
        assert not other.requests


# Words and memory.


def test_warnings_are_shown_once(registry: FakeRegistry, artifact: Artifact, caplog: pytest.LogCaptureFixture) -> None:
    registry.headers["Warning"] = f'299 - "{registry.host} will move", 199 - "no"'
    for _ in range(3):
        assert oci.resolve(f"{registry.host}/x:1").endswith(artifact.digest)
    assert caplog.text.count("will move") == 1
    assert "199" not in caplog.text


_FETCH = """
import resource, sys
from pathlib import Path
from i4q_ai import oci
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    oci.fetch([sys.argv[1]], sys.argv[2], Path(sys.argv[3]), timeout=60)
except Exception as error:
    print(type(error).__name__)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_does_not_grow_with_what_a_registry_sends(artifact: Artifact, tmp_path: Path) -> None:
    """200 MiB where two were announced, and a bomb as a manifest."""
    with hold(FakeRegistry(), artifact) as registry:
        registry.when("GET", "/blobs/", lambda exchange: exchange.answer(200, bytes(200 * 1024 * 1024)))
        command = [sys.executable, "-c", _FETCH, f"{registry.host}/x", artifact.digest, str(tmp_path / "tree")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    kind, grown = done.stdout.split()
    assert kind == "IntegrityError"
    assert int(grown) < 64 * 1024
