"""Several ConfigMaps to one desired state."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai.desired import Desired, ModelItem, Policy
from i4q_ai.edge import merging
from i4q_ai.edge.merging import Source
from i4q_ai.errors import SchemaError
from tests.unit.edge.world import model


def document(*items: ModelItem, revision: int = 1, cluster: str = "edge-1", **policy: float) -> Desired:
    return Desired(cluster=cluster, revision=revision, models=items, policy=Policy(**policy))


def source(name: str, *items: ModelItem, revision: int = 1, **policy: float) -> Source:
    return Source(name, document(*items, revision=revision, **policy), asked=True)


WEAR, CHATTER = model("1", flavour="files"), model("1", flavour="files", name="chatter")


def test_nothing_is_wanted_while_nobody_has_said_anything() -> None:
    assert merging.merge([Source("a"), Source("b", asked=True)], None) is None


def test_items_of_all_are_wanted() -> None:
    merged = merging.merge([source("a", WEAR), source("b", CHATTER)], None)
    assert merged == document(WEAR, CHATTER, revision=1)


def test_the_revision_grows_with_every_change_and_only_then() -> None:
    first = merging.merge([source("a", WEAR, revision=7)], None)
    assert first is not None
    assert merging.merge([source("a", WEAR, revision=8)], first) == first
    newer = merging.merge([source("a", model("2", flavour="files"), revision=1)], first)
    assert newer is not None
    assert (first.revision, newer.revision) == (1, 2)
    gone = merging.merge([Source("a", asked=True)], newer)
    assert gone is not None
    assert (gone.revision, gone.items, gone.cluster) == (3, (), "edge-1")


@given(st.lists(st.lists(st.sampled_from("123"), max_size=2), max_size=8))
def test_whatever_they_say_it_never_goes_back(said: Sequence[Sequence[str]]) -> None:
    last: Desired | None = None
    for versions in said:
        sources = [source(name, model(version, name=name)) for name, version in zip("ab", versions, strict=False)]
        merged = merging.merge(sources, last)
        if last is not None and merged is not None:
            assert merged.revision - last.revision == (merged.items != last.items)
        last = merged or last


def test_the_first_that_names_an_item_decides() -> None:
    sources = [source("a", WEAR), source("b", model("2", flavour="files"), CHATTER)]
    merged = merging.merge(sources, None)
    assert merged is not None
    assert merged.models == (WEAR, CHATTER)
    assert merging.remark(sources) == "ConfigMap 'b' names i4q/wear too, about which 'a' decides"


def test_the_policy_does_justice_to_all() -> None:
    one, other = source("a", WEAR, keep=5, settle=0.5), source("b", CHATTER, keep=2, probe_timeout=90)
    for sources in ([one, other], [other, one]):
        merged = merging.merge(sources, None)
        assert merged is not None
        assert merged.policy == Policy(keep=5, settle=1.0, probe_timeout=90)


def test_what_is_waited_for_is_told() -> None:
    sources = [source("a", WEAR), Source("b", asked=True), Source("c"), Source("d", asked=True, trouble="d is broken")]
    assert merging.remark(sources) == "waiting for its model: ConfigMap 'b' is not there yet; d is broken"
    assert not merging.complete(sources)


@pytest.mark.parametrize(
    ("sources", "complete"), [([source("a", WEAR)], True), ([source("a")], False), ([Source("a", asked=True)], False)]
)
def test_complete_is_when_each_names_a_model(sources: list[Source], complete: bool) -> None:
    assert merging.complete(sources) is complete


def test_the_newest_copy_counts() -> None:
    old, new = document(WEAR, revision=3), document(CHATTER, revision=4)
    assert merging.newest(None, old, new, old) is new
    assert merging.newest(old, document(revision=3)) is old
    assert merging.newest(None) is None


@pytest.mark.parametrize("text", ["", "[]", "{", '{"cluster": "Edge 1"}', '{"cluster": "edge-1", "flavor": 1}'])
def test_what_is_no_document_is_told_with_its_configmap(text: str) -> None:
    with pytest.raises(SchemaError, match=r"ConfigMap 'a', desired\.json"):
        merging.parse(text, name="a")


def said(*items: ModelItem, **about: object) -> bytes:
    return Desired(cluster="any", models=items, **about).to_json().encode()


def test_files_are_one_document_of_this_cluster() -> None:
    files = {"wear/desired.json": said(model("1")), "desired.json": said(model("2", name="chatter"))}
    joined = merging.joined(files, cluster="line-7", where="commit 1")
    assert (joined.cluster, [item.name for item in joined.models]) == ("line-7", ["chatter", "wear"])


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"a/desired.json": b"{"}, "commit 1, a/desired.json: not JSON"),
        ({"a/desired.json": b"[" * 100_000}, "not JSON"),
        ({"a/desired.json": b"\xff"}, "not JSON"),
        ({"a/desired.json": b'{"cluster": "x", "modles": []}'}, "did you mean 'models'"),
        ({"a/desired.json": b" " * (merging.LARGEST + 1)}, "larger than"),
        ({"a/desired.json": said(model("1")), "b/desired.json": said(model("2"))}, "both name i4q/wear"),
    ],
)
def test_files_are_taken_all_or_none(files: dict[str, bytes], why: str) -> None:
    good = {"c/desired.json": said(model("1", name="chatter"))}
    with pytest.raises(SchemaError, match=why):
        merging.joined({**good, **files}, cluster="line-7", where="commit 1")


def test_items_are_numbered_by_their_last_change_here() -> None:
    first = merging.numbered(Desired(cluster="x", models=(model("1", revision=0),)), None)
    assert first.models[0].revision == 1
    last = first.replace(revision=4)
    same = merging.numbered(Desired(cluster="x", models=(model("1", revision=0),)), last)
    assert same.models[0].revision == 1
    other = merging.numbered(Desired(cluster="x", models=(model("2", revision=0),)), last)
    assert other.models[0].revision == 5
    own = merging.numbered(Desired(cluster="x", models=(model("2", revision=9),)), last)
    assert own.models[0].revision == 9
