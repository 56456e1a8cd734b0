"""From what is deployed back to a release."""

from __future__ import annotations

from i4q_ai.exporting import exported
from i4q_ai.placement import Placement
from i4q_ai.placing.builders import Label
from i4q_ai.release import Release
from i4q_ai.rollout.rollout import Rollout
from i4q_ai.spec import Spec
from tests.unit import things

V1, V2 = things.model(version="1"), things.model(version="2")
WORK = things.workload()
LINES = Placement("lines", Label("line"), groups={"north": Label("site") == "north"})


def _back(release: Release) -> dict[str, Spec]:
    return Release.from_yaml(release.to_yaml()).specs(owner="me")


def test_what_is_exported_says_the_same() -> None:
    specs = {
        "tool-wear": Spec(model=V1, placement=LINES, versions={"north": V2}, flavour="files", owner="me"),
        "trial": Spec(model=V2, placement=LINES, rollout=Rollout(strategy="staged"), owner="me"),
        "monitor": Spec(workload=WORK, placement=LINES, owner="me"),
        "gone": Spec(model=V1, placement=LINES, deleted=True, owner="me"),
    }
    release = exported(specs)
    assert _back(release) == {name: spec for name, spec in specs.items() if name != "gone"}
    assert [model.version for model in release.models] == ["1", "2"]
    assert len(release.placements) == 1


def test_placements_of_one_name_that_differ_are_called_after_their_deployments() -> None:
    others = [LINES.replace(count=count) for count in (None, 1, 2)]
    names = ("a", "lines", "b")
    specs = {name: Spec(model=V1, placement=where, owner="me") for name, where in zip(names, others, strict=True)}
    back = _back(exported(specs))
    assert {name: spec.placement.count for name, spec in back.items()} == {"a": None, "lines": 1, "b": 2}


def test_one_version_that_is_known_in_two_ways_is_written_once() -> None:
    bare = things.model(version="1").replace(metrics={}, labels={}, description="")
    release = exported({"a": Spec(model=V1, placement=LINES), "b": Spec(model=bare, placement=LINES)})
    assert len(release.models) == 1
    assert _back(release)["b"].object.digest == V1.digest
