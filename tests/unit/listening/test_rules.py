"""The rules file: what it takes, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from i4q_ai.errors import SchemaError
from i4q_ai.listening.rules import Listener

GIT = {"repo": "https://git.factory/plant.git", "path": "releases"}
ALLOW = {"names": ["wear"], "everywhere": True}
SOURCE: dict[str, Any] = {"name": "plant", "git": GIT, "allow": ALLOW}


def listener(**about: Any) -> Listener:
    return Listener.parse({"sources": [{**SOURCE, **about}]})


def test_it_goes_to_yaml_and_back() -> None:
    hook = {"name": "forge", "sender": "github", "secret": {"env": "HOOK"}}
    made = Listener.parse({"hooks": [hook], "sources": [{**SOURCE, "hook": "forge", "poll": 30}]})
    assert Listener.from_yaml(made.to_yaml()) == made


@pytest.mark.parametrize(
    ("about", "told"),
    [
        ({"registry": {"repository": "r.factory/m"}}, "one 'git' or one 'registry'"),
        ({"git": None}, "one 'git' or one 'registry'"),
        ({"allow": None}, "says by 'allow' what may be deployed"),
        ({"allow": {"names": ["a"]}}, "'allow' says where"),
        ({"allow": {"names": []}}, "at least 1 item"),
        ({"allow": {"names": ["a"], "everywhere": True, "placements": [{"name": "p"}]}}, "'everywhere' is any cluster"),
        ({"allow": {"names": ["a"], "everywhere": True, "flavours": ["docker"]}}, "flavours"),
        ({"hook": "forge"}, "no hook 'forge'"),
        ({"poll": 0}, "greater than or equal to 1"),
        ({"to": {"name": "cnc"}}, "'to' is of mode 'pull'"),
        ({"mode": "pull", "to": {"name": "cnc"}}, "'allow' is of 'push'"),
        ({"mode": "pull", "allow": None}, "'to' says which clusters"),
        ({"git": {**GIT, "path": "../x"}}, "leads out"),
        ({"git": {**GIT, "repo": "https://me:secret@git.factory/plant.git"}}, "carries a password"),
        ({"secret": "x"}, "unknown field 'secret'"),
    ],
)
def test_what_does_not_fit_is_refused(about: dict[str, Any], told: str) -> None:
    with pytest.raises(SchemaError, match="sources") as refused:
        listener(**about)
    assert told in str(refused.value)


@pytest.mark.parametrize("repository", ["r.factory/m:1", "r.factory/m@sha256:" + "0" * 64, "r.factory/M", "http://r/m"])
def test_a_registry_is_a_repository(repository: str) -> None:
    with pytest.raises(SchemaError, match="registry"):
        listener(git=None, registry={"repository": repository})


def test_a_registry_needs_no_where_for_its_deployments_have_one() -> None:
    made = listener(git=None, registry={"repository": "r.factory/m"}, allow={"names": ["wear"]})
    assert made.sources[0].repository == "r.factory/m"
    assert not made.sources[0].registry_source.moves


def test_a_secret_is_in_one_place_and_never_in_the_rules() -> None:
    for secret in ({}, {"env": "A", "file": "b"}, {"value": "s3cret"}):
        with pytest.raises(SchemaError) as refused:
            Listener.parse({"hooks": [{"name": "forge", "sender": "github", "secret": secret}], "sources": [SOURCE]})
        assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "second", [{**SOURCE, "git": {**GIT, "path": "b"}}, {**SOURCE, "name": "again"}], ids=["name", "path"]
)
def test_names_and_paths_stand_once(second: dict[str, Any]) -> None:
    with pytest.raises(SchemaError, match=r"stands twice|the same path"):
        Listener.parse({"sources": [SOURCE, second]})
