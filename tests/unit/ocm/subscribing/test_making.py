"""What a hub is told, and what it can never be told to forget."""

from __future__ import annotations

import pytest

from i4q_ai_ocm.settings import Git
from i4q_ai_ocm.subscribing.making import COMMIT, bundle, new_channel
from i4q_ai_ocm.subscribing.things import GROUP, REFRESHED
from tests.unit.ocm.subscribing.cases import GROUPED, REPO, wanted

PIN, DEPTH = f"{GROUP}/git-desired-commit", f"{GROUP}/git-clone-depth"
OTHER = "f" * 40


def marks(present: dict[str, str], **changes: object) -> dict[str, str]:
    """Annotations of a Subscription that takes the place of one with these."""
    made = bundle(wanted(**changes), Git(), new_channel(REPO, Git()))
    annotations = made.groups[0].with_refresh("now", present).subscription["metadata"]["annotations"]
    return {str(key): str(value) for key, value in annotations.items()}


@pytest.mark.parametrize(
    ("name", "value", "neutral"), [("reconcile-rate", "off", "medium"), ("reconcile-option", "replace", "merge")]
)
def test_what_clusters_never_forget_is_said_otherwise(name: str, value: str, neutral: str) -> None:
    key = f"{GROUP}/{name}"
    assert key not in marks({})
    assert marks({key: value})[key] == neutral


def test_the_root_is_said_where_there_was_a_folder() -> None:
    path = f"{GROUP}/git-path"
    assert path not in marks({}, folders={"*": ""})
    assert marks({path: "edge"}, folders={"*": ""})[path] == "."


def test_a_pin_moves_on_with_every_commit() -> None:
    assert PIN not in marks({})
    found = marks({PIN: OTHER, DEPTH: "100"})
    assert (found[PIN], found[DEPTH], found[REFRESHED]) == (found[COMMIT], "100", "now")
    assert marks({PIN: OTHER}, commit="")[PIN] == OTHER


def test_a_group_that_has_nothing_yet_is_left_out() -> None:
    made = bundle(wanted(placement=GROUPED), Git(), new_channel(REPO, Git()), only={"canary"})
    assert [group.name for group in made.groups] == ["canary"]
