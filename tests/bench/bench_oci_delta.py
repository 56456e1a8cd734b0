"""A new version of 1 GiB to an edge that has an older one: bytes that travel and time, against fetching all of it."""

from __future__ import annotations

import json
import random
import shutil
import tempfile
from pathlib import Path
from statistics import median
from time import monotonic

from i4q_ai import oci
from i4q_ai.model import Model
from i4q_ai.oci import pushing
from tests.bench.rows import Row, compared, limited
from tests.e2e.oci.proxy import Proxy
from tests.testbed.registry import Registry

SIZE = 1024**3
RUNS = 3
_PIECE = 16 * 1024**2
"""Bytes that are drawn at once; a whole GiB is more than a generator gives."""
_GOAL = 8.0
_TIMEOUT = 600.0


def run() -> list[Row]:
    """Push two versions, and fetch the second with and without the first at hand."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as scratch:
        folder = Path(scratch)
        (folder / "registry").mkdir()
        with Registry(folder / "registry") as registry:
            return _rows(_Bench(folder, registry))


class _Bench:
    """Versions of one file in a registry, and a cache that has the first."""

    def __init__(self, folder: Path, registry: Registry, size: int = SIZE) -> None:
        self._folder, self._registry = folder, registry
        chance = random.Random(1)
        pieces = (chance.randbytes(min(_PIECE, size - at)) for at in range(0, size, _PIECE))
        self._content = bytearray().join(pieces)
        self._number = 0
        self.first, self.push_time = self.push(chunk_maps=True)
        _fetch(self._registry.host, self.first, folder / "seed", folder / "seed-tree")

    def push(self, *, chunk_maps: bool) -> tuple[str, float]:
        """The digest, and how long it took."""
        self._number += 1
        file = self._folder / "made" / "weights.bin"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(self._content)
        model = Model.from_files([file], name="wear", version=str(self._number), format="files")
        began = monotonic()
        to = f"{self._registry.host}/models/wear"
        digest = pushing.push(model, to, timeout=_TIMEOUT, chunk_maps=chunk_maps).digest
        return str(digest), monotonic() - began

    def change(self, share: float, runs: int) -> None:
        """Overwrite some of the file."""
        chance, length = random.Random(2), int(len(self._content) * share / runs)
        for _ in range(runs):
            at = chance.randrange(len(self._content) - length)
            self._content[at : at + length] = chance.randbytes(length)

    def put_in(self, runs: int) -> None:
        """Put a few bytes in here and there."""
        chance = random.Random(3)
        for _ in range(runs):
            at = chance.randrange(len(self._content))
            self._content[at:at] = chance.randbytes(chance.randrange(1, 99))

    def travelled(self, digest: str) -> float:
        """Hundredths of the file that travel to who has the first version."""
        proxy = Proxy(self._registry.host)
        try:
            self.timed(digest, older=True, host=proxy.host)
            return 100 * proxy.passed / len(self._content)
        finally:
            proxy.close()

    def timed(self, digest: str, *, older: bool, host: str = "") -> float:
        """Seconds of a fetch."""
        blobs, tree = self._folder / "blobs", self._folder / "tree"
        if older:
            shutil.copytree(self._folder / "seed", blobs)
        began = monotonic()
        _fetch(host or self._registry.host, digest, blobs, tree)
        took = monotonic() - began
        shutil.rmtree(blobs)
        shutil.rmtree(tree)
        return took


def _fetch(host: str, digest: str, blobs: Path, tree: Path) -> None:
    oci.fetch([f"{host}/models/wear"], digest, tree, timeout=_TIMEOUT, blobs=blobs)


def _rows(bench: _Bench) -> list[Row]:
    bench.change(0.05, 20)
    changed, mapped = bench.push(chunk_maps=True)
    whole: list[float] = []
    delta: list[float] = []
    for _ in range(RUNS):
        whole.append(bench.timed(changed, older=False))
        delta.append(bench.timed(changed, older=True))
    bench.put_in(20)
    _, plain = bench.push(chunk_maps=False)
    rows = [
        limited(
            "travels of a version with 5 % changed in 20 runs", bench.travelled(changed), goal=_GOAL, unit="%",
            note="of the file; counted at a proxy, maps and manifests included",
        ),
        compared(
            "fetching it, the older version at hand", median(delta), median(whole), goal=None, unit="s",
            note="the peer fetches all of it; on loopback, where bytes cost nothing",
        ),
        compared(
            "pushing with chunk maps", mapped, plain, goal=None, unit="s",
            note="the peer pushes without; one run each",
        ),
    ]  # fmt: skip
    moved, _ = bench.push(chunk_maps=True)
    note = "the same changes, and everything after each place moved"
    row = limited(
        "travels of it with bytes put in at 20 places more", bench.travelled(moved), goal=12, unit="%", note=note
    )
    return [*rows, row]


if __name__ == "__main__":
    for one in run():
        print(json.dumps(one.__dict__, ensure_ascii=False))  # noqa: T201
