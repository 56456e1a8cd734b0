"""A root file system of one static program with the names of many: busybox, as Debian builds it."""

from __future__ import annotations

import fcntl
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.testbed.caching import cache
from tests.testbed.lacking import lacks

_PACKAGE = "busybox-static"
_PROGRAM = "./bin/busybox"
_TIMEOUT = 300


def busybox_tar(folder: Path, names: Sequence[str]) -> Path:
    """Write a tar with busybox under these names; gives its path."""
    path = folder / "busybox.tar"
    program = _program().read_bytes()
    with tarfile.open(path, "w") as tar:
        member = tarfile.TarInfo("bin/busybox")
        member.mode, member.size = 0o755, len(program)
        tar.addfile(member, io.BytesIO(program))
        for name in names:
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return path


def _program() -> Path:
    path = cache() / _PACKAGE
    with (cache() / f"{_PACKAGE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.is_file():
            _download(path)
    return path


def _download(path: Path) -> None:
    if not shutil.which("apt-get"):
        lacks(f"apt-get not found, to get {_PACKAGE} by")
    with tempfile.TemporaryDirectory(prefix="busybox-", dir=path.parent) as scratch:
        command = ["apt-get", "download", _PACKAGE]
        done = _run(command, scratch)
        if done.returncode and os.geteuid() == 0:  # a machine that was set up without lists of packages
            _run(["apt-get", "update"], scratch)
            done = _run(command, scratch)
        if done.returncode:
            lacks(f"{' '.join(command)} failed: {done.stderr.decode()[-1000:]}")
        (package,) = Path(scratch).glob("*.deb")
        unpacked = _run(["dpkg-deb", "--fsys-tarfile", str(package)], scratch).stdout
        with tarfile.open(fileobj=io.BytesIO(unpacked)) as tar:
            program = tar.extractfile(_PROGRAM)
            assert program is not None
            staged = path.with_name(f".{path.name}")
            staged.write_bytes(program.read())
        staged.replace(path)


def _run(command: Sequence[str], folder: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, cwd=folder, capture_output=True, timeout=_TIMEOUT, check=False)
