"""What webhooks of several servers are about."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai.listening.payloads import events
from i4q_ai.listening.rules import ListenedSource
from i4q_ai.listening.senders import Refused
from tests.unit.listening.conftest import rules

ALLOW = {"names": ["x"]}


def registry(repository: str) -> ListenedSource:
    return ListenedSource.parse({"name": "r", "registry": {"repository": repository}, "allow": ALLOW})


def about(body: Any, source: ListenedSource, *, kind: str = "") -> bool:
    return any(event.is_about(source) for event in events(json.dumps(body).encode(), kind=kind))


PLANT = rules().sources[0]


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({"ref": "refs/heads/main", "repository": {"full_name": "Plant/Models"}}, True),
        ({"ref": "refs/heads/main", "repository": {"full_name": "plant/other"}}, False),
        ({"ref": "refs/heads/dev", "repository": {"full_name": "plant/models"}}, False),
        ({"ref": "refs/tags/main", "repository": {"full_name": "plant/models"}}, False),
        ({"ref": "refs/heads/main", "project": {"path_with_namespace": "plant/models"}, "repository": {}}, True),
        ({"repository": "git@internal:plant/models.git"}, True),
        ({"repository": "http://internal:3000/plant/models"}, True),
        ({"repository": "models"}, True),
        ({"repository": "els"}, False),
        ({"zen": "Keep it logically awesome."}, True),
        ({"repository": {"full_name": 7}, "ref": []}, True),
    ],
)
def test_pushes(body: Any, wanted: bool) -> None:
    assert about(body, PLANT) is wanted


def test_other_events_tell_nothing() -> None:
    assert events(b'{"zen": ""}', kind="ping") == ()
    assert events(b'{"ref": "refs/heads/main"}', kind="Push Hook")
    assert events(b"", kind="") != ()


def test_distribution_and_harbor() -> None:
    target = {"repository": "models/wear", "tag": "2", "digest": "sha256:0"}
    pushed = {"events": [{"action": "pull", "target": {"repository": "x"}}, {"action": "push", "target": target}]}
    wear = registry("registry.factory:5000/models/wear")
    assert about(pushed, wear)
    assert not about(pushed, registry("registry.factory:5000/models/other"))
    assert not about({"events": [{"action": "pull", "target": target}]}, wear)
    harbor = {
        "type": "PUSH_ARTIFACT",
        "event_data": {"repository": {"repo_full_name": "models/wear"}, "resources": [{"tag": "2"}]},
    }
    assert about(harbor, wear)
    assert not about({**harbor, "type": "DELETE_ARTIFACT"}, wear)


@pytest.mark.parametrize("body", [b"x", b"[]", b'"x"', b"\xff", b"[" * 100_000, b'{"a":' * 65 + b"1" + b"}" * 65])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(Refused) as error:
        events(body)
    assert error.value.status == 400


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["ref", "repository", "project", "events", "event_data", "type"]), _json),
    st.dictionaries(st.sampled_from(["full_name", "path_with_namespace", "clone_url", "repository", "target"]), _json),
)
def test_no_object_breaks_it(body: dict[str, Any], inner: dict[str, Any]) -> None:
    for key in ("repository", "project", "event_data"):
        events(json.dumps({**body, key: inner}).encode())
    events(json.dumps({"events": [inner, body, {"action": "push", "target": inner}]}).encode())
