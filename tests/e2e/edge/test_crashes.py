"""The agent is killed at every point that matters; the next one finishes the work, and nothing half-done is seen."""

from __future__ import annotations

import random
import signal
import subprocess
import time

import pytest

from i4q_ai.desired import Policy
from i4q_ai.edge import crash
from i4q_ai.edge.paths import tree_name
from i4q_ai.status import Phase
from tests.e2e.edge.plant import DEADLINE, Plant, ask, eventually

WAITS = "import time\nwhile True: time.sleep(1000)\n"

FIRST = ("desired-read", "before-fetch", "after-fetch", "before-link", "between-links", "after-link",
         "before-spawn", "after-spawn", "before-state", "after-state", "before-status")  # fmt: skip
UPDATE = ("before-load", "after-load", "before-prune", "within-prune")
REMOVAL = ("before-stop", "after-stop", "before-remove", "within-remove")


def died(agent: subprocess.Popen[bytes]) -> bool:
    return agent.wait(DEADLINE) == -signal.SIGKILL


def exposed_is_whole(plant: Plant) -> bool:
    """`current` names nothing, or a tree with everything in it."""
    home = plant.paths.home("model", "i4q", "wear")
    if not (home / "current").is_symlink():
        return True
    return (home / "current" / "i4q.json").is_file() and (home / "current" / "model.onnx").is_file()


def test_every_point_is_tried() -> None:
    assert sorted((*FIRST, *UPDATE, *REMOVAL)) == sorted(crash.POINTS)


@pytest.mark.parametrize("point", FIRST)
def test_killed_while_the_first_version_comes(plant: Plant, point: str) -> None:
    item = plant.model("2")
    plant.want(item)
    assert died(plant.run(I4Q_EDGE_CRASH_AT=point))
    assert exposed_is_whole(plant)
    plant.control.start()
    seen = plant.until("wear", Phase.READY)
    assert seen.address
    assert ask(seen.address, 1) == 2
    assert len(plant.pids()) == 1
    assert plant.current(item) == tree_name(item.digest)


@pytest.mark.parametrize("point", UPDATE)
def test_killed_while_a_new_version_takes_over(plant: Plant, point: str) -> None:
    plant.policy = Policy(keep=1, settle=0, probe_timeout=60)
    plant.control.start()
    for version in ("1", "2"):
        plant.want(plant.model(version))
        seen = plant.until("wear", Phase.READY)
    plant.control.stop()
    agent = plant.run(I4Q_EDGE_CRASH_AT=point)
    plant.until("wear", Phase.READY)
    new = plant.model("3")
    plant.want(new)
    assert died(agent)
    assert exposed_is_whole(plant)
    assert seen.address
    assert ask(seen.address, 1) in (2, 3)
    pids = plant.pids()
    plant.control.start()
    after = plant.until("wear", Phase.READY)
    assert after.running == new.digest
    assert ask(seen.address, 1) == 3
    assert plant.pids() == pids
    assert plant.current(new) == tree_name(new.digest)


@pytest.mark.parametrize("point", REMOVAL)
def test_killed_while_a_model_goes(plant: Plant, point: str) -> None:
    plant.want(plant.model("2"), plant.workload("1", WAITS))
    agent = plant.run(I4Q_EDGE_CRASH_AT=point)
    plant.until("wear", Phase.READY)
    plant.until("line", Phase.READY)
    plant.drop("wear")
    assert died(agent)
    assert exposed_is_whole(plant)
    plant.control.start()
    plant.until_gone("wear")
    assert not plant.paths.home("model", "i4q", "wear").exists()
    plant.until("line", Phase.READY)
    assert len(plant.pids()) == 1


def test_killed_at_any_time(plant: Plant) -> None:
    dice = random.Random(7)
    plant.policy = Policy(keep=2, settle=0, probe_timeout=60)
    for version in range(1, 9):
        agent = plant.run()
        item = plant.model(str(version))
        plant.want(item, plant.workload(str(version), f"{WAITS}# {version}\n", uses={"wear": "url"}))
        time.sleep(dice.uniform(0, 1.5))  # a random moment is what is tested; any is fine
        agent.kill()
        agent.wait(DEADLINE)
        assert exposed_is_whole(plant)
        assert len(plant.pids()) <= 2
    plant.control.start()
    assert plant.until("wear", Phase.READY).running == item.digest
    assert plant.until("line", Phase.READY).version == str(version)
    eventually(lambda: len(plant.pids()) == 2)
