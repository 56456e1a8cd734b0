"""Pulls from docker-registry 2.8.2 on this machine, all in memory: a file of 1 GiB, 200 of 64 KiB, a model of 1 GiB."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

from tests.bench import turns
from tests.bench.rows import Row, compared, limited
from tests.bench.turns import PEERS, Run
from tests.testbed.building import built
from tests.testbed.registry import Registry

log = logging.getLogger("tests.bench")

ROUNDS = 5
LARGE = 1024 * 1024 * 1024
SMALL, MANY = 64 * 1024, 200
_MEBIBYTE = 1024 * 1024
ORAS, ORAS_GO, CURL, CRANE = "oras-py 0.2.43", "oras-go 2.6.2", "curl, which verifies nothing", "crane"


Commands = dict[str, Callable[[Path], list[str]]]


def run(rounds: int = ROUNDS) -> list[Row]:
    """All pulls in turn, several rounds, each a process of its own; medians are compared."""
    with turns.registry_in_memory() as (scratch, registry):
        return _measure(scratch, registry, rounds)


def _measure(scratch: Path, registry: Registry, rounds: int) -> list[Row]:
    digest = _push_files(scratch, registry)
    reference, model = _push_model(scratch, registry)
    where = f"{registry.host}/bench/files"
    crane, oras_go = str(built("tools") / "crane"), str(built("orasgo") / "orasgo")
    url = f"http://{where.replace('/', '/v2/', 1)}/blobs/{digest}"
    ours = [sys.executable, str(PEERS / "pull_ours.py"), where]
    oras = [sys.executable, str(PEERS / "pull_oras.py"), where]
    large: Commands = {
        "ours": lambda to: [*ours, "large", str(to)],
        CURL: lambda to: ["curl", "-sf", "-o", str(to / "large.bin"), url],
        CRANE: lambda to: ["sh", "-c", f"{crane} blob {where}@{digest} > {to}/large.bin"],
        ORAS_GO: lambda to: [oras_go, "pull", f"{where}:large", str(to)],
        ORAS: lambda to: [*oras, "large", str(to)],
        "model": lambda to: [sys.executable, str(PEERS / "fetch_ours.py"), reference, model, str(to)],
    }
    small: Commands = {
        "ours": lambda to: [*ours, "small", str(to)],
        ORAS_GO: lambda to: [oras_go, "pull", f"{where}:small", str(to)],
        ORAS: lambda to: [*oras, "small", str(to)],
    }
    return [*_large_rows(_in_turn(scratch, large, rounds)), *_small_rows(_in_turn(scratch, small, rounds))]


def _large_rows(runs: dict[str, list[Run]]) -> list[Row]:
    wall = {name: median(one.wall for one in each) for name, each in runs.items()}
    cpu = {name: median(one.cpu for one in each) for name, each in runs.items()}
    goals = {CURL: 1.6, CRANE: None, ORAS_GO: 1 / 1.3, ORAS: 1 / 1.9}
    rows = [
        compared("pull of 1 GiB, verified", wall["ours"], wall[peer], goal=goal, unit="s", note=f"against {peer}")
        for peer, goal in goals.items()
    ]
    rows += [
        compared("pull of 1 GiB, CPU", cpu["ours"], cpu[peer], goal=None, unit="s", note=f"against {peer}")
        for peer in goals
    ]
    about = "against the raw file: each byte written once, and hashed as a layer and as a file"
    rows.append(compared("pull of a model of 1 GiB", wall["model"], wall["ours"], goal=None, unit="s", note=about))
    rows += [
        compared(
            "pull of 1 GiB, Python running", _inside(runs), wall[peer], goal=None, unit="s", note=f"against {peer}"
        )
        for peer in (CURL, ORAS_GO)
    ]
    memory = max(int(one.told.split()[0]) for one in runs["ours"]) / _MEBIBYTE
    rows.append(limited("pull of 1 GiB, memory", memory, goal=64, unit="MiB", note="more than the bare import"))
    return rows


def _small_rows(runs: dict[str, list[Run]]) -> list[Row]:
    wall = {name: median(one.wall for one in each) for name, each in runs.items()}
    figure = "pull of 200 files of 64 KiB, verified"
    return [
        compared(figure, wall["ours"], wall[ORAS_GO], goal=1.0, unit="s", note=f"against {ORAS_GO}"),
        compared(figure, wall["ours"], wall[ORAS], goal=None, unit="s", note=f"against {ORAS}"),
        compared(
            f"{figure}, Python running", _inside(runs), wall[ORAS_GO], goal=None, unit="s", note=f"against {ORAS_GO}"
        ),
    ]


def _inside(runs: dict[str, list[Run]]) -> float:
    """Seconds of ours without the start of Python and its imports, which a process has only once."""
    return median(float(one.told.split()[1]) for one in runs["ours"])


def _in_turn(scratch: Path, commands: Commands, rounds: int) -> dict[str, list[Run]]:
    """Every command in every round, each round in another order."""
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for name in turns.in_turn(commands, rounds):
        to = scratch / "to"
        to.mkdir()
        runs[name].append(turns.measured(commands[name](to)))
        size = sum(path.stat().st_size for path in to.rglob("*") if path.is_file())
        assert size >= min(LARGE, SMALL * MANY), f"{name} pulled {size} bytes"
        log.debug("%s: %s", name, runs[name][-1])
        shutil.rmtree(to)
    return runs


def _push_files(scratch: Path, registry: Registry) -> str:
    """Both artifacts, by a peer; the digest of the large file."""
    (scratch / "files").mkdir()
    digest = turns.large_file(scratch / "large.bin", LARGE)
    turns.small_files(scratch / "files", MANY, SMALL)
    for tag, path in (("large", scratch / "large.bin"), ("small", scratch / "files")):
        command = [str(built("orasgo") / "orasgo"), "push", f"{registry.host}/bench/files:{tag}", str(path)]
        subprocess.run(command, check=True, capture_output=True)
    return digest


def _push_model(scratch: Path, registry: Registry) -> tuple[str, str]:
    from i4q_ai.model import Model

    (scratch / "model").mkdir()
    (scratch / "large.bin").rename(scratch / "model" / "weights.dat")
    model = Model.from_dir(scratch / "model", name="bench", version="1").push(f"{registry.host}/bench/model")
    shutil.rmtree(scratch / "model")
    assert model.digest, "it was pushed"
    return str(model.reference), model.digest


if __name__ == "__main__":
    logging.basicConfig(level=logging.DEBUG)
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    for row in run(int(sys.argv[1]) if sys.argv[1:] else ROUNDS):
        sys.stdout.write(f"{row}\n")
