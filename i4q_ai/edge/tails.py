"""Log files that children write to: bounded, and read from the end."""

from __future__ import annotations

import logging
from pathlib import Path

log = logging.getLogger(__name__)

LARGEST = 2_000_000
"""Bytes a log may have; the same again is kept of what came before."""
_END = 4096


def last_line(path: Path) -> str:
    """The last line that is not empty, cut to a readable length; empty when there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _END))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "")


def bound(path: Path) -> None:
    """Set what is in a log aside once it is large, and go on with an empty file.

    A child keeps its file open for appending and nobody can make it open another one, so the content is moved, not
    the file; lines written while it is copied are lost.
    """
    try:
        if path.stat().st_size <= LARGEST:
            return
        staged = _older(path).with_suffix(".part")
        with path.open("r+b") as file, staged.open("wb") as older:
            file.seek(-LARGEST, 2)
            older.write(file.read())
            file.truncate(0)
        staged.replace(_older(path))
    except FileNotFoundError:
        return


def bound_all(folder: Path) -> None:
    """`bound` for every log of a folder."""
    for path in folder.glob("*.log"):
        try:
            bound(path)
        except OSError as error:
            log.warning("%s cannot be shortened: %s", path, error)


def remove(path: Path) -> None:
    """Delete a log and what was set aside of it."""
    path.unlink(missing_ok=True)
    _older(path).unlink(missing_ok=True)


def _older(path: Path) -> Path:
    return path.with_name(f"{path.name}.1")
