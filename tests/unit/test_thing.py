"""What all things share."""

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai.cluster import Cluster
from i4q_ai.errors import SchemaError
from i4q_ai.model import File, Model
from i4q_ai.placement import Placement
from i4q_ai.release import Release
from i4q_ai.status import Status
from i4q_ai.thing import Document, FrozenDict, Thing
from i4q_ai.workload import Workload
from tests.unit import things

DOCUMENTS = st.one_of(things.models, things.workloads, things.clusters, things.placements, things.releases)


@given(DOCUMENTS)
def test_yaml_loses_nothing(thing: Document) -> None:
    assert type(thing).from_yaml(thing.to_yaml()) == thing


@given(st.one_of(DOCUMENTS, things.statuses, things.observations))
def test_plain_data_loses_nothing(thing: Thing) -> None:
    assert type(thing).parse(thing.dump()) == thing


@given(DOCUMENTS)
def test_equal_things_hash_alike(thing: Document) -> None:
    again = type(thing).parse(thing.dump())
    assert hash(again) == hash(thing)
    assert pickle.loads(pickle.dumps(thing)) == copy.deepcopy(thing) == thing


def test_yaml_begins_with_what_it_is() -> None:
    assert things.model().to_yaml().splitlines()[:4] == [
        "apiVersion: i4q-ai/v1",
        "kind: Model",
        "name: tool-wear",
        "version: '1'",
    ]


@pytest.mark.parametrize("kind", [Model, Workload, Cluster, Placement, Release, Status])
def test_fields_do_not_change(kind: type[Thing]) -> None:
    thing = kind.model_construct(name="x")
    with pytest.raises(ValueError, match="frozen"):
        thing.name = "y"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "change",
    [
        lambda labels: labels.__setitem__("a", "b"),
        lambda labels: labels.__delitem__("line"),
        lambda labels: labels.__ior__({"a": "b"}),
        lambda labels: labels.update(a="b"),
        lambda labels: labels.pop("line"),
        lambda labels: labels.popitem(),
        lambda labels: labels.setdefault("a", "b"),
        lambda labels: labels.clear(),
    ],
)
def test_what_is_inside_does_not_change_either(change: Any) -> None:
    cluster = Cluster(name="edge-1", labels={"line": "cnc"})
    with pytest.raises(TypeError, match="things do not change"):
        change(cluster.labels)
    assert cluster.labels == {"line": "cnc"}


def test_the_given_dict_is_not_kept() -> None:
    labels = {"line": "cnc"}
    cluster = Cluster(name="edge-1", labels=labels)
    labels["line"] = "paint"
    assert cluster.labels == {"line": "cnc"}


def test_a_frozen_dict_is_a_value() -> None:
    one = FrozenDict(a=1, b=2)
    assert copy.copy(one) is one
    assert copy.deepcopy(one) is one
    assert pickle.loads(pickle.dumps(one)) == one
    assert hash(one) == hash(FrozenDict(b=2, a=1))


@pytest.mark.parametrize(
    ("kind", "fields", "hint"),
    [
        (Model, {"name": "a", "version": "1", "lables": {}}, "did you mean 'labels'?"),
        (Workload, {"name": "a", "version": "1", "comand": ["x"]}, "did you mean 'command'?"),
        (Cluster, {"name": "a", "kubeversion": "1.34"}, "did you mean 'kubeVersion'?"),
        (Placement, {"name": "a", "cuont": 2}, "did you mean 'count'?"),
        (Release, {"deployment": []}, "did you mean 'deployments'?"),
    ],
)
def test_an_unknown_field_suggests_the_nearest(kind: type[Thing], fields: dict[str, Any], hint: str) -> None:
    with pytest.raises(SchemaError, match="unknown field") as told:
        kind.parse(fields)
    assert hint in str(told.value)


def test_an_unknown_field_far_from_all_lists_them() -> None:
    with pytest.raises(SchemaError, match="known: path, sha256, size"):
        File.parse({"zzzzz": 1})


def test_findings_have_paths() -> None:
    with pytest.raises(SchemaError) as told:
        Model.parse({"name": "Tool Wear", "version": "1", "files": [{"path": "../x", "size": -1, "sha256": "0" * 64}]})
    assert [path for path, _ in told.value.findings] == ["name", "files.0.path", "files.0.size"]


def test_the_constructor_raises_the_same_error() -> None:
    with pytest.raises(SchemaError, match="Model: name: 'Tool Wear' is no name"):
        Model(name="Tool Wear", version="1")


def test_another_kind_or_version_is_refused() -> None:
    text = things.model().to_yaml()
    with pytest.raises(SchemaError, match="kind is 'Model', not 'Workload'"):
        Workload.from_yaml(text)
    with pytest.raises(SchemaError, match="apiVersion is 'i4q-ai/v9', not 'i4q-ai/v1'"):
        Model.from_yaml(text.replace("i4q-ai/v1", "i4q-ai/v9"))
    with pytest.raises(SchemaError, match="a Model is a mapping, this is a list"):
        Model.from_yaml("- a")


def test_replace_validates() -> None:
    cluster = Cluster(name="edge-1", labels={"line": "cnc"})
    assert cluster.replace(name="edge-2") == Cluster(name="edge-2", labels={"line": "cnc"})
    with pytest.raises(SchemaError, match="is no name"):
        cluster.replace(name="Edge 2")


@pytest.mark.parametrize("name", ["a", "0", "a-b", "a" * 63])
def test_names(name: str) -> None:
    assert Cluster(name=name).name == name


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a_b", "a.b", "a" * 64, "a\n", "ä"])
def test_no_names(name: str) -> None:
    with pytest.raises(SchemaError, match="is no name"):
        Cluster(name=name)


@pytest.mark.parametrize("labels", [{"a/b/c": "x"}, {"": "x"}, {"a": "-"}, {"a" * 64: "x"}, {"a": "b c"}, {"/a": ""}])
def test_no_labels(labels: dict[str, str]) -> None:
    with pytest.raises(SchemaError, match="is no label"):
        Cluster(name="a", labels=labels)


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(SchemaError, match=r"metrics\.f1"):
        Model(name="a", version="1", metrics={"f1": float("nan")})
