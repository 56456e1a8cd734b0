"""From what is wanted and what is there to a change."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai import planning
from i4q_ai.capabilities import Capabilities
from i4q_ai.cluster import Cluster
from i4q_ai.errors import InvalidError, NotFoundError, OwnedError, RuleError, UnsupportedError, VersionExistsError
from i4q_ai.model import Model
from i4q_ai.placement import Placement
from i4q_ai.placing.builders import Label, Name
from i4q_ai.plan import Assignment, Change
from i4q_ai.rollout.rollout import Rollout
from i4q_ai.snapshot import Snapshot
from i4q_ai.spec import Spec
from i4q_ai.status import Observation, Phase
from tests.unit import things

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ALL = Placement("all")
V1, V2 = things.model(version="1"), things.model(version="2")
EMBEDDED = Capabilities(flavours=frozenset({"server", "files"}), commands=True)


def fleet(*names: str, **about: Any) -> tuple[Cluster, ...]:
    return tuple(things.cluster(name, **about) for name in names)


def empty(*clusters: Cluster) -> Snapshot:
    return Snapshot("i4q", "tool-wear", 0, None, clusters, (), ())


def change(snapshot: Snapshot, spec: Spec, *, require: bool = True, **others: Spec) -> Change:
    return planning.change(snapshot, spec, others=others, require=require, now=NOW)


def applied(snapshot: Snapshot, done: Change) -> Snapshot:
    """What is there once a change is applied."""
    told = {each.cluster: each for each in snapshot.assigned}
    for action in done.actions:
        told.pop(action.cluster, None)
        if action.after is not None:
            told[action.cluster] = Assignment(cluster=action.cluster, item=action.after)
    return replace(snapshot, revision=done.revision, spec=done.spec, assigned=tuple(told.values()))


def seen(snapshot: Snapshot, **phases: Phase) -> Snapshot:
    """What is there once clusters (with `_` for `-`) have reported."""
    told = snapshot.told
    observed = []
    for key, phase in phases.items():
        cluster = key.replace("_", "-")
        item = told.get(cluster)
        running = item.digest if item and phase is Phase.READY else None
        observed.append(
            Observation(
                cluster=cluster, namespace="i4q", name=snapshot.name, kind="model", phase=phase, running=running
            )
        )
    return replace(snapshot, observed=tuple(observed))


def told(done: Change) -> list[tuple[str, str]]:
    return [(action.verb, action.cluster) for action in done.actions]


specs = st.builds(
    Spec, model=st.sampled_from([V1, V2]), placement=things.placements, flavour=st.sampled_from(["server", "files"])
)


@given(things.fleets, st.lists(specs, min_size=1, max_size=3))
def test_after_a_plan_is_applied_there_is_nothing_to_do(clusters: list[Cluster], wanted: list[Spec]) -> None:
    snapshot = empty(*clusters)
    for spec in wanted:
        snapshot = applied(snapshot, change(snapshot, spec, require=False))
        again = change(snapshot, spec, require=False)
        assert again.empty, told(again)
        assert snapshot.told.keys() == snapshot.decision(spec, now=NOW).selected.keys()


@given(things.fleets, things.fleets, specs)
def test_a_refresh_follows_the_clusters(before: list[Cluster], after: list[Cluster], spec: Spec) -> None:
    snapshot = applied(empty(*before), change(empty(*before), spec, require=False))
    moved = replace(snapshot, clusters=tuple(after))
    done = change(moved, spec, require=False)
    assert not done.writes
    final = applied(moved, done)
    assert final.told.keys() == final.decision(spec, now=NOW).selected.keys()


@given(things.fleets, specs)
def test_deleting_takes_it_from_everybody(clusters: list[Cluster], spec: Spec) -> None:
    snapshot = applied(empty(*clusters), change(empty(*clusters), spec, require=False))
    done = change(snapshot, spec.replace(deleted=True))
    assert told(done) == [("remove", cluster) for cluster in sorted(snapshot.told)]
    assert applied(snapshot, done).told == {}


def test_a_new_version_updates_and_the_items_know_their_revision() -> None:
    snapshot = applied(empty(*fleet("edge-1")), change(empty(*fleet("edge-1")), Spec(model=V1, placement=ALL)))
    done = change(snapshot, Spec(model=V2, placement=ALL))
    assert told(done) == [("update", "edge-1")]
    assert (done.expected, done.revision) == (1, 2)
    assert done.actions[0].after.revision == 2  # type: ignore[union-attr]


def test_another_placement_of_the_same_clusters_tells_nobody() -> None:
    snapshot = applied(empty(*fleet("edge-1")), change(empty(*fleet("edge-1")), Spec(model=V1, placement=ALL)))
    done = change(snapshot, Spec(model=V1, placement=Placement("one", Name("edge-1"))))
    assert done.writes
    assert done.actions == ()


def test_nobody_is_refused_unless_it_is_a_refresh_or_a_delete() -> None:
    spec = Spec(model=V1, placement=Placement("weld", Label("line") == "weld"))
    with pytest.raises(RuleError, match="none of 1 clusters meets: label line == weld"):
        change(empty(*fleet("edge-1")), spec)
    assert change(empty(*fleet("edge-1")), spec, require=False).actions == ()
    assert change(empty(*fleet("edge-1")), spec.replace(deleted=True)).actions == ()


class TestStaged:
    """A change that goes from group to group."""

    placement = Placement("p", groups={"pilot": Name("edge-1"), "north": Name("edge-2")})
    clusters = fleet("edge-1", "edge-2", "edge-3")
    rollout = Rollout(strategy="staged")

    def spec(self, model: Model) -> Spec:
        return Spec(model=model, placement=self.placement, rollout=self.rollout)

    def running_v1(self) -> Snapshot:
        once = Spec(model=V1, placement=self.placement)
        snapshot = applied(empty(*self.clusters), change(empty(*self.clusters), once))
        return seen(snapshot, edge_1=Phase.READY, edge_2=Phase.READY, edge_3=Phase.READY)

    def test_it_goes_stage_by_stage_and_ends(self) -> None:
        snapshot = self.running_v1()
        done = change(snapshot, self.spec(V2))
        assert (told(done), done.later) == ([("update", "edge-1")], ("edge-2", "edge-3"))
        assert done.waits_for == "stage 'pilot': edge-1"
        snapshot = applied(snapshot, done)
        for turn in ("edge-2", "edge-3"):
            snapshot = seen(snapshot, edge_1=Phase.READY, edge_2=Phase.READY, edge_3=Phase.READY)
            done = change(snapshot, self.spec(V2))
            assert told(done) == [("update", turn)]
            snapshot = applied(snapshot, done)
        assert change(snapshot, self.spec(V2)).empty

    def test_a_change_that_keeps_the_digest_goes_stage_by_stage_too(self) -> None:
        done = change(self.running_v1(), self.spec(V1).replace(flavour="files"))
        assert (told(done), done.later) == ([("update", "edge-1")], ("edge-2", "edge-3"))

    def test_a_failure_halts_it(self) -> None:
        snapshot = applied(self.running_v1(), change(self.running_v1(), self.spec(V2)))
        done = change(seen(snapshot, edge_1=Phase.ROLLED_BACK), self.spec(V2))
        assert done.actions == ()
        assert done.halted == "stage 'pilot' failed on edge-1"
        assert done.later == ("edge-2", "edge-3")

    def test_a_cluster_known_to_be_away_blocks_nobody_but_itself(self) -> None:
        conditions = [{"type": "Available", "status": "False"}]
        clusters = (*self.clusters, things.cluster("edge-4", conditions=conditions))
        placement = Placement("p", groups={"pilot": Name("edge-1", "edge-4")})
        spec = Spec(model=V1, placement=placement, rollout=self.rollout)
        snapshot = applied(empty(*clusters), change(empty(*clusters), spec))
        assert sorted(snapshot.told) == ["edge-1", "edge-4"]
        done = change(seen(snapshot, edge_1=Phase.READY, edge_4=Phase.OFFLINE), spec)
        assert told(done) == [("create", "edge-2"), ("create", "edge-3")]


def check(spec: Spec, *, present: Spec | None = None, past: tuple[Spec, ...] = (), **kinds: Any) -> None:
    snapshot = replace(empty(*fleet("edge-1")), spec=present, revision=1 if present else 0)
    settings: dict[str, Any] = {"others": {}, "capabilities": EMBEDDED, "owner": "i4q", **kinds}
    planning.check(spec, snapshot, past=past, **settings)


class TestCheck:
    """What cannot be is refused before anything is touched."""

    model = Spec(model=V1, placement=ALL)
    work = Spec(workload=things.workload("tool-wear"), placement=ALL)

    def test_what_fits_passes(self) -> None:
        check(self.model)
        check(self.model, present=self.model, past=(self.model,))

    def test_the_name_of_another_owner(self) -> None:
        with pytest.raises(OwnedError, match=r"'i4q/tool-wear' belongs to 'plant-b' \(hint: you are 'i4q'"):
            check(self.model, present=self.model.replace(owner="plant-b"))

    def test_the_name_of_another_kind(self) -> None:
        with pytest.raises(OwnedError, match="is a model, not a workload"):
            check(self.work, present=self.model)
        check(self.work, present=self.model.replace(deleted=True))

    def test_a_flavour_that_the_backend_has_not(self) -> None:
        with pytest.raises(UnsupportedError, match=r"flavour 'chart' .*this backend has: files, server; .*`i4q chart`"):
            check(self.model.replace(flavour="chart"))

    def test_a_rollout_that_is_finer_than_what_the_backend_can_tell(self) -> None:
        groups = Capabilities(flavours=EMBEDDED.flavours, single=False)
        check(self.model.replace(rollout=Rollout(strategy="staged", soak=5)), capabilities=groups)
        with pytest.raises(UnsupportedError, match="maxConcurrency 1 is finer than the groups"):
            check(self.model.replace(rollout=Rollout(max_concurrency=1)), capabilities=groups)

    def test_images_and_commands_that_the_backend_cannot_run(self) -> None:
        image = things.workload(image=f"a@{things.digest('a')}", command=(), reference=None)
        with pytest.raises(UnsupportedError, match="is an image, and this backend runs no containers"):
            check(Spec(workload=image, placement=ALL))
        with pytest.raises(UnsupportedError, match="is a command, and this backend runs images only"):
            check(self.work, capabilities=Capabilities(flavours=frozenset(), images=True))

    @pytest.mark.parametrize("where", ["past", "others"])
    def test_a_version_that_is_known_with_other_content(self, where: str) -> None:
        known = Spec(model=things.model(reference=f"r@{things.digest('other')}"), placement=ALL)
        given = {"past": (known,)} if where == "past" else {"others": {"twin": known}}
        with pytest.raises(VersionExistsError, match="'tool-wear' version 1 is known here with other content"):
            check(self.model, **given)  # type: ignore[arg-type]

    def test_what_is_not_pushed(self) -> None:
        with pytest.raises(InvalidError, match="push it first"):
            check(Spec(model=Model(name="a", version="1"), placement=ALL))

    @pytest.mark.parametrize(("flavour", "want"), [("server", "path"), ("files", "url")])
    def test_a_flavour_that_does_not_give_what_is_used(self, flavour: str, want: str) -> None:
        work = Spec(workload=things.workload(uses={"tool-wear": want}), placement=ALL)
        others = {"tool-wear": self.model.replace(flavour=flavour)}
        with pytest.raises(InvalidError, match=f"wants the {want} of 'tool-wear', whose flavour '{flavour}'"):
            check(work, others=others)
        check(work, others={"tool-wear": others["tool-wear"].replace(deleted=True)})
        check(work, others={})

    def test_a_workload_does_not_use_a_workload(self) -> None:
        work = Spec(workload=things.workload(uses={"tool-wear": "url"}), placement=ALL)
        with pytest.raises(InvalidError, match="which is a workload, not a model"):
            check(work, others={"tool-wear": self.work})


class TestWarnings:
    """What can be, but is hardly meant."""

    clusters = fleet("edge-1", "edge-2")
    work = Spec(workload=things.workload(uses={"tool-wear": "url"}), placement=ALL)

    def test_a_model_that_is_not_deployed(self) -> None:
        snapshot = replace(empty(*self.clusters), name="monitor")
        assert change(snapshot, self.work).warnings == ("uses 'tool-wear', which is not deployed yet; it waits for it",)

    def test_a_model_that_does_not_go_everywhere(self) -> None:
        snapshot = replace(empty(*self.clusters), name="monitor")
        model = Spec(model=V1, placement=Placement("one", Name("edge-1")))
        done = planning.change(snapshot, self.work, others={"tool-wear": model}, require=True, now=NOW)
        assert done.warnings == ("uses 'tool-wear', which does not go to edge-2; it waits there",)

    def test_a_model_that_is_still_used(self) -> None:
        gone = Spec(model=V1, placement=ALL, deleted=True)
        done = planning.change(empty(*self.clusters), gone, others={"monitor": self.work}, require=True, now=NOW)
        assert done.warnings == ("still used by monitor",)


def test_a_cluster_that_is_not_there_suggests_the_nearest() -> None:
    assert planning.find_cluster("edge-1", fleet("edge-1")).name == "edge-1"
    with pytest.raises(NotFoundError, match=r"there is no cluster 'egde-1' \(hint: did you mean 'edge-1'\?\)"):
        planning.find_cluster("egde-1", fleet("edge-1"))
