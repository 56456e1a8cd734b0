"""A Debian root file system with Python as a tar, the base of images that tests build; made once and cached."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import platform
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from tests.testbed.caching import cache
from tests.testbed.lacking import need_root
from tests.testbed.packages import need_programs

_log = logging.getLogger(__name__)

_SUITE = "bookworm"
_OPTIONS = ("--variant=minbase", "--include=python3")  # python3-minimal lacks the standard library
_DEBIAN = "http://deb.debian.org/debian/"
_EPOCH = 1686355200  # the day of the release: nothing in the tar is younger, so that two runs give the same bytes
_FORM = 2  # count up when the code below gives another tar
_TIMEOUT = 900
_DEBIAN_NAMES = {"x86_64": "amd64", "aarch64": "arm64"}

# What differs from run to run, tells about this machine, or is of no use in an image. Copyright files stay.
_EMPTIED = (
    "dev",
    "proc",
    "sys",
    "run",
    "tmp",
    "var/tmp",
    "var/log",
    "var/cache",
    "var/lib/apt/lists",
    "var/lib/systemd",
    "debootstrap",
)
_DROPPED = (
    "etc/hostname", "etc/machine-id", "etc/resolv.conf", "usr/share/doc-base", "usr/share/info", "usr/share/lintian",
    "usr/share/locale", "usr/share/man", "etc/*-", "var/lib/dpkg/*-old", "var/lib/apt/extended_states",
)  # fmt: skip


def rootfs_tar() -> Path:
    """The tar of a minimal Debian with Python 3.11; made in about a minute when the cache has none.

    Making it needs root, debootstrap and a Debian mirror (the one that apt uses).
    """
    machine = _DEBIAN_NAMES.get(platform.machine(), platform.machine())
    name = f"rootfs-{_SUITE}-{machine}-{_recipe()}.tar"
    path = cache() / name
    if path.is_file():
        return path
    need_root("making a root file system")
    need_programs("debootstrap")
    with (cache() / "rootfs.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # made once, however many tests wait for it
        if not path.is_file():
            _make(path)
    return path


def _recipe() -> str:
    said = repr((_FORM, _SUITE, _OPTIONS, _EPOCH, _EMPTIED, _DROPPED))
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def _make(path: Path) -> None:
    _log.warning("making %s; this takes about a minute", path.name)
    staged = path.with_name(f".{path.name}")
    with tempfile.TemporaryDirectory(prefix="rootfs-", dir=path.parent) as scratch:
        root = Path(scratch, "root")
        command = ["nice", "debootstrap", *_OPTIONS, _SUITE, str(root), _mirror()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-4000:]}")
        _strip(root)
        _write(root, staged)
    staged.replace(path)


def _mirror() -> str:
    """Where apt gets this suite from on this machine, so that a mirror of the house is used."""
    asked = ["apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)", "Created-By: Packages"]
    told = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False).stdout
    rows = [line.split() for line in told.splitlines()]
    return next((uri for release, component, uri in rows if (release, component) == (_SUITE, "main")), _DEBIAN)


def _strip(root: Path) -> None:
    for folder in _EMPTIED:
        for path in (root / folder).glob("*"):
            _remove(path)
    for pattern in _DROPPED:
        for path in root.glob(pattern):
            _remove(path)
    for path in sorted(root.rglob("__pycache__")):
        _remove(path)
    _compile(root)
    for path in sorted((root / "usr/share/doc").glob("*/*")):
        if path.name != "copyright" and not path.parent.is_symlink():
            _remove(path)
    (root / "etc/apt/sources.list").write_text(f"deb {_DEBIAN} {_SUITE} main\n")
    shadow = root / "etc/shadow"
    lines = (line.split(":") for line in shadow.read_text().splitlines())
    days = str(_EPOCH // 86400)  # the third field is the day of the last change
    shadow.write_text("".join(":".join([*fields[:2], days, *fields[3:]]) + "\n" for fields in lines))


def _compile(root: Path) -> None:
    """Compile Python's own library, once for all processes; by content, so that two runs give the same bytes."""
    command = ["nice", "chroot", str(root), "python3", "-m", "compileall", "-q", "--invalidation-mode=unchecked-hash"]
    done = subprocess.run(
        [*command, "/usr/lib/python3.11"], capture_output=True, text=True, timeout=_TIMEOUT, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the standard library cannot be compiled:\n{(done.stdout + done.stderr)[-4000:]}")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _write(root: Path, path: Path) -> None:
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for file in [root, *sorted(root.rglob("*"))]:
            tar.add(file, arcname=str(file.relative_to(root)), recursive=False, filter=_plain)


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Numbers instead of this machine's names of users, and a time that does not move."""
    entry.uname = entry.gname = ""
    entry.mtime = min(int(entry.mtime), _EPOCH)
    return entry
