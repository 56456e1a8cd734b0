"""Registries that are odd, each in its own way: pushes and pulls go through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from i4q_ai.errors import RegistryError
from i4q_ai.model import Model
from i4q_ai.oci.artifact import Artifact
from i4q_ai.oci.wire import quirks
from i4q_ai.oci.wire.credentials import Credentials
from i4q_ai.oci.wire.transport import Transport
from i4q_ai.testing import fake_quirks as habits
from i4q_ai.testing.fake_registry import Exchange, FakeRegistry
from i4q_ai.testing.fake_tokens import BasicDoor
from tests.e2e.oci.holding import fetch, log_in
from tests.e2e.oci.odd import artifact, impatient, model

__all__ = ["artifact", "impatient", "model"]

CHUNK = 512 * 1024


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quirks, "CHUNK", CHUNK)


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as running:
        yield running


def _travels(registry: FakeRegistry, model: Model, folder: Path) -> None:
    """It arrives there, and comes back."""
    pushed = model.push(f"{registry.host}/x")
    fetch(registry.host, str(pushed.digest), folder)
    assert (folder / "tree" / "weights.dat").read_bytes() == (Path(str(model.source)) / "weights.dat").read_bytes()


@pytest.mark.parametrize(
    "habit",
    [
        lambda _: None,
        habits.refuses_chunks,
        lambda registry: habits.refuses_chunks(registry, 405),
        habits.ends_with_the_first_chunk,
        habits.sets_cookies,
        habits.mounts_only_from_somewhere,
        habits.signs_locations,
        habits.echoes_another_algorithm,
        habits.keeps_no_uploads,
        lambda registry: habits.loses_answers(registry, "PUT", "digest="),
        lambda registry: habits.loses_answers(registry, "PUT", "/manifests/"),
        lambda registry: habits.loses_answers(registry, "POST", "/uploads/"),
        lambda registry: habits.loses_answers(registry, "PATCH", ""),
        lambda registry: habits.loses_answers(registry, "GET|HEAD", ""),
    ],
    ids=[
        "none", "416", "405", "201-after-patch", "cookies", "mount-from", "signed", "echo", "forgets",
        "lost-put", "lost-manifest", "lost-post", "lost-patch", "lost-reads",
    ],
)  # fmt: skip
def test_habits(habit: Callable[[FakeRegistry], object], registry: FakeRegistry, model: Model, tmp_path: Path) -> None:
    habit(registry)
    _travels(registry, model, tmp_path)


def test_lost_answer_to_an_upload_is_not_sent_again(registry: FakeRegistry, model: Model, artifact: Artifact) -> None:
    habits.loses_answers(registry, "PUT", "digest=")
    model.push(f"{registry.host}/x")
    sent = Counter(seen.path.partition("digest=")[2] for seen in registry.asked("PUT", "digest="))
    assert all(sent[blob.digest] == 1 for blob in artifact.blobs)


def test_no_cookie_is_ever_sent(
    registry: FakeRegistry, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    BasicDoor(registry, {"press": "oil"})
    habits.sets_cookies(registry)
    log_in(monkeypatch, tmp_path, registry.host)
    model.push(f"{registry.host}/x")
    assert all(seen.header("Cookie") is None for seen in registry.requests)


def test_upload_whose_end_is_begun_without_a_wish(registry: FakeRegistry, model: Model, tmp_path: Path) -> None:
    """`POST ?digest=` is answered 202: an upload has begun, and nothing else."""
    registry.when("POST", "digest=", lambda exchange: exchange.honest())
    _travels(registry, model, tmp_path)


def test_referrers_that_nobody_knows(registry: FakeRegistry, model: Model, tmp_path: Path) -> None:
    registry.when("GET", "/referrers/", lambda exchange: exchange.answer(404, b"404 page not found\n"))
    _travels(registry, model, tmp_path)


def test_port_that_a_location_drops() -> None:
    """443 may be said or not: it is one origin, and gets our Authorization either way."""
    http = Transport("registry.factory:443", Credentials())
    assert http.located("https://registry.factory/upload?x", http.base) == "https://registry.factory/upload?x"
    assert http._session("https://registry.factory/upload") is http._session(http.base)
    with pytest.raises(RegistryError, match="from https to http"):
        http.located("http://registry.factory/upload", http.base)


def test_registry_that_is_full(registry: FakeRegistry, model: Model) -> None:
    """Its words are told, and nothing is tagged."""

    def _full(exchange: Exchange) -> None:
        exchange.body()
        exchange.refuse(413, "DENIED", "quota of 1 GiB is used up")

    registry.when("PUT|PATCH", "/uploads/", _full)
    with pytest.raises(RegistryError, match="quota of 1 GiB is used up"):
        model.push(f"{registry.host}/x")
    assert not registry.repositories["x"].tags


def test_registry_that_closes_each_connection(registry: FakeRegistry, model: Model, tmp_path: Path) -> None:
    registry.headers["Connection"] = "close"
    _travels(registry, model, tmp_path)
