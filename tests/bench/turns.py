"""Programs that do the same job, in turn, each time as a process of its own; and a registry in memory between them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.testbed.registry import Registry

PEERS = Path(__file__).parent / "peers"
_MEMORY = Path("/dev/shm")
_PIECE = 16 * 1024 * 1024


@dataclass(frozen=True)
class Run:
    """What one process took.

    Args:
        wall, cpu: in seconds.
        told: what it printed.
    """

    wall: float
    cpu: float
    told: str


def measured(command: list[str], **variables: str) -> Run:
    """Run a program to its end, with more environment variables; it must succeed."""
    began = time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, **variables}
    )
    assert process.stdout is not None
    told = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    assert not process.returncode, f"{command} ended with {process.returncode}"
    return Run(time.monotonic() - began, usage.ru_utime + usage.ru_stime, told)


def in_turn(names: Iterable[str], rounds: int) -> Iterator[str]:
    """Every name in every round, each round in another order."""
    listed = list(names)
    for turn in range(rounds):
        first = turn % len(listed)
        yield from (*listed[first:], *listed[:first])


@contextmanager
def registry_in_memory() -> Iterator[tuple[Path, Registry]]:
    """A folder that goes away, in memory where there is such a place, and docker-registry 2.8 that stores there."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as scratch:
        storage = Path(scratch) / "registry"
        storage.mkdir()
        with Registry(storage, old=True) as registry:
            yield Path(scratch), registry


def large_file(path: Path, size: int) -> str:
    """Write random bytes, whole pieces of 16 MiB; returns their digest."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(size // _PIECE):
            piece = os.urandom(_PIECE)
            digest.update(piece)
            file.write(piece)
    return f"sha256:{digest.hexdigest()}"


def small_files(folder: Path, number: int, size: int) -> None:
    """Write random files into a folder."""
    for each in range(number):
        (folder / f"{each:03}.bin").write_bytes(os.urandom(size))
