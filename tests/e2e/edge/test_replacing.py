"""An agent makes room for the next one; its children go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from i4q_ai.edge import Control, locking
from i4q_ai.status import Phase
from tests.e2e.edge.plant import DEADLINE, Plant, ask

EARLIER = """
import sys
from i4q_ai.edge import agent, __main__
from i4q_ai.edge.listening import Listener
agent.Listener = lambda path, selector, handlers: Listener(
    path, selector, {word: do for word, do in handlers.items() if word != "leave"})
sys.exit(__main__.main(sys.argv[1:]))
"""
"""An agent that does not know the word."""


def serving(plant: Plant) -> str:
    """Wait until the server answers; where."""
    address = plant.until("wear", Phase.READY).address
    assert address
    assert ask(address, 1) == 2
    return address


def taken_over(plant: Plant, address: str, server: list[int]) -> bool:
    """Start the next agent and let it show that the server is the old one, and its own."""
    assert ask(address, 1) == 2
    assert plant.pids() == server
    plant.control.start()
    assert plant.until("wear", Phase.READY).restarts == 0
    assert ask(address, 1) == 2
    plant.want(plant.model("3"))
    plant.until("wear", lambda seen: seen.phase is Phase.READY and seen.version == "3")
    return ask(address, 1) == 3 and plant.pids() == server


def test_an_agent_that_leaves_lets_its_children_go_on(plant: Plant) -> None:
    plant.want(plant.model("2"))
    agent = plant.run()
    address = serving(plant)
    server = plant.pids()
    plant.control.leave()
    assert not plant.control.alive()
    assert agent.wait(DEADLINE) == 0
    assert taken_over(plant, address, server)


def test_an_agent_that_does_not_know_the_word_is_ended_by_force(plant: Plant) -> None:
    plant.want(plant.model("2"))
    agent = subprocess.Popen([sys.executable, "-c", EARLIER, str(plant.paths.folder)], start_new_session=True)
    plant.started.append(agent)
    address = serving(plant)
    server = plant.pids()
    plant.control.leave()
    assert agent.wait(DEADLINE) == -signal.SIGKILL
    assert taken_over(plant, address, server)


def test_an_agent_that_hangs_is_ended_by_force(plant: Plant) -> None:
    plant.want(plant.model("2"))
    agent = plant.run()
    address = serving(plant)
    server = plant.pids()
    os.kill(agent.pid, signal.SIGSTOP)
    plant.control.leave(4)
    assert agent.wait(DEADLINE) == -signal.SIGKILL
    assert taken_over(plant, address, server)


def test_no_agent_need_not_leave(plant: Plant) -> None:
    plant.control.leave()
    assert not plant.paths.folder.exists()
    assert not plant.control.outdated()


def test_only_an_agent_of_an_earlier_build_is_out_of_date(plant: Plant) -> None:
    control = Control(plant.paths.folder)
    control.start()
    about = locking.told(plant.paths.lock)
    assert not control.outdated()
    for changed, outdated in (({"version": "0.0.1"}, True), ({"version": "999"}, False), ({"stamp": 1}, True)):
        plant.paths.lock.write_text(json.dumps({**about, **changed}))
        assert control.outdated() is outdated
    plant.paths.lock.write_text(json.dumps({"pid": about["pid"], "socket": about["socket"]}))
    assert control.outdated()
    plant.paths.lock.write_text("")
    assert not control.outdated(), "it has taken the lock this instant"
    plant.paths.lock.write_text(json.dumps(about))


@pytest.mark.parametrize("held", [True, False])
def test_a_process_that_does_not_hold_the_lock_is_left_alone(plant: Plant, held: bool) -> None:
    bystander = subprocess.Popen(["sleep", "1000"])
    plant.paths.folder.mkdir()
    try:
        descriptor = locking.take(plant.paths.lock)
        locking.tell(descriptor, {"pid": bystander.pid})
        if not held:
            os.close(descriptor)
        assert not locking.kill(plant.paths.lock, bystander.pid)
        assert bystander.poll() is None
        if held:
            os.close(descriptor)
    finally:
        bystander.kill()
        bystander.wait(DEADLINE)
