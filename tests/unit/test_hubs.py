"""Several hubs seen as one, on backends in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from i4q_ai import Hub, Label, Name, Placement, backends
from i4q_ai.cluster import Cluster
from i4q_ai.deadline import Deadline
from i4q_ai.errors import (
    EvictionError,
    HubsError,
    InvalidError,
    NotFoundError,
    RuleError,
    UnreachableError,
    UnsupportedError,
    VersionExistsError,
)
from i4q_ai.hubs import Hubs
from i4q_ai.status import Phase
from tests.unit import things
from tests.unit.memory import MemoryBackend

ALL = Placement("all")
CNC = Placement("cnc", Label("line") == "cnc")


@pytest.fixture
def sites(monkeypatch: pytest.MonkeyPatch) -> dict[str, MemoryBackend]:
    """Two hubs: north has edge-1 and edge-2, south has edge-1 and press-1."""
    found = {"memory://north": MemoryBackend(), "memory://south": MemoryBackend()}
    monkeypatch.setattr(backends, "open_backend", lambda address, **_options: found[address])
    for address, names in (("memory://north", ["edge-1", "edge-2"]), ("memory://south", ["edge-1", "press-1"])):
        for name in names:
            labels = {"line": "cnc" if name.startswith("edge") else "press"}
            found[address].fleet.add(Cluster(name=name, labels=labels), deadline=Deadline.after(60))
    return {"north": found["memory://north"], "south": found["memory://south"]}


@pytest.fixture
def hubs(sites: dict[str, MemoryBackend]) -> Iterator[Hubs]:
    with Hub(["memory://north", "memory://south"]) as found:
        assert isinstance(found, Hubs)
        yield found


def told(sites: dict[str, MemoryBackend]) -> list[str]:
    return sorted(f"{name}/{key[0]}" for name, site in sites.items() for key in site.fleet.told)


def test_it_deploys_to_every_hub_that_has_clusters_for_it(hubs: Hubs, sites: dict[str, MemoryBackend]) -> None:
    hubs.deploy(things.model(), to=CNC).wait(timeout=60)
    assert told(sites) == ["north/edge-1", "north/edge-2", "south/edge-1"]
    press = hubs.deploy(things.model("chatter"), to=Placement("press", Label("line") == "press"))
    assert [name for name, hub in hubs.hubs.items() if hub.list()[0].name == "chatter"] == ["south"]
    assert [each.name for each in hubs.list()] == ["chatter", "tool-wear"]
    assert [row.cluster for row in press.status().clusters] == ["press-1"]


def test_a_count_is_of_each_hub(hubs: Hubs, sites: dict[str, MemoryBackend]) -> None:
    hubs.deploy(things.model(), to=ALL.replace(count=1))
    assert told(sites) == ["north/edge-1", "south/edge-1"]


def test_names_that_clash_name_their_hub(hubs: Hubs) -> None:
    assert sorted(hubs.clusters) == ["edge-2", "north/edge-1", "press-1", "south/edge-1"]
    assert hubs.clusters["south/edge-1"].name == "edge-1"
    status = hubs.deploy(things.model(), to=ALL).status()
    assert [row.cluster for row in status.clusters] == ["north/edge-1", "edge-2", "south/edge-1", "press-1"]
    assert (status.phase, status.version) == (Phase.READY, "1")
    assert list(hubs.explain(CNC).selected) == ["edge-2", "north/edge-1", "south/edge-1"]


def test_the_plan_says_it_hub_by_hub_and_touches_nothing(hubs: Hubs, sites: dict[str, MemoryBackend]) -> None:
    plan = hubs.plan(things.model(), to=Placement("p", Name("edge-2")))
    assert "hub north: model i4q/tool-wear: create on edge-2" in str(plan).splitlines()
    assert "hub south: skipped: placement 'p' meets no cluster" in str(plan)
    assert [len(actions) for actions in plan.actions.values()] == [1]
    assert not plan.empty
    assert told(sites) == []


@pytest.mark.parametrize("verb", ["publish", "publication", "publications"])
def test_publishing_is_of_one_hub(hubs: Hubs, sites: dict[str, MemoryBackend], verb: str) -> None:
    given = {"publish": {"to": ALL, "repo": "/srv/plant.git"}}.get(verb, {})
    with pytest.raises(UnsupportedError, match="of one hub, not of several: north, south") as refused:
        getattr(hubs, verb)(*([] if verb == "publications" else ["tool-wear"]), **given)
    assert f"hubs.hubs['north'].{verb}(" in str(refused.value.hint)
    assert hubs.hubs["north"].publications() == []


def test_nobody_anywhere_is_refused(hubs: Hubs) -> None:
    with pytest.raises(RuleError, match="hub 'north': placement 'p' meets no cluster"):
        hubs.plan(things.model(), to=Placement("p", Name("edge-9")))


def test_errors_name_the_hub_and_come_before_anything_is_touched(hubs: Hubs, sites: dict[str, MemoryBackend]) -> None:
    hubs.hubs["south"].deploy(things.model(), to=ALL)
    other = things.model(reference=f"registry.example/x@{things.digest('other')}")
    with pytest.raises(VersionExistsError, match="hub 'south': 'tool-wear' version 1 is known"):
        hubs.deploy(other, to=ALL)
    with pytest.raises(EvictionError, match=r"hub 'south': .*edge-1, press-1"):
        hubs.deploy(things.model(), to=Placement("p", Name("edge-2")))
    assert told(sites) == ["south/edge-1", "south/press-1"]
    hubs.deploy(things.model(), to=Placement("p", Name("edge-2")), allow_eviction=True)
    assert told(sites) == ["north/edge-2"]


def test_a_hub_out_of_reach_hides_no_other(
    hubs: Hubs, sites: dict[str, MemoryBackend], caplog: pytest.LogCaptureFixture
) -> None:
    deployment = hubs.deploy(things.model(), to=ALL)
    sites["south"].store.refuse = True
    assert [each.name for each in hubs.list()] == ["tool-wear"]
    assert "hub 'south' is left out" in caplog.text
    status = deployment.status()
    assert [row.cluster for row in status.clusters] == ["edge-1", "edge-2"]
    assert status.message == "hub south not asked: the store does not answer"
    with pytest.raises(HubsError, match=r"hub 'south': .* \(done on north\)") as left:
        hubs.deploy(things.model(version="2"), to=ALL)
    assert left.value.done == ("north",)
    assert {each.item.version for each in sites["north"].fleet.told.values()} == {"2"}
    with pytest.raises(HubsError, match="hub 'south'"):
        deployment.delete()
    assert told(sites) == ["south/edge-1", "south/press-1"]
    sites["south"].store.refuse = False
    assert deployment.delete() is None
    assert told(sites) == []
    sites["north"].store.refuse = sites["south"].store.refuse = True
    with pytest.raises(UnreachableError, match=r"no hub can be reached: north: .*; south: "):
        hubs.list()


def test_explaining_shows_who_was_not_asked(hubs: Hubs, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_placement: Placement) -> Any:
        raise UnreachableError("connection refused")

    monkeypatch.setattr(hubs.hubs["south"], "explain", away)
    verdicts = {each.cluster: each.clause for each in hubs.explain(CNC).verdicts}
    assert verdicts["south/*"] == "hub not asked: connection refused"
    assert list(verdicts) == ["edge-1", "edge-2", "south/*"]


def test_it_moves_all(hubs: Hubs, sites: dict[str, MemoryBackend]) -> None:
    deployment = hubs.deploy(things.model(), to=ALL).update(things.model(version="2"))
    assert deployment.status().version == "2"
    assert deployment.rollback().status().version == "1"
    assert deployment.on("south").spec.model == things.model()
    hubs.hubs["south"].clusters.add("edge-7", refresh=False)
    assert [action.cluster for action in hubs.refresh().actions["south"]] == ["edge-7"]
    with pytest.raises(NotFoundError, match="no hub has a deployment 'chatter'"):
        hubs.get("chatter")
    with pytest.raises(NotFoundError, match="there is no hub 'east'"):
        deployment.on("east")


def test_what_a_cluster_says_is_told_with_its_hub(hubs: Hubs, sites: dict[str, MemoryBackend]) -> None:
    sites["south"].fleet.phases["press-1"] = Phase.FAILED
    deployment = hubs.deploy(things.model(), to=ALL)
    assert deployment.status().phase is Phase.FAILED
    with pytest.raises(HubsError, match=r"hub 'south': 'tool-wear' does not work everywhere.*press-1.*done on north"):
        deployment.wait(timeout=60)


def test_hubs_may_be_named(sites: dict[str, MemoryBackend]) -> None:
    with Hubs({"a": "memory://north", "b": Hub("memory://south")}) as hubs:
        assert sorted(hubs.clusters) == ["a/edge-1", "b/edge-1", "edge-2", "press-1"]
        assert hubs.address == "memory://north, memory://south"
    with pytest.raises(InvalidError, match="two hubs are called 'north'"):
        Hub(["memory://north", "other://north"])
    with pytest.raises(InvalidError, match="no hub is given"):
        Hub([])
