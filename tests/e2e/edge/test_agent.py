from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from i4q_ai.edge import Control, start
from i4q_ai.edge.__main__ import BUSY
from i4q_ai.errors import SchemaError, StorageError, UnreachableError
from i4q_ai.status import Phase, Report
from tests.e2e.edge.plant import DEADLINE, Plant, ask, eventually

WAITS = "import time\nwhile True: time.sleep(1000)\n"


def test_children_outlive_the_agent_and_the_next_one_adopts_them(plant: Plant) -> None:
    plant.want(plant.model("2"), plant.workload("1", WAITS, uses={"wear": "url"}))
    agent = plant.run()
    address = plant.until("wear", Phase.READY).address
    plant.until("line", Phase.READY)
    pids = sorted(plant.pids())
    assert len(pids) == 2
    agent.kill()
    agent.wait(DEADLINE)
    assert not plant.control.alive()
    assert address
    assert ask(address, 1) == 2
    plant.control.start()
    eventually(lambda: plant.log().count("is still there and goes on") == 2)
    plant.until("wear", Phase.READY)
    plant.until("line", Phase.READY)
    assert sorted(plant.pids()) == pids


def test_child_that_ends_while_no_agent_is_there_is_started_again(plant: Plant) -> None:
    plant.want(plant.workload("1", WAITS))
    plant.run()
    plant.until("line", Phase.READY)
    plant.kill()
    [pid] = plant.pids()
    os.kill(pid, 9)
    eventually(lambda: plant.pids() == [])
    plant.control.start()
    plant.until("line", Phase.READY)
    assert plant.pids() not in ([], [pid])


def test_adopted_child_that_ends_is_noticed(plant: Plant) -> None:
    plant.want(plant.workload("1", WAITS))
    plant.run()
    plant.until("line", Phase.READY)
    plant.kill()
    plant.control.start()
    plant.until("line", Phase.READY)
    [pid] = plant.pids()
    os.kill(pid, 9)
    plant.until("line", lambda seen: seen.phase is Phase.READY and seen.restarts == 1)
    assert plant.pids() not in ([], [pid])


def test_process_id_that_went_to_somebody_else_is_not_touched(plant: Plant) -> None:
    plant.want(plant.workload("1", WAITS))
    plant.run()
    plant.until("line", Phase.READY)
    plant.kill()
    [pid] = plant.pids()
    os.kill(pid, 9)
    eventually(lambda: plant.pids() == [])
    with subprocess.Popen([sys.executable, "-c", WAITS], start_new_session=True) as stranger:
        plant.paths.child("i4q", "line", "pid").write_text(str(stranger.pid))
        plant.control.start()
        plant.until("line", Phase.READY)
        plant.control.stop()
        assert stranger.poll() is None
        stranger.kill()


def test_second_agent_gives_way(plant: Plant) -> None:
    plant.control.start()
    assert plant.run().wait(DEADLINE) == BUSY
    assert plant.control.alive()


def test_many_starters_make_one_agent(plant: Plant) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: start(plant.paths.folder), range(4)))
    assert plant.log().count("begins") == 1
    assert plant.control.wake()


def test_stop_ends_everything_and_may_be_repeated(plant: Plant) -> None:
    plant.want(plant.model("2"), plant.workload("1", WAITS, uses={"wear": "url"}))
    plant.control.start()
    plant.until("line", Phase.READY)
    plant.control.stop()
    assert not plant.control.alive()
    assert plant.pids() == []
    plant.control.stop()
    assert not plant.control.wake()
    report = plant.control.report()
    assert report
    assert {item.name for item in report.items} == {"wear", "line"}
    assert not any(item.phase is Phase.READY for item in report.items)


def test_sigterm_ends_the_children_too(plant: Plant) -> None:
    plant.want(plant.workload("1", WAITS))
    agent = plant.run()
    plant.until("line", Phase.READY)
    agent.terminate()
    assert agent.wait(DEADLINE) == 0
    assert plant.pids() == []


def test_works_on_with_registry_and_hub_gone(plant: Plant) -> None:
    plant.want(plant.model("2"), plant.workload("1", WAITS, uses={"wear": "url"}))
    plant.control.start()
    plant.until("line", Phase.READY)
    plant.control.stop()
    (plant.base / "registry").rename(plant.base / "away")
    plant.paths.desired.unlink()
    plant.control.start()
    assert plant.until("wear", Phase.READY).version == "2"
    plant.until("line", Phase.READY)


