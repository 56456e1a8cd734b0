"""The Debian packages that nodes need, installed where that is possible."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.testbed.caching import cache
from tests.testbed.lacking import lacks

CNI = Path("/usr/lib/cni")

# What a package is known by on a machine that was set up by other means.
_PACKAGES = {
    "runc": "runc",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "debootstrap": "debootstrap",
    str(CNI / "bridge"): "containernetworking-plugins",
    str(CNI / "loopback"): "containernetworking-plugins",
}
_TIMEOUT = 600


def need_programs(*programs: str) -> None:
    """Have programs on this machine: root installs their packages with apt; else the test is skipped (in CI: fails).

    Args:
        programs: names on PATH, or paths, of the table above; none for all.
    """
    missing = [program for program in programs or _PACKAGES if not _there(program)]
    if not missing:
        return
    packages = sorted({_PACKAGES[program] for program in missing})
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        lacks(f"{', '.join(missing)} not found: install {' '.join(packages)}")
    _install(packages)
    if missing := [program for program in missing if not _there(program)]:
        lacks(f"{', '.join(missing)} not found, although {' '.join(packages)} is installed")


def unpacked(package: str, program: str) -> Path:
    """A program of a Debian package that is not installed, as that would start a service; kept in the cache folder.

    Args:
        package: its name.
        program: the path in it.
    """
    folder = cache() / f"{package}.unpacked"
    if not (folder / program).is_file():
        if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
            lacks(f"{package} cannot be got without apt-get and dpkg-deb")
        with tempfile.TemporaryDirectory(dir=cache()) as scratch:
            _download(package, Path(scratch))
            (archive,) = Path(scratch).glob("*.deb")
            _run(["dpkg-deb", "-x", archive.name, "tree"], Path(scratch))
            with contextlib.suppress(OSError):  # somebody was faster
                (Path(scratch) / "tree").rename(folder)
    return folder / program


def _download(package: str, folder: Path) -> None:
    download = ["apt-get", "download", package]
    if subprocess.run(download, cwd=folder, capture_output=True, timeout=_TIMEOUT, check=False).returncode:
        _run(["apt-get", "update"], folder)
        _run(download, folder)


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    if done.returncode:
        lacks(f"{' '.join(command)} failed: {done.stderr[-1000:]}")


def _there(program: str) -> bool:
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is not None


def _install(packages: list[str]) -> None:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update"], ["apt-get", "install", "--yes", "--no-install-recommends", *packages]):
        done = subprocess.run(command, env=quiet, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
        if done.returncode:
            lacks(f"{' '.join(command)} failed: {done.stderr[-1000:]}")
