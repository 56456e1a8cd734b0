"""The listener's mode `pull` on the real controllers: it tells clusters what was pushed, and they take it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import i4q_ai as i4q
from i4q_ai import yamls
from i4q_ai.listening.listening import Listening
from i4q_ai.listening.rules import Listener
from i4q_ai_ocm.settings import Git, OcmHub
from tests.e2e.gitops.people import Person
from tests.e2e.ocm.acm_things import config_map, soon, until

if TYPE_CHECKING:
    from tests.testbed.gitserver import GitServer
    from tests.testbed.subscriptions import Subscriptions

NAME = "limits"


@pytest.fixture
def hub(acm: Subscriptions, hub_settings: Path, ocm_namespace: str, tmp_path: Path) -> Iterator[i4q.Hub]:
    """A hub whose clusters take from Git; afterwards none takes anything."""
    assert acm.agents
    path = tmp_path / "acm.yaml"
    path.write_text(OcmHub.from_yaml(hub_settings.read_text()).replace(git=Git()).to_yaml(), encoding="utf-8")
    with i4q.Hub(f"ocm://{path}", namespace=ocm_namespace) as hub:
        yield hub
        fleet = hub.engine.fleet
        fleet.unsubscribe(hub.namespace, NAME, deadline=soon())
        until(lambda: fleet.pulled(hub.namespace, NAME, deadline=soon()), lambda found: not found)


def test_clusters_take_what_a_listener_has_seen(
    acm: Subscriptions, hub: i4q.Hub, hub_git: GitServer, tmp_path: Path
) -> None:
    edge = min(acm.agents)
    person = Person(tmp_path / "person", hub_git.create("plant"))
    to = {"name": "one", "rule": {"clusters": [edge]}}
    source = {"name": NAME, "git": {"repo": hub_git.url("plant"), "path": "edge"}, "mode": "pull", "to": to}
    listening = Listening(hub, Listener.parse({"sources": [source]}), cache=tmp_path / "git")
    look = ["get", "configmap/limits", "-n", hub.namespace, "-o", "jsonpath={.data.version}", "--ignore-not-found"]
    for version in ("5", "200"):
        person.write_all({"edge/limits.yaml": yamls.dump(config_map(NAME, version))})
        person.push()
        assert listening.once() == {NAME: "applied"}
        until(partial(acm.management.edges[edge].kubectl, *look), partial(str.__eq__, version))
    assert listening.once() == {NAME: None}, "nothing new"
