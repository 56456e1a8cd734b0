"""Pushes to docker-registry 2.8.2 on this machine, all in memory: a file of 1 GiB, 200 of 64 KiB, a model of 1 GiB."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench import turns
from tests.bench.rows import Row, compared, limited
from tests.bench.turns import PEERS
from tests.testbed.building import built
from tests.testbed.registry import Registry

log = logging.getLogger("tests.bench")

ROUNDS = 3
LARGE = 1024 * 1024 * 1024
SMALL, MANY = 64 * 1024, 200
_MEBIBYTE = 1024 * 1024
_METHODS = ("HEAD", "GET", "POST", "PUT", "PATCH", "DELETE")
CURL, CRANE, ORAS_GO, ORAS = "curl, digest known", "crane, digest known", "oras-go 2.6.2", "oras-py 0.2.43"


@dataclass(frozen=True)
class _Run:
    """What one push took.

    Args:
        wall: seconds; of the push alone where it is Python, of the whole process where not.
        cpu: seconds of the whole process.
        memory: bytes more than the bare import.
    """

    wall: float
    cpu: float
    memory: float


Commands = dict[str, Callable[[str], list[str]]]


def run(rounds: int = ROUNDS, large: int = LARGE) -> list[Row]:
    """All pushes in turn, several rounds, each a process and a repository of its own; medians are compared.

    Args:
        rounds: of all.
        large: bytes of the large file; smaller for a first look.
    """
    with turns.registry_in_memory() as (scratch, registry):
        return _measure(scratch, registry, rounds, large)


def _measure(scratch: Path, registry: Registry, rounds: int, large: int) -> list[Row]:
    digest = _make_files(scratch, large)
    one, many = str(scratch / "model" / "large.bin"), str(scratch / "files")
    crane, oras_go = str(built("tools") / "crane"), str(built("orasgo") / "orasgo")
    layout = _layout(scratch, one)
    host = registry.host
    ours, oras = [sys.executable, str(PEERS / "push_ours.py")], [sys.executable, str(PEERS / "push_oras.py")]
    larges: Commands = {
        "ours": lambda to: [*ours, "files", one, f"{host}/{to}:1"],
        CURL: lambda to: ["sh", str(PEERS / "push_curl.sh"), one, host, to, digest],
        CRANE: lambda to: [crane, "push", "--insecure", layout, f"{host}/{to}:1"],
        ORAS_GO: lambda to: [oras_go, "push", f"{host}/{to}:1", one],
        ORAS: lambda to: [*oras, one, f"{host}/{to}:1"],
        "model": lambda to: [*ours, "model", str(scratch / "model"), f"{host}/{to}:1"],
    }
    smalls: Commands = {
        "ours": lambda to: [*ours, "files", many, f"{host}/{to}:1"],
        ORAS_GO: lambda to: [oras_go, "push", f"{host}/{to}:1", many],
        ORAS: lambda to: [*oras, many, f"{host}/{to}:1"],
    }
    runs = _in_turn(scratch, "large", larges, rounds)
    rows = [*_large_rows(runs), *_small_rows(_in_turn(scratch, "small", smalls, rounds))]
    return [*rows, _again(scratch, registry, [*ours, "files", many, f"{host}/again:1"])]


def _large_rows(runs: dict[str, list[_Run]]) -> list[Row]:
    wall = {name: median(one.wall for one in each) for name, each in runs.items()}
    cpu = {name: median(one.cpu for one in each) for name, each in runs.items()}
    goals = {CURL: 1.15, CRANE: 1.05, ORAS_GO: 1.0, ORAS: None}
    rows = [
        compared(
            "push of 1 GiB, digest not known", wall["ours"], wall[peer], goal=goal, unit="s", note=f"against {peer}"
        )
        for peer, goal in goals.items()
    ]
    rows += [
        compared("push of 1 GiB, CPU", cpu["ours"], cpu[peer], goal=None, unit="s", note=f"against {peer}")
        for peer in goals
    ]
    about = "against the raw file: packed, and hashed as a file and as a layer before it is sent"
    rows.append(
        compared("pack and push of a model of 1 GiB", wall["model"], wall["ours"], goal=None, unit="s", note=about)
    )
    memory = max(one.memory for one in runs["ours"]) / _MEBIBYTE
    rows.append(limited("push of 1 GiB, memory", memory, goal=64, unit="MiB", note="more than the bare import"))
    return rows


def _small_rows(runs: dict[str, list[_Run]]) -> list[Row]:
    wall = {name: median(one.wall for one in each) for name, each in runs.items()}
    figure = "push of 200 files of 64 KiB"
    return [
        compared(figure, wall["ours"], wall[ORAS_GO], goal=1.0, unit="s", note=f"against {ORAS_GO}"),
        compared(figure, wall["ours"], wall[ORAS], goal=None, unit="s", note=f"against {ORAS}"),
    ]


def _again(scratch: Path, registry: Registry, command: list[str]) -> Row:
    """Pushed twice under two tags: what the second one asks for."""
    _run(command, scratch / "again")
    before = len(_requests(registry))
    _run([*command[:-1], f"{command[-1]}.2"], scratch / "again")
    asked = len(_requests(registry)) - before
    return limited("push of 200 files that are there", asked, goal=20, unit="requests", note="under another tag")


def _requests(registry: Registry) -> list[str]:
    return [line for line in registry.lines if any(f'"{method} /v2/' in line for method in _METHODS)]


def _in_turn(scratch: Path, what: str, commands: Commands, rounds: int) -> dict[str, list[_Run]]:
    """Every command in every round, each round in another order."""
    runs: dict[str, list[_Run]] = {name: [] for name in commands}
    for number, name in enumerate(turns.in_turn(commands, rounds)):
        to = f"bench/{what}-{number}"
        runs[name].append(_run(commands[name](to), scratch / "cache" / to))
        log.debug("%s: %s", name, runs[name][-1])
    return runs


def _run(command: list[str], cache: Path) -> _Run:
    """Run it with a cache of its own, so that it knows nothing from before."""
    took = turns.measured(command, I4Q_CACHE=str(cache))
    wall, memory = map(float, took.told.split()) if "push_o" in " ".join(command) else (took.wall, 0.0)
    return _Run(wall, took.cpu, memory)


def _make_files(scratch: Path, large: int) -> str:
    """The large file, in a folder of its own, and many small ones; the digest of the large one."""
    for name in ("model", "files"):
        (scratch / name).mkdir()
    turns.small_files(scratch / "files", MANY, SMALL)
    return turns.large_file(scratch / "model" / "large.bin", large)


def _layout(scratch: Path, file: str) -> str:
    """The large file as crane wants it: a layout folder, hashed beforehand."""
    from i4q_ai import oci

    oci.push_files([file], f"oci:{scratch / 'layout'}:1")
    return str(scratch / "layout")


if __name__ == "__main__":
    logging.basicConfig(level=logging.DEBUG)
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    for row in run(*map(int, sys.argv[1:])):
        sys.stdout.write(f"{row}\n")
