from __future__ import annotations

import json
import socket
import threading

from i4q_ai.desired import Policy
from i4q_ai.edge.paths import tree_name
from i4q_ai.status import Observation, Phase
from tests.e2e.edge.plant import Plant, ask, eventually


def test_first_version_is_fetched_and_answers(plant: Plant) -> None:
    item = plant.model("2")
    plant.want(item)
    plant.control.start()
    seen = plant.until("wear", Phase.READY)
    assert seen.running == seen.desired == item.digest
    assert seen.version == "2"
    assert seen.address
    assert ask(seen.address, 4) == 8
    assert plant.current(item) == tree_name(item.digest)


def test_new_version_takes_over_in_the_running_server_without_a_failed_request(plant: Plant) -> None:
    plant.want(plant.model("2"))
    plant.control.start()
    address = plant.until("wear", Phase.READY).address
    assert address
    pids = plant.pids()
    answers: list[float] = []
    enough = threading.Event()
    client = threading.Thread(target=lambda: [answers.append(ask(address, 1)) for _ in iter(enough.is_set, True)])
    client.start()
    new = plant.model("3")
    plant.want(new)
    seen = plant.until("wear", Phase.READY)
    eventually(lambda: answers[-1] == 3)
    enough.set()
    client.join()
    assert set(answers) == {2.0, 3.0}
    assert answers == sorted(answers)
    assert seen.address == address
    assert seen.running == new.digest
    assert plant.current(new) == tree_name(new.digest)
    assert plant.pids() == pids


def test_broken_version_is_refused_and_the_old_one_goes_on(plant: Plant) -> None:
    good = plant.model("2")
    plant.want(good)
    plant.control.start()
    plant.until("wear", Phase.READY)
    plant.want(plant.model("3", b"this is not ONNX"))
    seen = plant.until("wear", Phase.ROLLED_BACK)
    assert seen.running == good.digest
    assert seen.version == "2"
    assert "version 3 failed" in seen.message
    assert seen.address
    assert ask(seen.address, 1) == 2
    assert plant.current(good) == tree_name(good.digest)

    better = plant.model("4")
    plant.want(better)
    assert plant.until("wear", Phase.READY).running == better.digest


def test_refusal_outlives_the_agent_and_a_new_revision_is_tried_again(plant: Plant) -> None:
    plant.want(plant.model("2"))
    plant.control.start()
    plant.until("wear", Phase.READY)
    broken = plant.model("3", b"this is not ONNX")
    plant.want(broken)
    first = plant.until("wear", Phase.ROLLED_BACK)
    plant.control.stop()
    plant.control.start()
    assert plant.until("wear", Phase.ROLLED_BACK).message == first.message
    tried = plant.log().count("refused version 3")
    plant.want(broken)
    eventually(lambda: plant.log().count("refused version 3") == tried + 1)
    plant.until("wear", Phase.ROLLED_BACK)


def test_first_version_that_is_broken_fails_and_the_next_one_helps(plant: Plant) -> None:
    plant.want(plant.model("1", b"this is not ONNX"))
    plant.control.start()
    seen = plant.until("wear", Phase.FAILED)
    assert seen.reason == "Refused"
    plant.want(plant.model("2"))
    assert plant.until("wear", Phase.READY).version == "2"


def test_only_the_last_good_versions_stay_on_disk(plant: Plant) -> None:
    plant.policy = Policy(keep=2, settle=0, probe_timeout=60)
    plant.control.start()
    for version in ("1", "2", "3", "4"):
        item = plant.model(version)
        plant.want(item)
        plant.until("wear", lambda seen, version=version: seen.phase is Phase.READY and seen.version == version)
    home = plant.paths.home("model", "i4q", "wear")
    eventually(lambda: len([path for path in home.iterdir() if path.is_dir() and not path.is_symlink()]) == 2)
    assert (home / "previous" / "i4q.json").exists()
    assert plant.current(item) == tree_name(item.digest)


