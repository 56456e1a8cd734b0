"""A tag that tells a desired state, in registries that are odd, or lie about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from i4q_ai import oci
from i4q_ai.deadline import Deadline
from i4q_ai.desired import Desired
from i4q_ai.edge.places import Found
from i4q_ai.edge.tag import Tag
from i4q_ai.errors import AuthError, ConflictError, NotFoundError, RegistryError
from i4q_ai.testing import fake_quirks as habits
from i4q_ai.testing.fake_registry import Exchange, FakeRegistry
from i4q_ai.testing.fake_tokens import BasicDoor
from tests.e2e.oci.holding import log_in
from tests.e2e.oci.odd import impatient

__all__ = ["impatient"]

FIRST, SECOND = Desired(cluster="line-7", revision=1), Desired(cluster="line-7", revision=2)


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as running:
        yield running


def look(registry: FakeRegistry, known: str = "") -> Found | None:
    return Tag(f"{registry.host}/edges/line-7:now").look(known, Deadline.after(60))


def tell(registry: FakeRegistry, desired: Desired) -> str:
    return oci.tell(desired, f"{registry.host}/edges/line-7:now").rpartition("@")[2]


def test_what_is_told_is_found_and_no_news_twice(registry: FakeRegistry) -> None:
    digest = tell(registry, FIRST)
    assert look(registry) == Found(digest, {"desired.json": FIRST.to_json().encode()})
    assert look(registry, digest) is None
    assert look(registry, tell(registry, SECOND)) is None
    with pytest.raises(NotFoundError, match="no tag 'then'"):
        Tag(f"{registry.host}/edges/line-7:then").look("", Deadline.after(60))


@pytest.mark.parametrize(
    "answer",
    [
        lambda exchange: exchange.answer(405),
        lambda exchange: exchange.answer(404),
        lambda exchange: exchange.answer(200, b"", {"Content-Type": "text/html"}),
        lambda exchange: exchange.answer(200, b"", {"Docker-Content-Digest": "sha256:../../etc"}),
    ],
    ids=["405", "404", "no-digest", "no-digest-at-all"],
)
def test_a_registry_that_does_not_say_is_read(registry: FakeRegistry, answer: Callable[[Exchange], object]) -> None:
    digest = tell(registry, FIRST)
    registry.when("HEAD", "/manifests/now", answer)
    found = look(registry)
    assert found is not None
    assert found.mark == digest
    assert look(registry, digest) is None


def test_a_digest_that_a_registry_only_says_is_not_believed(registry: FakeRegistry) -> None:
    tell(registry, FIRST)
    lie = {"Docker-Content-Digest": "sha256:" + "0" * 64}
    registry.when("HEAD", "/manifests/now", lambda exchange: exchange.answer(200, b"", lie))
    with pytest.raises((NotFoundError, RegistryError)):
        look(registry)


@pytest.mark.parametrize("habit", [habits.sets_cookies, habits.signs_locations, habits.refuses_chunks])
def test_habits(registry: FakeRegistry, habit: Callable[[FakeRegistry], object]) -> None:
    habit(registry)
    digest = tell(registry, FIRST)
    found = look(registry)
    assert found is not None
    assert found.mark == digest


def test_who_may_not_is_told_so(registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(registry, FIRST)
    door = BasicDoor(registry, {"press": "oil"})
    with pytest.raises(AuthError):
        look(registry)
    log_in(monkeypatch, tmp_path, registry.host)
    assert look(registry) is not None
    door.accounts.clear()
    with pytest.raises(AuthError) as refused:
        look(registry)
    assert "oil" not in str(refused.value)


def test_who_has_not_seen_what_a_tag_stands_for_does_not_move_it(registry: FakeRegistry) -> None:
    before, to = tell(registry, FIRST), f"{registry.host}/edges/line-7:now"
    after = oci.tell(SECOND, to, if_match=before).rpartition("@")[2]
    with pytest.raises(ConflictError, match="somebody was there first"):
        oci.tell(FIRST, to, if_match=before)
    assert look(registry, after) is None
