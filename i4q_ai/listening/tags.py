"""Which tag of a repository is the highest."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

_PARTS = re.compile(r"(\d+)")
_PRE_RELEASE = re.compile(r"(?<=\d)-(?=[A-Za-z])")

Order = tuple[tuple[int, int, str], ...]


def order(tag: str) -> Order:
    """By which tags compare: their numbers as numbers; `1.2-rc1` comes before `1.2`, that before `1.2.1`.

    Example:
        >>> sorted(["1.10", "1.9", "v2", "1.10-rc1", "1.10.1"], key=order)
        ['1.9', '1.10-rc1', '1.10', '1.10.1', 'v2']
    """
    text = tag[1:] if tag[:1] in "vV" and tag[1:2].isdigit() else tag
    release, cut, rest = _split(text)
    # Where all before is the same, a pre-release (0) comes before the end (1), and that before more (2, 3).
    found = [*_parts(release), (0, 0, ""), *_parts(rest)] if cut else [*_parts(release), (1, 0, "")]
    return tuple(found)


def highest(tags: Iterable[str], pattern: str) -> str | None:
    """The highest tag that fits a glob; None if none does."""
    return max((tag for tag in tags if fnmatchcase(tag, pattern)), key=lambda tag: (order(tag), tag), default=None)


def _split(text: str) -> tuple[str, bool, str]:
    found = _PRE_RELEASE.search(text)
    return (text[: found.start()], True, text[found.end() :]) if found else (text, False, "")


def _parts(text: str) -> Iterable[tuple[int, int, str]]:
    for part in _PARTS.split(text):
        if part.isdigit() and part.isascii():
            yield 3, int(part), ""
        elif part:
            yield 2, 0, part
