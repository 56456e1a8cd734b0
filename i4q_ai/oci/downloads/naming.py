"""Names of files that an artifact brings, before any of them becomes a path. Pure; trusts nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence

from i4q_ai.errors import IntegrityError
from i4q_ai.packing.paths import clashes

_LONGEST_PART = 255
_DRIVE = re.compile(r"[A-Za-z]:")


def need_names(names: Sequence[str], *, where: str) -> None:
    """Make sure that files can have these names in one folder, and cannot leave it.

    Args:
        names: relative, with `/`.
        where: the reference, for errors.

    Raises:
        IntegrityError: one leads out of the folder, is none, or two are one on some file system.

    Example:
        >>> need_names(["a/../../b"], where="r/x:1")
        Traceback (most recent call last):
        i4q_ai.errors.IntegrityError: r/x:1: 'a/../../b' is no name for a file
    """
    for name in names:
        if not is_name(name):
            raise IntegrityError(f"{where}: {name[:300]!r} is no name for a file")
    if problems := clashes(names, reserved=""):
        raise IntegrityError(f"{where}: {problems[0]}")


def is_name(name: str) -> bool:
    """Whether a file can have this name on every system, and stays in its folder."""
    parts = name.split("/")
    if "\\" in name or _DRIVE.match(name) or any(not character.isprintable() for character in name):
        return False
    return all(part not in ("", ".", "..") and len(part.encode()) <= _LONGEST_PART for part in parts)
