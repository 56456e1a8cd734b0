"""The engine on a backend in memory: what is compared live, repaired, caught up with, and told without a store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from i4q_ai import Hub, Release
from i4q_ai.backends.base import Record
from i4q_ai.deadline import Deadline
from i4q_ai.deployment import Deployment
from i4q_ai.engine import Engine
from i4q_ai.errors import ConflictError, DeploymentFailed, OwnedError, UnreachableError, UnsupportedError
from i4q_ai.placement import Placement
from i4q_ai.plan import Difference
from i4q_ai.spec import Spec
from i4q_ai.status import Observation, Phase
from tests.unit import things
from tests.unit.memory import MemoryBackend

SPEC = Spec(model=things.model(), placement=Placement("all"))
NEXT = SPEC.replace(model=things.model(version="2"))
BY_HAND = Difference(
    "edge-2", "i4q", "tool-wear", "Thing tool-wear", "update", conflicts=("replicas is managed by kubectl",)
)


@pytest.fixture
def engine(memory: MemoryBackend) -> Engine:
    memory.capabilities = replace(memory.capabilities, compare=True)
    return Engine(memory, "i4q", "i4q", 60)


def deployed(engine: Engine) -> None:
    engine.apply(engine.plan({"tool-wear": SPEC}))


def test_a_live_plan_says_what_changes_on_the_clusters(engine: Engine) -> None:
    plan = engine.plan({"tool-wear": SPEC}, live=True)
    (change,) = plan.changes
    assert [(each.cluster, each.verb) for each in change.details] == [
        ("edge-1", "create"), ("edge-2", "create"), ("edge-3", "create"),
    ]  # fmt: skip
    assert change.drift == ()
    assert "  edge-1: create Thing tool-wear" in str(plan).splitlines()
    assert "    +version: '1'" in str(plan).splitlines()


def test_a_placement_that_cannot_be_said_is_refused_before_anything_is_written(
    engine: Engine, memory: MemoryBackend
) -> None:
    memory.fleet.impossible.append(SPEC.placement)
    with pytest.raises(UnsupportedError, match="cannot be said here"):
        engine.plan({"tool-wear": SPEC})
    assert memory.store.records == {}


def test_a_placement_that_is_deployed_already_is_not_judged_again(engine: Engine, memory: MemoryBackend) -> None:
    deployed(engine)
    memory.fleet.impossible.append(SPEC.placement)
    engine.apply(engine.plan({"tool-wear": NEXT}))
    engine.apply(engine.plan({"tool-wear": NEXT.replace(deleted=True)}))
    with pytest.raises(UnsupportedError, match="cannot be said here"):
        engine.plan({"tool-wear": NEXT})


def test_a_live_plan_says_what_somebody_else_has_changed_where_nothing_is_to_do(
    engine: Engine, memory: MemoryBackend
) -> None:
    deployed(engine)
    memory.fleet.touched[("edge-2", "i4q", "tool-wear")] = "kubectl"
    plan = engine.plan({"tool-wear": SPEC}, live=True)
    assert plan.empty
    assert plan.changes[0].drift == (BY_HAND,)
    assert str(plan).splitlines() == [
        "model i4q/tool-wear: nothing to change",
        "model i4q/tool-wear: drift: edge-2: update Thing tool-wear",
        "model i4q/tool-wear: drift:   conflict: replicas is managed by kubectl",
    ]


def test_where_something_is_to_do_that_is_no_drift(engine: Engine, memory: MemoryBackend) -> None:
    deployed(engine)
    memory.fleet.touched[("edge-2", "i4q", "tool-wear")] = "kubectl"
    (change,) = engine.plan({"tool-wear": NEXT}, live=True).changes
    assert change.drift == ()
    assert [each.conflicts for each in change.details] == [(), BY_HAND.conflicts, ()]


def test_clusters_are_asked_only_where_somebody_wants_to_know_and_the_backend_can(
    engine: Engine, memory: MemoryBackend
) -> None:
    assert engine.plan({"tool-wear": SPEC}).changes[0].details == ()
    memory.capabilities = replace(memory.capabilities, compare=False)
    assert engine.plan({"tool-wear": SPEC}, live=True).changes[0].details == ()


def test_drift_is_repaired_by_force_alone_where_somebody_else_holds_a_field(
    engine: Engine, memory: MemoryBackend
) -> None:
    deployed(engine)
    assert engine.drift("tool-wear") == []
    memory.fleet.touched[("edge-2", "i4q", "tool-wear")] = "kubectl"
    assert engine.drift("tool-wear") == [BY_HAND]
    with pytest.raises(DeploymentFailed, match="edge-2: replicas is managed by kubectl"):
        engine.repair("tool-wear")
    engine.repair("tool-wear", force=True)
    assert engine.drift("tool-wear") == []


def test_repairing_writes_no_new_revision(engine: Engine) -> None:
    deployed(engine)
    engine.repair("tool-wear")
    assert engine.record("tool-wear").revision == 1
    assert engine.plan({"tool-wear": SPEC}).empty


def test_whoever_applies_makes_up_for_what_was_not_delivered(engine: Engine, memory: MemoryBackend) -> None:
    deployed(engine)
    deployed(engine)
    assert memory.fleet.caught_up == [("i4q", "tool-wear")] * 2


def test_without_the_store_the_clusters_say_what_they_have(engine: Engine, memory: MemoryBackend) -> None:
    deployed(engine)
    memory.store.refuse = True
    status = engine.status("tool-wear")
    assert status is not None
    assert status.phase is Phase.READY
    assert [row.cluster for row in status.clusters] == ["edge-1", "edge-2", "edge-3"]
    assert status.message == "its record is out of reach (the store does not answer); this is what the clusters say"


def test_without_the_store_and_without_a_cluster_that_has_it_nothing_is_known(
    engine: Engine, memory: MemoryBackend
) -> None:
    memory.store.refuse = True
    with pytest.raises(UnreachableError, match="the store does not answer"):
        engine.status("tool-wear")


def test_a_deletion_ends_when_somebody_deploys_again(
    engine: Engine, memory: MemoryBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(engine)

    def watch(**_: object) -> Iterator[list[Observation]]:
        deployed(engine)
        yield []

    monkeypatch.setattr(memory.fleet, "watch", watch)
    with pytest.raises(ConflictError, match="deployed again"):
        Deployment(engine, "tool-wear").delete(timeout=60)


def published(memory: MemoryBackend, *, gitops: bool) -> None:
    """A publication of that name, on a hub whose clusters take it from Git by themselves, or not."""
    memory.capabilities = replace(memory.capabilities, gitops=gitops)
    record = Record(kind="publication", namespace="i4q", name="tool-wear", data={})
    memory.store.put(record, expected=0, deadline=Deadline.after(60))


def test_what_clusters_take_from_git_is_not_deployed_as_well(memory: MemoryBackend) -> None:
    published(memory, gitops=True)
    before = dict(memory.store.records)
    placement = SPEC.placement
    release = Release.parse(
        {
            "models": [things.model("chatter").dump(), things.model().dump()],
            "placements": [placement.dump()],
            "deployments": [{"model": "chatter", "to": placement.name}, {"model": "tool-wear", "to": placement.name}],
        }
    )
    with Hub("memory://") as hub:
        for attempt in (
            lambda: hub.plan(things.model(), to=placement),
            lambda: hub.deploy(things.model(), to=placement),
            lambda: hub.apply_release(release),
        ):
            with pytest.raises(OwnedError, match="'i4q/tool-wear' is published to Git") as refused:
                attempt()
            assert "publication delete tool-wear" in refused.value.hint
        assert (memory.store.records, memory.fleet.told) == (before, {})
        hub.deploy(things.model(), to=placement, name="another")


def test_what_is_published_where_the_hub_tells_nobody_to_take_it_may_be_deployed_too(
    engine: Engine, memory: MemoryBackend
) -> None:
    published(memory, gitops=False)
    deployed(engine)


def test_what_is_deployed_and_published_all_the_same_can_be_deleted(engine: Engine, memory: MemoryBackend) -> None:
    deployed(engine)
    published(memory, gitops=True)
    with pytest.raises(OwnedError, match="is published to Git"):
        engine.plan({"tool-wear": NEXT})
    engine.apply(engine.plan_refresh())
    engine.apply(engine.plan({"tool-wear": SPEC.replace(deleted=True)}))
    assert memory.fleet.told == {}
