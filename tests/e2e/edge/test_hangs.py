"""Processes that live and answer nothing: stopped by a signal, as a deadlock would stop them."""

from __future__ import annotations

import os
import signal

from i4q_ai.desired import Policy
from i4q_ai.status import Observation, Phase
from tests.e2e.edge.plant import Plant, ask
from tests.e2e.edge.test_workloads import SERVES, told


def test_processes_that_hang_are_not_ready_and_are_started_again(plant: Plant) -> None:
    plant.policy = Policy(settle=0.2, probe_timeout=60, unresponsive=1)
    plant.want(plant.model("2"), plant.workload("1", SERVES.replace("VERSION", "1"), port=8080, ready="/"))
    plant.control.start()
    plant.until("wear", Phase.READY)
    plant.until("line", Phase.READY)
    hung = plant.pids()
    assert len(hung) == 2
    for pid in hung:
        os.kill(pid, signal.SIGSTOP)

    def silent(seen: Observation) -> bool:
        return seen.reason == "NotReady" and "does not answer" in seen.message

    def back(seen: Observation) -> bool:
        return seen.phase is Phase.READY and seen.restarts == 1

    seen = plant.until("line", silent)
    assert (seen.phase, seen.restarts) == (Phase.STARTING, 0)
    line, wear = plant.until("line", back), plant.until("wear", back)
    assert told(line.address)["version"] == 1
    assert wear.address
    assert ask(wear.address, 1) == 2
    assert not set(hung) & set(plant.pids())
    assert plant.log().count("it had been ready") == 2
