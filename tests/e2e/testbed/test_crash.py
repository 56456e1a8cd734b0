"""A test session that is killed leaves nothing: the kernel ends what it started, the next run clears up the rest."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.testbed.lacking import need_root
from tests.testbed.leftovers import left
from tests.testbed.packages import need_programs
from tests.testbed.processes import wait_until
from tests.testbed.runs import Run

_ROOT = Path(__file__).parents[3]

_SESSION = """\
from tests.testbed.edge import Edge
from tests.testbed.pause import PAUSE
from tests.testbed.runs import Run

def test_that_is_killed():
    with Run() as run, Edge(run, "lost") as edge:
        edge.kubectl("run", "pod", f"--image={PAUSE}")
        edge.server.wait("--for=condition=Ready", "pod/pod")
        print("RUN", run.name, flush=True)
        import threading
        threading.Event().wait()
"""


@pytest.fixture
def killed(tmp_path: Path) -> str:
    """The name of the run of a pytest that was killed while a pod ran."""
    need_root("an edge")
    need_programs()
    session = tmp_path / "test_session.py"
    session.write_text(_SESSION)
    command = [sys.executable, "-m", "pytest", "-s", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", str(session)]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as child:
        assert child.stdout is not None
        said = []
        for line in child.stdout:
            said.append(line)
            if "RUN " in line:
                name = line.partition("RUN ")[2].strip()
                break
        else:
            pytest.fail("the session ended by itself:\n" + "".join(said))
        assert len([one for one in left(name) if one.startswith("process")]) > 8
        child.send_signal(signal.SIGKILL)
    return name


def test_nothing_is_left_after_a_crash(killed: str) -> None:
    wait_until(lambda: not _running(killed), what="the kernel has ended what the session started")
    with Run():
        assert left(killed) == []


def _running(run: str) -> list[str]:
    return [one for one in left(run) if one.startswith(("process", "mount"))]
