"""Release: one file that says what goes where."""

from __future__ import annotations

import pytest

from i4q_ai.errors import SchemaError
from i4q_ai.placement import Placement
from i4q_ai.placing.builders import Label
from i4q_ai.release import Placed, Release
from i4q_ai.rollout.rollout import Rollout
from tests.unit import things

V1, V2 = things.model(version="1"), things.model(version="2")
WORK = things.workload()
NORTH = Placement("lines", Label("line"), groups={"north": Label("site") == "north"})


def release(*deployments: dict[str, object]) -> Release:
    return Release(models=(V1, V2), workloads=(WORK,), placements=(NORTH,), deployments=deployments)


def test_names_become_objects() -> None:
    specs = release(
        {"model": "tool-wear@2", "to": "lines", "versions": {"north": "1"}, "flavour": "files"},
        {"workload": "monitor", "to": "lines", "name": "watcher", "rollout": {"strategy": "staged"}},
    ).specs(owner="me")
    assert list(specs) == ["tool-wear", "watcher"]
    assert (specs["tool-wear"].model, specs["tool-wear"].versions, specs["tool-wear"].owner) == (
        V2,
        {"north": V1},
        "me",
    )
    assert specs["watcher"].workload == WORK
    assert specs["watcher"].rollout == Rollout(strategy="staged")


def test_an_image_serves_a_model() -> None:
    image = f"registry.example/line@{things.digest('line')}"
    placed = {"model": "tool-wear@1", "to": "lines", "flavour": "image", "image": image}
    spec = release(placed).specs(owner="me")["tool-wear"]
    assert (spec.flavour, spec.image) == ("image", image)
    assert Release.from_yaml(release(placed).to_yaml()) == release(placed)


@pytest.mark.parametrize(
    ("deployment", "reason"),
    [
        ({"model": "tool-wear@1", "to": "lines", "flavour": "image"}, r"deployments\.0: .*needs the 'image'"),
        ({"model": "tool-wear@1", "to": "lines", "flavour": "image", "image": "line:1"}, r"'line:1' has no digest"),
        (
            {"model": "tool-waer@2", "to": "lines"},
            r"deployments\.0\.model: there is no 'tool-waer@2'.*mean 'tool-wear@2'",
        ),
        (
            {"model": "tool-wear", "to": "lines"},
            r"deployments\.0\.model: 'tool-wear' may be any of: tool-wear@1, tool-wear@2",
        ),
        ({"model": "tool-wear@1", "to": "line"}, r"deployments\.0\.to: there is no placement 'line'.*mean 'lines'"),
        ({"model": "tool-wear@1", "to": "lines", "versions": {"north": "9"}}, r"deployments\.0\.versions\.north: "),
        ({"model": "tool-wear@1", "to": "lines", "versions": {"nort": "1"}}, r"deployments\.0: .*did you mean 'north'"),
        ({"workload": "monitor", "to": "lines", "flavour": "files"}, r"deployments\.0: .*are a model's"),
        (
            {"model": "tool-wear@1", "to": "lines", "rollout": {"strategy": "staged", "stages": ["north"]}},
            r"deployments\.0: .*leave out: \*",
        ),
    ],
)
def test_what_it_does_not_have_is_refused_with_the_path(deployment: dict[str, object], reason: str) -> None:
    with pytest.raises(SchemaError, match=reason):
        release(deployment).specs(owner="me")


def test_two_deployments_of_one_name() -> None:
    one = {"model": "tool-wear@1", "to": "lines"}
    with pytest.raises(SchemaError, match=r"deployments\.1: two deployments are called 'tool-wear'.*give one of them"):
        release(one, one).specs(owner="me")


def test_a_deployment_is_of_one_object() -> None:
    with pytest.raises(SchemaError, match="of one 'model' or one 'workload'"):
        Placed(to="lines")
    with pytest.raises(SchemaError, match="of one 'model' or one 'workload'"):
        Placed(model="a", workload="b", to="lines")


def test_what_it_is_pushed_with_is_checked_before_anything_is_touched() -> None:
    with pytest.raises(SchemaError, match="carries a password"):
        Release().push("https://bot:secret@git.factory/lrt.git", path="releases")
    with pytest.raises(SchemaError, match="leads out"):
        Release().push("https://git.factory/lrt.git", path="../releases")
