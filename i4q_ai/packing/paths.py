"""Paths that may stand together in one artifact. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

RESERVED = "i4q.json"
"""Where an artifact describes itself."""


def clashes(paths: Sequence[str], *, reserved: str = RESERVED) -> list[str]:
    """Why these paths cannot lie in one folder, on every file system; empty if they can.

    Args:
        paths: of files.
        reserved: a name at the top that none may have.

    Example:
        >>> clashes(["a/b", "a/B", "c"])
        ["'a/b' and 'a/B' differ only in case"]
    """
    problems = []
    files: dict[str, str] = {}
    for path in paths:
        folded = path.casefold()
        if folded == reserved:
            problems.append(f"a file at the top may not be called '{path}': that is where the package describes itself")
        if folded in files:
            same = files[folded] == path
            problems.append(f"'{path}' stands twice" if same else f"'{files[folded]}' and '{path}' differ only in case")
        files.setdefault(folded, path)
    folders: dict[str, str] = {}
    for folder in dict.fromkeys(folder for path in paths for folder in _folders(path)):
        other = folders.setdefault(folder.casefold(), folder)
        if other != folder:
            problems.append(f"folders '{other}' and '{folder}' differ only in case")
        if folder.casefold() in files:
            problems.append(f"'{folder}' is a file and a folder")
    return problems


def _folders(path: str) -> Iterator[str]:
    return itertools.accumulate(path.split("/")[:-1], lambda parent, part: f"{parent}/{part}")
