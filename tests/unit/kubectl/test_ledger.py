"""What home knows of a cluster: the same in the end, in whatever order its writers come."""

from __future__ import annotations

import json
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from i4q_ai.cluster import Cluster, Taint
from i4q_ai.desired import Item
from i4q_ai.manifests import kinds
from i4q_ai.plan import Action
from i4q_ai.status import Observation, Phase
from i4q_ai_kubectl import ledger as ledgers
from i4q_ai_kubectl.ledger import Facts, Key, Ledger, Row
from tests.unit import things
from tests.unit.kubectl.things import KEY, THEN, action, model, row

EMPTY = Ledger(cluster="edge-1")
wanted: st.SearchStrategy[Item | None] = st.sampled_from(
    [None, model("1"), model("2"), model("1", flavour="files"), model("2", flavour="files")]
)


def tell(ledger: Ledger, told: Action, *, record: int | None = None) -> Ledger:
    known: dict[Key, tuple[int, str]] = {} if record is None else {KEY: (record, "team-a")}
    return ledgers.tell(ledger, [told], now=THEN, record=known.get)


def only(ledger: Ledger) -> Row:
    (found,) = ledger.rows
    return found


# slow writers


@given(wanted, wanted, st.integers(1, 9), st.integers(1, 9))
def test_a_late_action_never_undoes_a_later_one(first: Item | None, second: Item | None, one: int, other: int) -> None:
    after = tell(tell(EMPTY, action(first, revision=one)), action(second, revision=other))
    assert only(after).revision == max(one, other)
    assert (only(after).item is None) == ((first if one > other else second) is None)


@given(wanted, st.integers(1, 9), st.integers(1, 9))
def test_an_action_of_another_revision_than_the_record_is_not_written(item: Item | None, one: int, other: int) -> None:
    after = tell(EMPTY, action(item, revision=one), record=other)
    assert bool(after.rows) == (one == other)
    if after.rows:
        assert only(after).owner == "team-a"


@given(st.permutations(range(1, 6)), wanted)
def test_a_tombstone_outlives_late_creates(order: list[int], item: Item | None) -> None:
    ledger = EMPTY
    for revision in order:
        ledger = tell(ledger, action(None if revision == 5 else item, revision=revision))
    assert only(ledger).item is None
    assert only(ledger).revision == 5
    assert not only(ledger).delivered


@given(st.lists(st.tuples(wanted, st.integers(1, 5)), min_size=1, max_size=8))
def test_telling_again_changes_nothing(told: list[tuple[Item | None, int]]) -> None:
    ledger = EMPTY
    for item, revision in told:
        ledger = tell(ledger, action(item, revision=revision))
        assert tell(ledger, action(item, revision=revision)) == ledger or only(ledger).revision > revision


def test_what_is_known_already_keeps_all_that_is_known_of_it() -> None:
    seen = Observation(cluster="edge-1", namespace="factory", name="wear", kind="model", phase=Phase.READY)
    before = EMPTY.with_rows([row(model(), delivered=True, last=seen)])
    later = ledgers.tell(
        before, [action(model(), revision=4)], now=THEN + timedelta(days=1), record={KEY: (4, "i4q")}.get
    )
    assert only(later) == only(before).model_copy(update={"revision": 4})


def test_the_rows_of_other_deployments_stay() -> None:
    other = row(model(name="chatter"), name="chatter", delivered=True)
    after = tell(EMPTY.with_rows([other]), action(model(), revision=1))
    assert after.row(other.key) == other
    assert [each.name for each in after.rows] == ["chatter", "wear"]


def test_the_row_for_a_comparison_is_the_one_that_telling_would_write() -> None:
    before = EMPTY.with_rows([row(model("1"), delivered=True)])
    item = model("2", revision=4)
    assert ledgers.row_for(item, before, now=THEN) == only(tell(before, action(item, revision=4)))


# arriving


class Site:
    """A cluster and its ledger; writers and deliverers do one step at a time, in any order."""

    def __init__(self) -> None:
        self.ledger = EMPTY
        self.items: list[Item | None] = []
        self.taken: list[Row] = []
        self.there: set[str] = set()

    def put(self, item: Item | None) -> None:
        """Somebody changes the record, and tells the cluster so before anybody else changes it."""
        self.items.append(item)
        self.tell(len(self.items))

    def tell(self, revision: int) -> None:
        item = self.items[revision - 1]
        self.ledger = tell(self.ledger, action(item, revision=revision), record=len(self.items))

    def tell_late(self, revision: int, read: int) -> None:
        """Somebody who has read the record long ago tells the cluster only now."""
        item = self.items[revision - 1]
        self.ledger = tell(self.ledger, action(item, revision=revision), record=read)

    def take(self) -> None:
        """Somebody reads the row that he is going to deliver."""
        self.taken += [each for each in self.ledger.rows if not each.delivered]

    def deliver(self, which: int, *, refused: bool) -> None:
        """Somebody delivers what he has read, a while ago perhaps, and writes down how it went."""
        told = self.taken.pop(which % len(self.taken))
        self.there |= kinds(told.item)
        if not refused:
            self.there -= {*told.left} - kinds(told.item)
        self.ledger = ledgers.delivered(self.ledger, told, error="no room" if refused else "")

    def settle(self) -> None:
        """The last writer comes through, with nobody beside him."""
        self.tell(len(self.items))
        self.take()
        while self.taken:
            self.deliver(0, refused=False)
            if not self.taken:
                self.take()


steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), wanted),
        st.tuples(st.just("tell late"), st.integers(0, 20)),
        st.tuples(st.just("take"), st.none()),
        st.tuples(st.just("deliver"), st.tuples(st.integers(0, 9), st.booleans())),
    ),
    max_size=25,
)


def play(history: list[tuple[str, object]]) -> Site:
    site = Site()
    site.put(model("1"))
    for verb, about in history:
        if verb == "put":
            site.put(about)  # type: ignore[arg-type]
        elif verb == "tell late":
            revision = 1 + about % len(site.items)  # type: ignore[operator]
            site.tell_late(revision, read=revision)
        elif verb == "take":
            site.take()
        elif site.taken:
            which, refused = about  # type: ignore[misc]
            site.deliver(which, refused=refused)
    return site


@given(steps)
def test_writers_converge_and_leave_nothing_behind(history: list[tuple[str, object]]) -> None:
    site = play(history)
    while site.taken:  # whoever is still on his way arrives
        site.deliver(0, refused=False)
    site.settle()
    told, last = only(site.ledger), site.items[-1]
    assert told.revision == len(site.items)
    assert told.fingerprint == (ledgers.fingerprint(last) if last else "")
    assert told.delivered
    assert site.there == kinds(last)


@given(steps)
def test_what_may_still_be_there_is_known(history: list[tuple[str, object]]) -> None:
    site = play(history)
    on_their_way = {kind for each in site.taken for kind in kinds(each.item)}
    assert site.there <= {*only(site.ledger).left} | kinds(only(site.ledger).item) | on_their_way


def test_a_slow_deliverer_makes_the_present_row_be_delivered_again() -> None:
    """What he has put there may stand in the way of what is wanted now, and nobody else knows of it."""
    slow = row(model("1"))
    now = EMPTY.with_rows([row(model("2", flavour="files"), delivered=True, revision=4)])
    after = only(ledgers.delivered(now, slow))
    assert not after.delivered
    assert set(after.left) == {"Deployment", "Service", "PodDisruptionBudget"}
    assert after.item == model("2", flavour="files")


def test_what_was_put_there_meanwhile_is_not_taken_for_pruned() -> None:
    read = row(model("2", flavour="files"), revision=4)
    now = EMPTY.with_rows([read.model_copy(update={"left": ("Deployment",)})])
    assert not only(ledgers.delivered(now, read)).delivered
    assert only(ledgers.delivered(now, read)).left == ("Deployment",)


def test_a_refusal_is_kept_until_it_is_told_something_else() -> None:
    refused = ledgers.delivered(tell(EMPTY, action(model(), revision=1)), row(model()), reason="Schema", error="bad")
    assert (only(refused).reason, only(refused).error, only(refused).delivered) == ("Schema", "bad", False)
    assert only(tell(refused, action(model(), revision=2))).error == "bad"
    assert only(tell(refused, action(model("1"), revision=3))).error == ""


def test_an_arrival_nobody_waits_for_is_forgotten() -> None:
    assert ledgers.delivered(EMPTY, row(model())) == EMPTY


# what is noted of a cluster


def observed(phase: Phase = Phase.READY, **about: object) -> Observation:
    return Observation(
        **{"cluster": "edge-1", "namespace": "factory", "name": "wear", "kind": "model", "phase": phase, **about}
    )


rows = st.builds(
    row, wanted, delivered=st.booleans(), gone=st.booleans(), left=st.sampled_from([(), ("Service",)]),
    last=st.none() | st.builds(observed, st.sampled_from(list(Phase))),
)  # fmt: skip
moments = st.sampled_from([THEN, THEN + timedelta(hours=1)])
ledgers_of_one = st.builds(
    lambda one, since: EMPTY.with_rows([one]).model_copy(update={"away_since": since}), rows, st.none() | moments
)
sights = st.dictionaries(
    st.just(KEY), st.none() | st.builds(observed, st.sampled_from(list(Phase)), restarts=st.integers(0, 3)), max_size=1
)