def test_broken_desired_state_is_said_and_the_last_one_stands(plant: Plant) -> None:
    plant.want(plant.workload("1", WAITS))
    plant.control.start()
    plant.until("line", Phase.READY)
    plant.paths.desired.write_text('{"cluster": "edge-1", "modles": []}')
    plant.control.wake()
    report = next(r for r in plant.control.watch(DEADLINE) if r and r.message)
    assert "did you mean 'models'" in report.message
    assert len(plant.pids()) == 1
    plant.write()
    assert next(r for r in plant.control.watch(DEADLINE) if r and not r.message).revision == plant.revision


def test_older_desired_state_is_ignored_also_by_the_next_agent(plant: Plant) -> None:
    plant.want(plant.workload("1", WAITS))
    plant.control.start()
    plant.until("line", Phase.READY)
    before = plant.paths.desired.read_text()
    plant.drop("line")
    plant.until_gone("line")
    for again in (False, True):
        plant.paths.desired.write_text(before)
        if again:
            plant.control.stop()
            plant.control.start()
        plant.control.wake()
        report = next(r for r in plant.control.watch(DEADLINE) if r and "older" in r.message)
        assert report.items == ()
        assert report.revision == plant.revision


def test_changed_file_is_noticed_without_a_wake(plant: Plant) -> None:
    item = plant.workload("1", WAITS)
    plant.want(item)
    plant.control.start()
    plant.until("line", Phase.READY)
    text = plant.paths.desired.read_text()
    staged = plant.base / "desired"
    staged.write_text(text.replace('"revision": 1,', '"revision": 5,', 1))
    staged.replace(plant.paths.desired)
    assert next(r for r in plant.control.watch(DEADLINE) if r and r.revision == 5)


def test_watch_says_when_the_agent_is_away_and_when_it_is_back(plant: Plant) -> None:
    watch = plant.control.watch(DEADLINE)
    assert next(watch) is None
    plant.control.start()
    first = next(watch)
    assert first is not None
    assert first.cluster == "edge-1"
    plant.control.stop()
    seen = next(watch)
    while seen is not None:
        seen = next(watch)
    plant.control.start()
    assert next(watch) is not None


def test_connection_brings_the_report_as_lines(plant: Plant) -> None:
    with pytest.raises(UnreachableError, match="no agent answers"):
        plant.control.connect()
    plant.write()
    plant.control.start()
    with plant.control.connect(timeout=30) as link, link.makefile("rb") as lines:
        for line in lines:
            if Report.model_validate_json(line).revision == plant.revision:
                return
    raise AssertionError("the agent closed the connection")


def test_watch_ends_in_time(plant: Plant) -> None:
    began = time.monotonic()
    assert list(plant.control.watch(0.3)) == [None]
    plant.control.start()
    assert len(list(plant.control.watch(5))) == 1
    assert time.monotonic() - began >= 5.3


def test_nothing_is_asked_of_a_folder_without_an_agent(plant: Plant) -> None:
    control = Control(plant.base / "nowhere")
    assert not control.alive()
    assert not control.wake()
    assert control.report() is None
    control.stop()
    assert not (plant.base / "nowhere").exists()


def test_agent_that_cannot_begin_says_where_to_look(plant: Plant) -> None:
    plant.paths.folder.mkdir()
    (plant.paths.folder / "run").write_text("in the way")
    with pytest.raises(StorageError, match=r"agent\.log"):
        plant.control.start()
    assert "cannot begin" in plant.log()


def test_unknown_words_on_the_socket_do_no_harm(plant: Plant) -> None:
    import json
    import socket

    plant.control.start()
    address = json.loads(plant.paths.lock.read_text())["socket"]
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(DEADLINE)
        link.connect(address)
        link.sendall(b'{"do": "dance"}\n[]\nnot json\n')
        assert b"unknown request" in link.recv(1000)
        link.sendall(b"x" * 100_000)
    assert plant.control.wake()


def test_state_that_cannot_be_read_is_found_out_again(plant: Plant) -> None:
    plant.want(plant.model("2"))
    plant.run()
    plant.until("wear", Phase.READY)
    pids = plant.pids()
    plant.kill()
    plant.paths.state.write_text("{")
    plant.control.start()
    plant.until("wear", Phase.READY)
    assert plant.pids() == pids


def test_report_on_disk_that_is_none_is_an_error(plant: Plant) -> None:
    plant.paths.folder.mkdir()
    plant.paths.status.write_text("{")
    with pytest.raises((StorageError, SchemaError)):
        plant.control.report()
