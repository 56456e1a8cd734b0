"""The line-reconfiguration module: deployed, asked, and given new models while it runs; the same on every backend."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from i4q_ai import Deployment, Hub
from i4q_ai.deadline import Deadline
from tests.testbed.inventory import write_hub, write_inventory

if TYPE_CHECKING:
    from tests.testbed.controlplane import ControlPlane
    from tests.testbed.gitserver import GitServer
    from tests.testbed.images import EdgeImage
    from tests.testbed.ocm import Management

ROOT = Path(__file__).parents[2]
LRT = ROOT / "examples" / "lrt"
CONFIGURATIONS = json.loads((LRT / "configurations.json").read_text(encoding="utf-8"))
MODELS = ("failure-risk", "overstrain")
PATIENCE = 600
"""Seconds; a busy machine starts pods slowly."""


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("I4Q_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("I4Q_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(str(ROOT / "examples"))


@pytest.fixture(
    params=[
        "embedded",
        pytest.param("kubernetes", marks=pytest.mark.needs("plant", "testbed_run")),
        pytest.param("open_cluster_management", marks=pytest.mark.needs("ocm_plant")),
    ]
)
def hub(request: pytest.FixtureRequest) -> Hub:
    """A hub with one line of one cluster."""
    found: Hub = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def embedded() -> Iterator[Hub]:
    """Clusters on this machine."""
    with Hub() as opened:
        opened.clusters.add("edge-1", labels={"line": "cnc"})
        opened.clusters.add("edge-2", labels={"line": "press"})
        yield opened
        for cluster in opened.clusters:
            opened.clusters.remove(cluster.name, refresh=False)


@pytest.fixture
def kubernetes(
    tmp_path: Path, plant: ControlPlane, edge_image: EdgeImage, plant_namespace: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Hub]:
    """Real clusters with real pods."""
    monkeypatch.setenv("I4Q_REGISTRY", f"{plant.registry.host}/{plant_namespace}")
    monkeypatch.setenv("I4Q_PLAIN_HTTP", plant.registry.host)
    inventory = write_inventory(tmp_path, plant, edge_image, home=plant_namespace)
    with Hub(f"kubectl://{inventory}", namespace=plant_namespace) as opened:
        opened.clusters.label("edge-1", {"line": "cnc"})
        opened.clusters.label("edge-2", {"line": "press"})
        yield opened


@pytest.fixture
def open_cluster_management(
    tmp_path: Path, ocm_plant: Management, edge_image: EdgeImage, ocm_namespace: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Hub]:
    """Real clusters, told by a hub."""
    monkeypatch.setenv("I4Q_REGISTRY", f"{ocm_plant.registry.host}/{ocm_namespace}")
    monkeypatch.setenv("I4Q_PLAIN_HTTP", ocm_plant.registry.host)
    with Hub(f"ocm://{write_hub(tmp_path, ocm_plant.plant, edge_image)}", namespace=ocm_namespace) as opened:
        opened.clusters.label("edge-1", {"line": "cnc"})
        opened.clusters.label("edge-2", {"line": "press"})
        yield opened
        for cluster in ("edge-1", "edge-2"):
            opened.clusters.label(cluster, {"line": None}, refresh=False)


def answered(app: Deployment, version: str) -> dict[str, Any]:
    """What the module says once both models are of a version: a network may lead to the one before for a moment."""
    from lrt.__main__ import ask

    soon = Deadline.after(PATIENCE, f"waiting for answers of version {version}")
    while (answer := ask(app, "edge-1", CONFIGURATIONS))["models"] != dict.fromkeys(MODELS, version):
        soon.pause(0.1)
    return answer


def restarts(deployment: Deployment) -> list[int]:
    return [row.restarts for row in deployment.status().clusters]


def test_it_answers_and_takes_new_models_without_a_restart(hub: Hub) -> None:
    from lrt.deploy import deploy

    module = deploy(hub, line="cnc", version="1").wait(timeout=PATIENCE)
    assert [row.cluster for row in module.app.status().clusters] == ["edge-1"]
    answer = answered(module.app, "1")
    assert answer["best"] == "new tool"
    worth = [row["useful_power"] for row in answer["configurations"]]
    assert worth == sorted(worth, reverse=True)
    assert answer["configurations"][-1]["name"] == "all it gives"
    before = hub.get("line-advisor").address("edge-1"), restarts(module.app)

    deploy(hub, line="cnc", version="2").wait(timeout=PATIENCE)
    answered(module.app, "2")
    assert (hub.get("line-advisor").address("edge-1"), restarts(module.app)) == before

    module.delete()
    assert hub.list() == []


@pytest.mark.parametrize(
    "hub",
    ["embedded", pytest.param("open_cluster_management", marks=pytest.mark.needs("ocm_plant"))],
    indirect=True,
)
def test_it_is_handed_over_by_git_and_two_listeners_deploy_it_once(
    hub: Hub, git_server: GitServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from lrt.__main__ import main
    from lrt.deploy import Module

    from i4q_ai.listening.listening import Listening
    from i4q_ai.listening.rules import Listener

    repo = git_server.create("lrt")
    allowed = {
        "names": ["failure-risk", "overstrain", "line-advisor"],
        "clusters": {"label": "line", "values": ["cnc"]},
        "kinds": ["model", "workload"],
    }
    source = {"name": "lrt", "git": {"repo": repo, "path": "releases/lrt"}, "allow": allowed}
    rules = Listener.parse({"sources": [source]})
    listeners = [Listening(hub, rules, cache=tmp_path / f"git-{number}") for number in range(2)]
    for version in ("1", "2"):
        assert main(["push", repo, "--line", "cnc", "--models", version]) == 0
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(Listening.once, listeners))
        for name in ("failure-risk", "line-advisor", "overstrain"):
            hub.get(name).wait(timeout=PATIENCE)
        answered(hub.get("line-advisor"), version)
    assert len(capsys.readouterr().out.split()) == 2  # commits
    revisions = {each.name: len(each.history()) for each in hub.list()}
    assert revisions == {"failure-risk": 2, "line-advisor": 1, "overstrain": 2}
    Module(*(hub.get(name) for name in ("failure-risk", "overstrain", "line-advisor"))).delete()


def test_the_command_line_takes_the_hub_from_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    from lrt.__main__ import main

    from i4q_ai.errors import NotFoundError

    monkeypatch.setenv("I4Q_HUB", "nowhere://hub")
    with pytest.raises(NotFoundError, match="there is no backend 'nowhere'"):
        main(["remove"])


@pytest.fixture
def scoring(monkeypatch: pytest.MonkeyPatch) -> type:
    """The pure part of the workload, which is no package of ours."""
    monkeypatch.syspath_prepend(str(LRT / "app"))
    from scoring import Configuration

    return Configuration


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": "XL"}, "type is one of L, M, H"),
        ({"torque": math.nan}, "finite numbers"),
        ({"torque": "much"}, "could not convert"),
        ({"colour": "red"}, "exactly the fields"),
    ],
)
def test_a_configuration_that_is_none_is_refused(scoring: type, change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scoring.parse({**CONFIGURATIONS[0], **change})
