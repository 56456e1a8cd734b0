from __future__ import annotations

import json
import urllib.request
from pathlib import Path

from i4q_ai.status import Phase
from tests.e2e.edge.plant import Plant, eventually, lives

SERVES = """
import http.server, json, os, pathlib, sys
home = os.environ.get("MODEL_SHAPES_PATH")
shapes = pathlib.Path(home, "current", "model.onnx") if home else None
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        bad = shapes is not None and shapes.read_bytes() == b"poison"
        self.send_response(503 if bad else 200)
        self.end_headers()
        self.wfile.write(json.dumps({"version": VERSION, "pid": os.getpid(), **dict(os.environ)}).encode())
    def log_message(self, *args):
        pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
WAITS = "import time\nprint('here', flush=True)\nwhile True: time.sleep(1000)\n"
FALLS = "import sys\nprint('no such machine', flush=True)\nsys.exit(7)\n"


def told(address: str | None) -> dict[str, object]:
    assert address
    with urllib.request.urlopen(address, timeout=30) as answer:
        said: dict[str, object] = json.loads(answer.read())
        return said


def test_workload_waits_for_its_model_and_is_told_where_it_is(plant: Plant) -> None:
    code = SERVES.replace("VERSION", "1")
    plant.want(plant.workload("1", code, uses={"wear": "url"}, port=8080, ready="/", env={"LINE": "7"}))
    plant.control.start()
    seen = plant.until("line", Phase.WAITING)
    assert "'wear'" in seen.message
    assert plant.pids() == []
    plant.want(plant.model("2"))
    seen = plant.until("line", Phase.READY)
    model = plant.until("wear", Phase.READY)
    said = told(seen.address)
    assert said["MODEL_WEAR_URL"] == model.address
    assert said["LINE"] == "7"
    assert not [name for name in said if name.startswith("PYTEST")]


def test_new_model_version_does_not_restart_the_workload(plant: Plant) -> None:
    plant.want(plant.model("2"), plant.workload("1", WAITS, uses={"wear": "url"}))
    plant.control.start()
    plant.until("line", Phase.READY)
    before = set(plant.pids())
    plant.want(plant.model("3"))
    plant.until("wear", lambda seen: seen.phase is Phase.READY and seen.version == "3")
    assert set(plant.pids()) == before


def test_new_workload_version_replaces_the_old_one_on_the_same_port(plant: Plant) -> None:
    code = SERVES.replace("VERSION", "1")
    plant.want(plant.workload("1", code, port=8080, ready="/"))
    plant.control.start()
    first = plant.until("line", Phase.READY)
    plant.want(plant.workload("2", SERVES.replace("VERSION", "2"), port=8080, ready="/"))
    second = plant.until("line", lambda seen: seen.phase is Phase.READY and seen.version == "2")
    assert second.address == first.address
    assert told(second.address)["version"] == 2
    assert len(plant.pids()) == 1


def test_workload_version_that_falls_is_rolled_back(plant: Plant) -> None:
    old = plant.workload("1", WAITS)
    plant.want(old)
    plant.control.start()
    plant.until("line", Phase.READY)
    plant.want(plant.workload("2", FALLS))
    seen = plant.until("line", lambda seen: seen.phase is Phase.ROLLED_BACK and seen.running == old.digest)
    assert "code 7" in seen.message
    assert "no such machine" in seen.message
    assert len(plant.pids()) == 1


def test_changed_environment_restarts_the_workload(plant: Plant) -> None:
    code = SERVES.replace("VERSION", "1")
    item = plant.workload("1", code, port=8080, ready="/", env={"LINE": "7"})
    plant.want(item)
    plant.control.start()
    plant.until("line", Phase.READY)
    plant.want(item.replace(env={"LINE": "8"}))
    seen = plant.until("line", Phase.READY)
    assert told(seen.address)["LINE"] == "8"


def test_workload_that_falls_again_and_again_says_so(plant: Plant) -> None:
    plant.want(plant.workload("1", FALLS))
    plant.control.start()
    seen = plant.until("line", Phase.FAILED)
    assert seen.reason == "CrashLoop"
    assert "code 7" in seen.message
    assert "no such machine" in seen.message


def test_program_that_is_not_there_fails(plant: Plant) -> None:
    plant.want(plant.workload("1", WAITS).replace(command=("no-such-program",)))
    plant.control.start()
    seen = plant.until("line", Phase.FAILED)
    assert "no-such-program" in seen.message


def test_files_are_switched_below_a_running_workload(plant: Plant) -> None:
    reads = """
import os, pathlib, time
print(os.environ["MODEL_SHAPES_PATH"], flush=True)
while True: time.sleep(1000)
"""
    old = plant.model("1", b"one", name="shapes", flavour="files")
    plant.want(old, plant.workload("1", reads, uses={"shapes": "path"}))
    plant.control.start()
    plant.until("line", Phase.READY)
    plant.until("shapes", Phase.READY)
    before = plant.pids()
    plant.want(plant.model("2", b"two", name="shapes", flavour="files"))
    seen = plant.until("shapes", Phase.READY)
    assert seen.version == "2"
    assert plant.pids() == before
    home = Path(plant.paths.item_log("i4q", "line").read_text().strip())
    assert (home / "current" / "model.onnx").read_bytes() == b"two"
    assert (home / "previous" / "model.onnx").read_bytes() == b"one"


def test_files_that_a_consumer_cannot_bear_are_switched_back(plant: Plant) -> None:
    good = plant.model("1", b"one", name="shapes", flavour="files")
    code = SERVES.replace("VERSION", "1")
    plant.want(good, plant.workload("1", code, uses={"shapes": "path"}, port=8080, ready="/"))
    plant.control.start()
    plant.until("line", Phase.READY)
    plant.until("shapes", Phase.READY)
    plant.want(plant.model("2", b"poison", name="shapes", flavour="files"))
    seen = plant.until("shapes", lambda seen: seen.phase is Phase.ROLLED_BACK and seen.running == good.digest)
    assert "'line'" in seen.message
    plant.until("line", Phase.READY)


def test_images_are_not_run(plant: Plant) -> None:
    item = plant.workload("1", WAITS).replace(image="docker.io/library/busybox@sha256:" + "0" * 64)
    plant.want(item)
    plant.control.start()
    assert plant.until("line", Phase.FAILED).reason == "ImagesNotSupported"


def test_all_that_a_workload_started_ends_with_it(plant: Plant) -> None:
    spawns = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import time; time.sleep(1000)'])\n"
    plant.want(plant.workload("1", spawns))
    plant.control.start()
    plant.until("line", Phase.READY)
    eventually(lambda: len(plant.family()) == 2)
    family = plant.family()
    plant.drop("line")
    plant.until_gone("line")
    eventually(lambda: not any(lives(pid) for pid in family))
    assert not list(plant.paths.run.iterdir())
