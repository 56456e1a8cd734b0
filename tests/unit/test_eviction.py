"""Nobody is evicted by a typo."""

from __future__ import annotations

from pathlib import Path

import pytest

from i4q_ai import Hub, Label, Name, Placement
from i4q_ai.errors import EvictionError, InvalidError, RuleError
from i4q_ai.plan import Plan
from i4q_ai.release import Placed, Release
from tests.unit import things
from tests.unit.memory import MemoryBackend

ALL = Placement("all")
V1, V2 = things.model(version="1"), things.model(version="2")
ONE = Placement("all", Name("edge-1"))
TWO = Placement("all", Name("edge-1", "edge-2"))
NOBODY = Placement("all", Label("line") == "cmc")


def told(memory: MemoryBackend) -> list[str]:
    return [key[0] for key in sorted(memory.fleet.told)]


@pytest.fixture
def hub(memory: MemoryBackend) -> Hub:
    found = Hub()
    found.deploy(V1, to=ALL)
    assert told(memory) == ["edge-1", "edge-2", "edge-3"]
    return found


def test_more_than_half_is_refused_by_name_and_nothing_moves(hub: Hub, memory: MemoryBackend) -> None:
    with pytest.raises(EvictionError) as refused:
        hub.deploy(V2, to=ONE)
    assert "would take it from 2 of 3 clusters that have it: edge-2, edge-3" in str(refused.value)
    assert "allow_eviction=True" in refused.value.hint
    assert refused.value.losers == ("edge-2", "edge-3")
    assert told(memory) == ["edge-1", "edge-2", "edge-3"]
    assert hub.get("tool-wear").spec.model == V1, "the record has not changed either"


def test_as_many_as_the_limit_may_go(hub: Hub, memory: MemoryBackend) -> None:
    hub.deploy(V1, to=TWO)
    assert told(memory) == ["edge-1", "edge-2"]
    hub.deploy(V1, to=ONE)
    assert told(memory) == ["edge-1"], "one of two is not more than one half"


def test_an_emptied_placement_is_refused_and_says_which_clause_nobody_meets(hub: Hub) -> None:
    with pytest.raises(EvictionError, match=r"from every cluster .* none of 3 clusters meets: label line == cmc"):
        hub.deploy(V1, to=NOBODY)


def test_what_is_allowed_is_done(hub: Hub, memory: MemoryBackend) -> None:
    hub.deploy(V1, to=ONE, allow_eviction=True)
    assert told(memory) == ["edge-1"]
    hub.deploy(V1, to=NOBODY, allow_eviction=True)
    assert told(memory) == []


def test_the_plan_shows_the_losers_and_applying_it_is_refused(hub: Hub, memory: MemoryBackend) -> None:
    plan = hub.plan(V2, to=ONE)
    assert plan.changes[0].losers == ("edge-2", "edge-3")
    assert "model i4q/tool-wear: lost by edge-2, edge-3" in str(plan).splitlines()
    assert "refused unless eviction is allowed" in str(plan)
    assert "lost by edge-2, edge-3" in plan._repr_html_()
    with pytest.raises(EvictionError):
        hub.apply(plan)
    hub.apply(plan, allow_eviction=True)
    assert told(memory) == ["edge-1"]


def test_one_change_that_is_refused_stops_the_whole_file(hub: Hub, memory: MemoryBackend, tmp_path: Path) -> None:
    other = things.model("chatter")
    release = Release(
        models=(V1, other),
        placements=(ONE,),
        deployments=(Placed(model="chatter", to="all"), Placed(model="tool-wear", to="all")),
    )
    file = tmp_path / "release.yaml"
    file.write_text(release.to_yaml())
    with pytest.raises(EvictionError, match="'i4q/tool-wear'"):
        hub.apply_file(file)
    assert [each.name for each in hub.list()] == ["tool-wear"]
    assert hub.apply_file(file, dry_run=True).changes[1].losers == ("edge-2", "edge-3")
    hub.apply_file(file, allow_eviction=True)
    assert told(memory) == ["edge-1", "edge-1"]


def test_a_rollback_of_the_placement_is_a_change_of_it(hub: Hub, memory: MemoryBackend) -> None:
    hub.deploy(V1, to=ONE, allow_eviction=True)
    deployment = hub.deploy(V1, to=ALL)
    with pytest.raises(EvictionError):
        deployment.rollback()
    deployment.rollback(allow_eviction=True)
    assert told(memory) == ["edge-1"]


def test_labels_that_change_move_it_without_asking(hub: Hub, memory: MemoryBackend) -> None:
    hub.deploy(V1, to=Placement("cnc", Label("line") == "cnc"))
    for name in ("edge-1", "edge-2"):
        hub.clusters.label(name, {"line": "press"})
    assert told(memory) == []


def test_only_what_the_placement_takes_away_counts(hub: Hub, memory: MemoryBackend) -> None:
    hub.deploy(V1, to=Placement("cnc", Label("line") == "cnc"))
    hub.clusters.label("edge-1", {"line": "press"}, refresh=False)
    hub.deploy(V1, to=Placement("cnc", (Label("line") == "cnc") & ~Label("retired")))
    assert told(memory) == ["edge-2"], "edge-1 was taken away by its label"


def test_a_count_groups_and_tolerations_are_the_placement_too(hub: Hub) -> None:
    with pytest.raises(EvictionError, match="2 of 3"):
        hub.deploy(V1, to=ALL.replace(count=1))


def test_deleting_asks_nobody(hub: Hub, memory: MemoryBackend) -> None:
    hub.get("tool-wear").delete()
    assert told(memory) == []
    with pytest.raises(RuleError, match="meets no cluster"):
        hub.deploy(V1, to=NOBODY)


@pytest.mark.parametrize(("limit", "refused"), [(0, True), (0.6, True), (0.67, False), (1, False)])
def test_the_limit_may_be_set(hub: Hub, limit: float, refused: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def plan(other: Hub) -> Plan:
        return other.plan(V1, to=ONE)

    assert bool(plan(Hub(eviction_limit=limit)).changes[0].evicts) is refused
    monkeypatch.setenv("I4Q_EVICTION_LIMIT", str(limit))
    assert bool(plan(Hub()).changes[0].evicts) is refused


def test_a_limit_is_a_share(memory: MemoryBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidError, match="from 0 to 1"):
        Hub(eviction_limit=50)
    monkeypatch.setenv("I4Q_EVICTION_LIMIT", "half")
    with pytest.raises(InvalidError, match="I4Q_EVICTION_LIMIT: 'half'"):
        Hub()