def test_blobs_of_forgotten_versions_are_deleted(plant: Plant) -> None:
    plant.policy = Policy(keep=1, settle=0, probe_timeout=60)
    plant.control.start()
    items = [plant.model(version) for version in ("1", "2", "3")]
    for item in items:
        plant.want(item)
        plant.until("wear", lambda seen, item=item: seen.phase is Phase.READY and seen.running == item.digest)
    blobs = plant.paths.blobs / "sha256"
    eventually(lambda: not (blobs / items[0].digest.removeprefix("sha256:")).exists())
    assert (blobs / items[2].digest.removeprefix("sha256:")).exists()
    plant.drop("wear")
    plant.until_gone("wear")
    eventually(lambda: not list(blobs.iterdir()))


def test_removed_model_leaves_nothing(plant: Plant) -> None:
    plant.want(plant.model("2"), plant.model("5", name="chatter"))
    plant.control.start()
    plant.until("wear", Phase.READY)
    plant.until("chatter", Phase.READY)
    plant.drop("wear")
    plant.until_gone("wear")
    assert not plant.paths.home("model", "i4q", "wear").exists()
    assert not plant.paths.item_log("i4q", "wear").exists()
    assert not list(plant.paths.run.glob("i4q.wear.*"))
    assert len(plant.pids()) == 1
    assert "i4q/wear" not in json.loads(plant.paths.state.read_text())["items"]


def test_port_in_use_is_said_and_the_port_stays(plant: Plant) -> None:
    plant.want(plant.model("2"))
    plant.control.start()
    address = plant.until("wear", Phase.READY).address
    assert address
    plant.control.stop()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", int(address.split(":")[2].split("/")[0])))
        other.listen()
        plant.control.start()
        seen = plant.until("wear", lambda seen: seen.reason == "PortInUse")
        assert seen.phase is Phase.FAILED
    assert plant.until("wear", Phase.READY).address == address


def test_registry_away_is_said_and_comes_back(plant: Plant) -> None:
    item = plant.model("2")
    layout = plant.base / "registry" / "wear"
    layout.rename(plant.base / "away")
    plant.want(item)
    plant.control.start()
    seen = plant.until("wear", lambda seen: bool(seen.reason))
    assert seen.phase in (Phase.FETCHING, Phase.FAILED)
    assert seen.running is None
    (plant.base / "away").rename(layout)
    plant.want(item)
    plant.until("wear", Phase.READY)


def test_lying_registry_exposes_nothing(plant: Plant) -> None:
    item = plant.model("2")
    for blob in (plant.base / "registry" / "wear" / "blobs" / "sha256").iterdir():
        if b"multiplier" in blob.read_bytes():
            content = blob.read_bytes()
            blob.write_bytes(content.replace(b"multiplier", b"multipliar"))
    plant.want(item)
    plant.control.start()
    seen = plant.until("wear", Phase.FAILED)
    assert seen.reason == "IntegrityError"
    assert plant.current(item) is None
    assert plant.pids() == []


def test_server_that_is_killed_comes_back(plant: Plant) -> None:
    plant.want(plant.model("2"))
    plant.control.start()
    plant.until("wear", Phase.READY)
    [pid] = plant.pids()
    import os
    import signal

    os.kill(pid, signal.SIGKILL)

    def back(seen: Observation) -> bool:
        return seen.phase is Phase.READY and seen.restarts == 1

    seen = plant.until("wear", back)
    assert seen.address
    assert ask(seen.address, 1) == 2
    assert plant.pids() != [pid]


def test_server_becomes_files_and_back(plant: Plant) -> None:
    item = plant.model("2")
    plant.want(item)
    plant.control.start()
    plant.until("wear", Phase.READY)
    plant.want(item.replace(flavour="files"))
    seen = plant.until("wear", Phase.WAITING)
    assert seen.reason == "NoConsumer"
    assert seen.running == item.digest
    eventually(lambda: plant.pids() == [])
    plant.want(item)
    plant.until("wear", Phase.READY)


def test_flavours_that_an_agent_does_not_deliver_are_refused(plant: Plant) -> None:
    plant.want(plant.model("2", flavour="chart"))
    plant.control.start()
    assert plant.until("wear", Phase.FAILED).reason == "FlavourNotSupported"
