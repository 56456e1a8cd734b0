"""PlacementRules in place of Placements, for hubs that have none: by the real controller."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import i4q_ai as i4q
from i4q_ai_ocm.settings import Git, OcmHub
from tests.e2e.ocm.acm_things import Line, config_map, until

if TYPE_CHECKING:
    from tests.testbed.gitserver import GitServer
    from tests.testbed.subscriptions import Subscriptions


@pytest.fixture
def ruled(
    hub_settings: Path, ocm_namespace: str, hub_git: GitServer, acm: Subscriptions, tmp_path: Path
) -> Iterator[Line]:
    """A folder that the edges take which have the test's namespace as their label `rule`."""
    path = tmp_path / "acm.yaml"
    settings = OcmHub.from_yaml(hub_settings.read_text()).replace(git=Git(placement_rules=True))
    path.write_text(settings.to_yaml(), encoding="utf-8")
    edge = min(acm.agents)
    acm.hub.kubectl("label", "managedcluster", edge, f"rule={ocm_namespace}", "--overwrite")
    with i4q.Hub(f"ocm://{path}", namespace=ocm_namespace) as hub:
        line = Line(hub, hub_git.create("plant"), i4q.Placement("one", i4q.Label("rule") == ocm_namespace))
        yield line
        line.leave()
        line.until(lambda found: not found)
    acm.hub.kubectl("label", "managedcluster", edge, "rule-")


def test_edges_that_a_rule_chooses_take_it_and_lose_it(ruled: Line, acm: Subscriptions) -> None:
    edge = min(acm.agents)
    commit = ruled.push({"a": [config_map("line", "5")]})
    ruled.follow(commit)
    ruled.ready(commit, [edge])
    look = ["get", "configmap", "line", "-n", ruled.hub.namespace, "-o", "jsonpath={.data.version}"]
    assert acm.management.edges[edge].kubectl(*look) == "5"
    ruled.leave()
    until(
        lambda: acm.management.edges[edge].kubectl(*look[:5], "--ignore-not-found", "-o", "name"),
        lambda found: not found,
    )
