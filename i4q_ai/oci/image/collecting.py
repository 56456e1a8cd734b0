"""The wheels of a lock: from a folder, or fetched by pip into the cache."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from i4q_ai import config
from i4q_ai.deadline import Deadline
from i4q_ai.errors import DeadlineError, FormatError, NotFoundError, UnreachableError, UnsupportedError
from i4q_ai.oci.disk import storage_errors
from i4q_ai.oci.image.locked import Requirement, dump
from i4q_ai.oci.image.platforms import PYTHON, Platform
from i4q_ai.oci.image.wheels import Wheel

_log = logging.getLogger(__name__)


def collect(
    lock: Sequence[Requirement], platform: Platform, deadline: Deadline, *, folder: Path | None = None
) -> list[Wheel]:
    """The wheels of a lock for a platform, each with a digest that the lock names.

    Args:
        lock: what is wanted.
        platform: to run on.
        deadline: for fetching them.
        folder: that holds them; without it they are fetched by pip, and kept in the cache.

    Raises:
        NotFoundError: one is not in the folder.
        UnreachableError: pip could not fetch them.
        UnsupportedError: there is no pip.
    """
    held = folder or config.cache() / "wheels"
    found, missing = _search(lock, platform, held)
    if missing and folder is None:
        _fetch(missing, platform, held, deadline)
        found, missing = _search(lock, platform, held)
    if missing:
        names = ", ".join(f"{each.name} {each.version}" for each in missing)
        hint = f"pip download --no-deps --only-binary :all: --platform {platform.wheel_tags()[0]} … brings them"
        raise NotFoundError(f"{held} holds no wheels for {platform} with the digests of the lock: {names}", hint=hint)
    return found


def _search(lock: Sequence[Requirement], platform: Platform, folder: Path) -> tuple[list[Wheel], list[Requirement]]:
    by_name: dict[str, list[Wheel]] = {}
    for path in sorted(folder.glob("*.whl")):
        wheel = _named(path)
        if wheel and wheel.fits(platform):
            by_name.setdefault(wheel.name, []).append(wheel)
    found, missing = [], []
    for requirement in lock:
        right = [wheel for wheel in by_name.get(requirement.name, ()) if _sha256(wheel.path) in requirement.hashes]
        if right:
            found.append(right[0])
        else:
            missing.append(requirement)
    return found, missing


def _named(path: Path) -> Wheel | None:
    try:
        return Wheel.of(path)
    except FormatError:
        _log.debug("%s is passed over: its name is no wheel's", path)
        return None


def _sha256(path: Path) -> str:
    with storage_errors(str(path)), path.open("rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(missing: Sequence[Requirement], platform: Platform, folder: Path, deadline: Deadline) -> None:
    if importlib.util.find_spec("pip") is None:
        raise UnsupportedError(
            "fetching wheels needs pip", hint="python -m ensurepip; or give a folder that holds the wheels"
        )
    with storage_errors(str(folder)):
        folder.mkdir(parents=True, exist_ok=True)
    with storage_errors(str(folder)), tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder) as fresh:
        lock = Path(fresh, "lock.txt")
        lock.write_text(dump(missing))
        run_pip(["download", "--no-deps", "--require-hashes", "--dest", fresh, "-r", str(lock)], platform, deadline)
        for path in Path(fresh).glob("*.whl"):
            path.replace(folder / path.name)


def run_pip(arguments: Sequence[str], platform: Platform, deadline: Deadline) -> None:
    """Run pip for another platform's wheels; which registry it asks is its own configuration.

    Args:
        arguments: the command and its options.
        platform: to run on.
        deadline: after which it is ended.

    Raises:
        UnreachableError: it failed; says its last words.
    """
    python = ".".join(map(str, PYTHON))
    abis = [f"cp{PYTHON[0]}{PYTHON[1]}", "abi3", "none"]
    command = [
        *(sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet", *arguments),
        *("--only-binary", ":all:", "--implementation", "cp", "--python-version", python),
        *(word for abi in abis for word in ("--abi", abi)),
        *(word for tag in platform.wheel_tags() for word in ("--platform", tag)),
    ]
    deadline.check()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=deadline.left(), check=False)
    except subprocess.TimeoutExpired as error:
        raise DeadlineError(f"fetching wheels for {platform} took longer than it was given") from error
    if done.returncode:
        raise UnreachableError(
            f"pip could not fetch wheels for {platform}: {_last_words(done.stderr)}",
            hint="or give a folder that holds the wheels",
        )


def _last_words(told: str) -> str:
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    crashed = not errors or errors[-1] == "Exception:"
    return (lines[-1] if lines else "it says nothing") if crashed else errors[-1]
