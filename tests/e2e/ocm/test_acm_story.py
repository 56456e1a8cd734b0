"""Folders in Git that edges take by themselves, by the real controllers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import i4q_ai as i4q
from i4q_ai.errors import OwnedError
from i4q_ai.status import Phase
from i4q_ai_ocm.settings import Git, OcmHub
from tests.e2e.ocm.acm_things import PATIENCE, Line, config_map, soon, until, version

if TYPE_CHECKING:
    from tests.testbed.gitserver import GitServer
    from tests.testbed.subscriptions import Subscriptions

pytestmark = pytest.mark.usefixtures("acm")


@pytest.fixture
def settings(hub_settings: Path, tmp_path: Path) -> Path:
    """The settings of a hub whose clusters take from Git."""
    path = tmp_path / "acm.yaml"
    path.write_text(OcmHub.from_yaml(hub_settings.read_text()).replace(git=Git()).to_yaml(), encoding="utf-8")
    return path


@pytest.fixture
def line(settings: Path, ocm_namespace: str, hub_git: GitServer, acm: Subscriptions) -> Iterator[Line]:
    """A folder that the first two edges take; afterwards nothing of it is left."""
    first, second, *_ = sorted(acm.agents)
    with i4q.Hub(f"ocm://{settings}", namespace=ocm_namespace) as hub:
        line = Line(hub, hub_git.create("plant"), i4q.Placement("two", i4q.Name(first, second)))
        yield line
        line.leave()
        line.until(lambda found: not found)
        assert left(acm, ocm_namespace) == []


def left(acm: Subscriptions, namespace: str) -> list[str]:
    """Objects of ours, or made for them, that are left on the hub."""
    kinds = "subscriptions.apps.open-cluster-management.io,placements,channels,manifestworkreplicasets,appsubreport"
    kinds += ",applications.app.k8s.io"
    found = acm.hub.kubectl("get", kinds, "-n", namespace, "-o", "name").split()
    ours = ["get", "channels", "-A", "-l", "app.kubernetes.io/managed-by=i4q-ai", "-o", "name"]
    return [*found, *acm.hub.kubectl(*ours).split()]


def test_a_push_is_there_in_no_time_and_gone_when_it_is_taken_back(line: Line, acm: Subscriptions) -> None:
    namespace, edges = line.hub.namespace, sorted(acm.agents)[:2]
    five = line.push({"a": [config_map("line", "5")]})
    line.follow(five)
    line.ready(five, edges)
    assert [version(acm, edge, namespace) for edge in edges] == ["5", "5"]
    two_hundred = line.push({"a": [config_map("line", "200")]})
    line.follow(two_hundred)
    line.ready(two_hundred, edges)
    assert [version(acm, edge, namespace) for edge in edges] == ["200", "200"]
    back = line.push({"a": [config_map("other", "5")]})
    line.follow(back)
    line.ready(back, edges)
    until(lambda: [version(acm, edge, namespace) for edge in edges], lambda found: found == ["", ""])
    line.leave()
    for edge in edges:
        until(partial(version, acm, edge, namespace, "other"), lambda found: not found)


def test_telling_the_same_again_changes_nothing(line: Line, acm: Subscriptions) -> None:
    commit = line.push({"a": [config_map("line", "5")]})
    line.follow(commit)
    line.ready(commit, sorted(acm.agents)[:2])
    look = ["get", "subscriptions.apps.open-cluster-management.io,placements,applications.app.k8s.io"]
    look += ["-n", line.hub.namespace, "-o", "jsonpath={.items[*].metadata.resourceVersion}"]
    before = acm.hub.kubectl(*look)
    line.follow(commit)
    assert acm.hub.kubectl(*look) == before


def test_a_folder_that_is_not_there_is_said_by_every_cluster(line: Line) -> None:
    line.follow(line.push({"a": [config_map("line", "5")]}), folders={"*": "nowhere"})
    found = line.until(lambda found: bool(found) and all(each.phase is Phase.FAILED for each in found.values()))
    assert all("nowhere" in each.message for each in found.values()), found
    assert len(found) == 2


def test_an_object_that_a_cluster_refuses_is_said_with_its_reason(line: Line, acm: Subscriptions) -> None:
    edges = sorted(acm.agents)[:2]
    good = line.push({"a": [config_map("line", "5")]})
    line.follow(good)
    line.ready(good, edges)
    bad = line.push({"a": [config_map("line", "5"), {**config_map("bad", "5"), "data": {"a b": "not a key"}}]})
    line.follow(bad)
    found = line.until(lambda found: all(each.phase is Phase.FAILED for each in found.values()))
    assert all("bad" in each.message and "a b" in each.message for each in found.values()), found
    again = line.push({"a": [config_map("line", "6")]})
    line.follow(again)
    line.ready(again, edges)


def test_what_cannot_be_read_leaves_what_is_there(line: Line, acm: Subscriptions) -> None:
    edges = sorted(acm.agents)[:2]
    good = line.push({"a": [config_map("line", "5")]})
    line.follow(good)
    line.ready(good, edges)
    line.follow(line.push({"a": "not: [yaml"}))
    found = line.until(lambda found: all(each.phase is Phase.FAILED for each in found.values()))
    assert all("nothing in the folder that it can read" in each.message for each in found.values()), found
    assert [version(acm, edge, line.hub.namespace) for edge in edges] == ["5", "5"]


def test_groups_take_folders_of_their_own(line: Line, acm: Subscriptions) -> None:
    first, second, *_ = sorted(acm.agents)
    where = i4q.Placement("two", line.placement.rule, groups={"canary": i4q.Name(first)})
    grouped = Line(line.hub, line.repo, where)
    commit = grouped.push({"a": [config_map("line", "5")], "b": [config_map("line", "200")]})
    grouped.follow(commit, folders={"canary": "b", "*": "a"})
    found = grouped.ready(commit, [first, second])
    assert (found[first].group, found[second].group) == ("canary", "*")
    namespace = line.hub.namespace
    assert (version(acm, first, namespace), version(acm, second, namespace)) == ("200", "5")


def test_a_pinned_commit_stays(line: Line, acm: Subscriptions) -> None:
    edges = sorted(acm.agents)[:2]
    five = line.push({"a": [config_map("line", "5")]})
    line.push({"a": [config_map("line", "200")]})
    line.follow(five, pinned=True)
    line.ready(five, edges)
    assert [version(acm, edge, line.hub.namespace) for edge in edges] == ["5", "5"]
    latest = line.push({"a": [config_map("line", "201")]})
    line.follow(latest)
    line.ready(latest, edges)
    assert [version(acm, edge, line.hub.namespace) for edge in edges] == ["201", "201"]


def test_a_cluster_that_is_away_has_it_when_it_is_back(line: Line, acm: Subscriptions) -> None:
    first, second, *_ = sorted(acm.agents)
    five = line.push({"a": [config_map("line", "5")]})
    line.follow(five)
    line.ready(five, [first, second])
    acm.management.cut(second)
    try:
        six = line.push({"a": [config_map("line", "6")]})
        line.follow(six)
        found = line.until(lambda found: found[first].commit == six and found[second].phase is Phase.OFFLINE)
        assert found[second].commit == ""
    finally:
        acm.management.join(second)
    line.ready(six, [first, second])
    assert version(acm, second, line.hub.namespace) == "6"


def test_what_is_somebody_elses_stays_so(line: Line, acm: Subscriptions) -> None:
    theirs = {"apiVersion": "app.k8s.io/v1beta1", "kind": "Application", "spec": {}}
    theirs["metadata"] = {"name": "line", "namespace": line.hub.namespace}
    acm.hub.kubectl("create", "namespace", line.hub.namespace)
    acm.hub.kubectl("apply", "-f", "-", input=json.dumps(theirs))
    commit = line.push({"a": [config_map("line", "5")]})
    with pytest.raises(OwnedError, match="Application"):
        line.hub.engine.fleet.check_subscription(line.wanted(commit), deadline=soon())
    with pytest.raises(OwnedError, match="Application"):
        line.follow(commit)
    acm.hub.kubectl("delete", "applications.app.k8s.io", "line", "-n", line.hub.namespace, timeout=PATIENCE)
    assert left(acm, line.hub.namespace) == []
