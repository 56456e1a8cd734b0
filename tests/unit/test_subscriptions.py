"""What a hub is told of a folder in Git: fits together, or is refused."""

from __future__ import annotations

from typing import Any

import pytest

from i4q_ai import Label, Placement
from i4q_ai.backends.subscriptions import Pulled, Subscription
from i4q_ai.errors import SchemaError
from i4q_ai.status import Phase

COMMIT = "0123456789" * 4


def made(**changes: Any) -> Subscription:
    fields = {
        "namespace": "factory",
        "name": "tool-wear",
        "repo": "https://git.example/plant.git",
        "folders": {"*": "edge/tool-wear"},
        "placement": Placement("cnc", groups={"canary": Label("canary") == "yes"}),
    }
    return Subscription(**{**fields, **changes})


def test_groups_without_a_folder_have_that_of_the_rest() -> None:
    wanted = made(folders={"canary": "edge/canary/", "*": "./edge/rest"})
    assert [wanted.folder(group) for group in wanted.placement.group_names] == ["edge/canary", "edge/rest"]
    assert made().folder("canary") == "edge/tool-wear"


def test_a_folder_for_every_group_needs_no_rest() -> None:
    with pytest.raises(SchemaError, match="no folder for: \\*"):
        made(folders={"canary": "edge"})


@pytest.mark.parametrize("folder", ["/etc", "../up", "a/../../b", "a\\b", "a\nb", "a\x00"])
def test_a_folder_stays_in_its_repository(folder: str) -> None:
    with pytest.raises(SchemaError, match="no folder of a repository"):
        made(folders={"*": folder})


@pytest.mark.parametrize("repo", ["", "https://git.example/a b.git", "https://git.example/a\n.git"])
def test_a_repository_is_a_url(repo: str) -> None:
    with pytest.raises(SchemaError, match="no repository"):
        made(repo=repo)


def test_a_password_is_refused_and_not_told() -> None:
    with pytest.raises(SchemaError, match="password") as caught:
        made(repo="https://bot:hunter2@git.example/plant.git")
    assert "hunter2" not in str(caught.value)


def test_a_pin_needs_its_commit() -> None:
    with pytest.raises(SchemaError, match="none is given"):
        made(pinned=True)
    assert made(pinned=True, commit=COMMIT).commit == COMMIT
    with pytest.raises(SchemaError, match="no commit"):
        made(commit="main")


def test_they_go_to_plain_data_and_back() -> None:
    wanted = made(commit=COMMIT)
    assert Subscription.parse(wanted.dump()) == wanted
    said = Pulled(cluster="edge-1", phase=Phase.READY, commit=COMMIT)
    assert Pulled.parse(said.dump()) == said
