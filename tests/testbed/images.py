"""The project's own edge image, as `i4q image build` makes it: built once for one state of the sources, and cached."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

import i4q_ai
from i4q_ai.oci import image
from tests.testbed.building import built
from tests.testbed.caching import cache
from tests.testbed.rootfs import rootfs_tar

_PUSH_TIMEOUT = 300


@dataclass(frozen=True)
class EdgeImage:
    """The image, on this disk.

    Args:
        tar: an archive that `ctr images import` takes; it brings the image under the name `reference`.
        layout: the same image as an OCI layout folder.
        reference: by which a node knows the image once it has imported the archive.
    """

    tar: Path
    layout: Path
    reference: str

    @property
    def digest(self) -> str:
        """Of the index."""
        return self.reference.rpartition("@")[2]

    def push(self, host: str) -> str:
        """Push it to a registry that speaks plain http.

        Args:
            host: `host:port`.

        Returns:
            The reference by digest.
        """
        repository = f"{host}/i4q-ai/edge"
        command = [str(built("tools") / "crane"), "push", "--insecure", str(self.layout), f"{repository}:edge"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PUSH_TIMEOUT, check=False)
        assert done.returncode == 0, done.stderr
        return f"{repository}@{self.digest}"


@pytest.fixture(scope="session")
def edge_image() -> Iterator[EdgeImage]:
    """The edge image of these sources; `edge_image.tar`, `edge_image.push(host)`."""
    with made() as found:
        yield found


@contextmanager
def made() -> Iterator[EdgeImage]:
    """The edge image of these sources, made now if it is not in the cache; it stays there while this is entered."""
    base = rootfs_tar()
    folder = cache() / f"edge-image-{_state(base)}"
    handle = _held(folder, fcntl.LOCK_SH)  # as long as this session runs, nobody sweeps it away
    try:
        while (found := _found(folder)) is None:
            fcntl.flock(handle, fcntl.LOCK_EX)  # built once, however many sessions wait for it
            _make(folder, base)
            fcntl.flock(handle, fcntl.LOCK_SH)
        _sweep(folder)
        yield found
    finally:
        os.close(handle)


def _found(folder: Path) -> EdgeImage | None:
    done = folder / "reference"
    return EdgeImage(folder / "edge.tar", folder / "layout", done.read_text()) if done.is_file() else None


def _make(folder: Path, base: Path) -> None:
    tar, layout = folder / "edge.tar", folder / "layout"
    if _found(folder) is None:
        shutil.rmtree(folder, ignore_errors=True)
        layout.mkdir(parents=True)
        reference = image.build(base, to=tar).reference
        with tarfile.open(tar) as archive:
            archive.extractall(layout, filter="data")
        index = layout / "index.json"
        listed = json.loads(index.read_text())
        listed["manifests"] = listed["manifests"][:1]  # crane takes a layout of one image
        index.write_text(json.dumps(listed))
        (folder / "reference").write_text(reference)


def _state(base: Path) -> str:
    """A digest of all that the image is made of."""
    package = Path(i4q_ai.__file__).parent
    digest = hashlib.sha256(base.name.encode())
    for path in sorted(package.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(package)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _held(folder: Path, kind: int) -> int:
    handle = os.open(folder.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, kind)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _sweep(folder: Path) -> None:
    """Drop the images of other states of the sources that no session uses; each takes some hundred megabytes."""
    for other in folder.parent.glob("edge-image-*/"):
        if other == folder:
            continue
        try:
            handle = _held(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        shutil.rmtree(other, ignore_errors=True)
        os.close(handle)
