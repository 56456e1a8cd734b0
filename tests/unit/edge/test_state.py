from __future__ import annotations

import json

import pytest

from i4q_ai.desired import ModelItem, WorkloadItem
from i4q_ai.edge.state import HEALTHY, SLOW_DELAY, Answer, ItemState, Process, Trouble, same


def model(version: str, revision: int = 1) -> ModelItem:
    return ModelItem(
        namespace="i4q", name="wear", model="wear", version=version, digest="sha256:" + version * 64,
        references=("oci:/x",), revision=revision,
    )  # fmt: skip


WORKLOAD = WorkloadItem(
    namespace="i4q", name="line", workload="line", version="1", digest="sha256:" + "a" * 64, command=("python", "x.py")
)
BROKEN = Trouble("Broken", "it broke")


def test_a_version_of_a_model_is_its_digest() -> None:
    assert same(model("1"), model("1", revision=7))
    assert not same(model("1"), model("2"))
    assert not same(model("1"), None)


@pytest.mark.parametrize("change", [{"env": {"A": "1"}}, {"command": ("python", "y.py")}, {"uses": {"wear": "url"}}])
def test_a_version_of_a_workload_is_also_how_it_is_started(change: dict[str, object]) -> None:
    assert not same(WORKLOAD, WORKLOAD.replace(**change))
    assert same(WORKLOAD, WORKLOAD.replace(revision=5))


def test_what_must_be_remembered_survives_json() -> None:
    state = ItemState(kind="model", port=20001, restarts=3, saved=7).accept(model("1"), 3).refuse(model("2"), BROKEN)
    assert ItemState.parse(json.loads(json.dumps(state.dump()))) == state
    assert ItemState.parse(ItemState(kind="workload").dump()) == ItemState(kind="workload")


def test_only_so_many_good_versions_are_remembered_and_the_newest_is_first() -> None:
    state = ItemState(kind="model")
    for version in "12324":
        state = state.accept(model(version), 3)
    assert [item.version for item in state.good] == ["4", "2", "3"]


def test_a_refused_version_is_not_good_any_more() -> None:
    state = ItemState(kind="model").accept(model("1"), 3).accept(model("2"), 3).refuse(model("2"), BROKEN)
    assert [item.version for item in state.good] == ["1"]


def test_one_falls_back_only_to_what_is_on_disk() -> None:
    state = ItemState(kind="model").accept(model("1"), 3).accept(model("2"), 3)
    assert state.fallback(model("3")) is None
    assert state.fetched(model("1").digest).fallback(model("3")) == model("1")
    assert state.fetched(model("1").digest).fallback(model("1")) is None


def test_a_definite_trouble_is_tried_again_slowly() -> None:
    state = ItemState(kind="model")
    assert state.not_fetched(BROKEN, 100).fetch_at == 100.5
    assert state.not_fetched(Trouble("NotFound", "", definite=True), 100).fetch_at == 100 + SLOW_DELAY


def test_the_delay_grows_until_a_process_was_healthy_for_a_while() -> None:
    state = ItemState(kind="model")
    for expected in (0.5, 1, 2):
        state = state.started(Process(1, "t", model("1"), 100), again=True).ended(BROKEN, 101)
        assert state.retry_at == 101 + expected
    state = state.started(Process(1, "t", model("1"), 200), again=True)
    assert state.ended(BROKEN, 200 + HEALTHY).failures == 4, "it never passed its probe"
    assert state.probed(Answer.READY, 200 + HEALTHY).ended(BROKEN, 300).failures == 1


def test_a_workload_without_a_probe_was_healthy_for_as_long_as_it_ran() -> None:
    state = ItemState(kind="workload", failures=3).started(Process(1, "t", WORKLOAD, 200), again=True)
    assert state.ended(BROKEN, 200 + HEALTHY).failures == 1


def test_only_a_process_that_had_been_ready_falls_silent() -> None:
    state = ItemState(kind="model").started(Process(1, "t", model("1"), 100), again=False)
    assert state.probed(Answer.SILENT, 101).silent_since is None
    silent = state.probed(Answer.READY, 101).probed(Answer.SILENT, 106).probed(Answer.SILENT, 111)
    assert (silent.silent_since, silent.misses) == (106, 2)
    assert silent.probed(Answer.NOT_READY, 112).silent_since is None
    assert silent.probed(Answer.READY, 112).misses == 0


def test_a_server_that_refuses_a_good_version_is_asked_again() -> None:
    state = ItemState(kind="model").accept(model("1"), 3)
    assert state.rejected(model("1"), BROKEN, 100).refused is None
    assert state.rejected(model("2"), BROKEN, 100).refused == model("2")