@given(ledgers_of_one, sights, st.booleans())
def test_noting_touches_nothing_that_was_told_and_the_second_time_nothing(
    ledger: Ledger, seen: dict[Key, Observation | None], away: bool
) -> None:
    after = ledgers.noted(ledger, seen, away=away, now=THEN)
    assert ledgers.noted(after, seen, away=away, now=THEN + timedelta(days=1)) == after
    kept = {"gone", "last"}
    assert only(after).model_dump(exclude=kept) == only(ledger).model_dump(exclude=kept)


@given(ledgers_of_one)
def test_a_cluster_is_away_since_it_was_first_found_so(ledger: Ledger) -> None:
    away = ledgers.noted(ledger, {}, away=True, now=THEN)
    assert away.away_since == (ledger.away_since or THEN)
    assert away.rows == ledger.rows
    assert ledgers.noted(away, {}, away=False, now=THEN).away_since is None


def test_what_is_gone_is_gone_only_once_it_was_seen() -> None:
    told = EMPTY.with_rows([row(None, delivered=True, last=observed())])
    assert not only(ledgers.noted(told, {}, away=False, now=THEN)).gone
    assert not only(ledgers.noted(told, {KEY: observed(Phase.REMOVING)}, away=False, now=THEN)).gone
    gone = ledgers.noted(told, {KEY: None}, away=False, now=THEN)
    assert only(gone).gone
    assert only(gone).last is None
    assert gone.of(None, None) == []


def test_only_news_are_kept() -> None:
    told = ledgers.noted(EMPTY.with_rows([row(model())]), {KEY: observed()}, away=False, now=THEN)
    assert only(told).last == observed()
    for same in (observed(restarts=4), observed(Phase.STARTING), observed(message="other words")):
        assert ledgers.noted(told, {KEY: same}, away=False, now=THEN) is told
    failed = ledgers.noted(told, {KEY: observed(Phase.FAILED)}, away=False, now=THEN)
    assert only(failed).last == observed(Phase.FAILED)


# what it is


@given(things.clusters, st.none() | things.labels, st.none() | st.lists(things.taints, max_size=2).map(tuple))
def test_what_people_changed_counts_instead_of_the_inventory(
    seed: Cluster, labels: dict[str, str] | None, taints: tuple[Taint, ...] | None
) -> None:
    told = Ledger(cluster=seed.name, labels=labels, taints=taints).described(seed)
    assert told.labels == (seed.labels if labels is None else labels)
    assert told.taints == (seed.taints if taints is None else taints)
    assert told.claims == seed.claims


def test_one_label_changes_and_the_others_stay() -> None:
    seed = Cluster(name="edge-1", labels={"line": "cnc", "site": "north"}, taints=(Taint(key="a"),))
    changed = EMPTY.annotated(seed, {"line": "paint", "site": None, "gpu": ""}, None)
    assert changed.described(seed).labels == {"line": "paint", "gpu": ""}
    assert changed.taints is None
    again = changed.annotated(seed, {"gpu": None}, ())
    assert again.described(seed).labels == {"line": "paint"}
    assert again.described(seed).taints == ()
    assert EMPTY.annotated(seed, {}, None) == EMPTY


def test_deployments_are_found_by_namespace_and_name() -> None:
    other = row(model(namespace="north"), namespace="north")
    ledger = EMPTY.with_rows([row(model()), other])
    assert [each.key for each in ledger.of(None, None)] == [KEY, other.key]
    assert ledger.of("north", None) == [other]
    assert ledger.of("north", "chatter") == []
    assert ledger.without([KEY]).rows == (other,)


full_rows = st.builds(
    Row,
    namespace=things.names, name=things.names, kind=st.sampled_from(["model", "workload"]), item=wanted,
    revision=st.integers(1, 99), owner=things.names, time=things.moments, delivered=st.booleans(),
    reason=st.sampled_from(["", "Schema"]), error=things.any_text, left=st.sampled_from([(), ("Service",)]),
    gone=st.booleans(), last=st.none() | things.observations,
)  # fmt: skip
full_ledgers = st.builds(
    Ledger,
    cluster=things.names, labels=st.none() | things.labels,
    taints=st.none() | st.lists(things.taints, max_size=2).map(tuple),
    facts=st.none() | st.builds(
        Facts, kube_version=st.sampled_from(["", "v1.34.4"]), resources=st.sampled_from([{}, {"cpu": "4"}]),
        image_volumes=st.none() | st.booleans(), missing=st.sampled_from([(), ("list nodes",)]),
    ),
    away_since=st.none() | things.moments, rows=st.lists(full_rows, max_size=3).map(tuple),
)  # fmt: skip


@given(full_ledgers)
def test_a_ledger_loses_nothing_on_its_way_home(ledger: Ledger) -> None:
    assert Ledger.parse(json.loads(ledger.model_dump_json(exclude_none=True))) == ledger
