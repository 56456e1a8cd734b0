"""Spec: what a record says."""

from typing import Any

import pytest

from i4q_ai.desired import ModelItem, WorkloadItem
from i4q_ai.errors import InvalidError, SchemaError
from i4q_ai.model import Model
from i4q_ai.placement import Placement
from i4q_ai.placing.builders import Label
from i4q_ai.rollout.step import Rollout
from i4q_ai.spec import Spec
from tests.unit import things

GROUPED = Placement("p", groups={"north": Label("site") == "north", "south": Label("site") == "south"})
V1, V2, V3 = (things.model(version=version) for version in "123")

IMAGE = f"registry.example/line@{things.digest('line')}"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "one model or one workload"),
        ({"model": V1, "workload": things.workload()}, "one model or one workload"),
        ({"workload": things.workload(), "flavour": "files"}, "are a model's"),
        ({"workload": things.workload(), "versions": {"north": V1}}, "are a model's"),
        ({"model": V1, "flavour": "cloud"}, "flavour: "),
        ({"model": V1, "flavour": "image"}, "flavour 'image' needs the 'image' that serves the model"),
        ({"model": V1, "image": IMAGE}, "no other flavour has one"),
        ({"model": V1, "flavour": "files", "image": IMAGE}, "no other flavour has one"),
        ({"model": V1, "flavour": "image", "image": "line:1"}, "image 'line:1' has no digest"),
        ({"workload": things.workload(), "flavour": "image", "image": IMAGE}, "are a model's"),
        ({"model": V1, "versions": {"nort": V1}}, "did you mean 'north'?"),
        ({"model": V1, "versions": {"north": things.model("other")}}, "of model 'other', not of 'tool-wear'"),
        ({"model": V1, "rollout": Rollout(strategy="staged", stages=("north", "west"))}, "has no group 'west'"),
        ({"model": V1, "rollout": Rollout(strategy="staged", stages=("north",))}, "leave out: south, *"),
        (
            {"model": V1, "rollout": Rollout(strategy="staged", stages=("north", "south", "*", "north"))},
            "a stage stands twice",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(SchemaError) as told:
        Spec(placement=GROUPED, **fields)
    assert reason in str(told.value)


def test_a_group_gets_its_version_else_the_rest_else_the_model() -> None:
    spec = Spec(model=V1, placement=GROUPED, versions={"north": V2, "*": V3})
    assert [spec.model_for(group) for group in ("north", "south", "*")] == [V2, V3, V3]
    assert Spec(model=V1, placement=GROUPED, versions={"north": V2}).model_for("south") == V1


def test_versions_for_people_name_what_is_wanted_only() -> None:
    assert Spec(model=V1, placement=GROUPED, versions={"north": V2}).version_text() == "2, 1"
    assert Spec(model=V1, placement=GROUPED, versions={"*": V2}).version_text() == "2"


def test_stages_are_the_groups_if_not_given() -> None:
    staged = Spec(model=V1, placement=GROUPED, rollout=Rollout(strategy="staged"))
    assert staged.stages == ("north", "south", "*")
    assert staged.replace(rollout=Rollout(strategy="staged", stages=("*", "south", "north"))).stages[0] == "*"
    assert Spec(model=V1, placement=GROUPED).stages == ()


def test_items_carry_what_the_edge_needs() -> None:
    spec = Spec(model=V1, placement=GROUPED, flavour="files", versions={"north": V2})
    assert spec.item("i4q", "wear", "north", revision=3) == ModelItem(
        namespace="i4q", name="wear", model="tool-wear", version="2", digest=V2.digest, references=(V2.reference,),
        flavour="files", revision=3,
    )  # fmt: skip
    work = things.workload(uses={"wear": "path"}, env={"A": "b"}, port=8080, ready="/ready")
    assert Spec(workload=work, placement=GROUPED).item("i4q", "monitor", "*") == WorkloadItem(
        namespace="i4q", name="monitor", workload="monitor", version="1", digest=work.digest,
        references=(work.reference,), command=work.command, env={"A": "b"}, uses={"wear": "path"}, port=8080,
        ready="/ready",
    )  # fmt: skip


def test_an_image_serves_the_model_of_every_group() -> None:
    spec = Spec(model=V1, placement=GROUPED, flavour="image", image=IMAGE, versions={"north": V2})
    for group, model in (("north", V2), ("*", V1)):
        item = spec.item("i4q", "wear", group)
        assert isinstance(item, ModelItem)
        assert (item.flavour, item.image, item.digest) == ("image", IMAGE, model.digest)
    assert Spec.parse(spec.dump()) == spec


def test_what_is_not_pushed_has_no_item() -> None:
    with pytest.raises(InvalidError, match="push it first"):
        Spec(model=Model(name="a", version="1"), placement=GROUPED).item("i4q", "a", "*")


def test_a_record_loses_nothing() -> None:
    spec = Spec(model=V1, placement=GROUPED, versions={"north": V2}, owner="me", deleted=True)
    assert Spec.parse(spec.dump()) == spec
