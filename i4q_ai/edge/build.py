"""Which build of the package an agent is: an agent lives on when the package is upgraded, and is then out of date."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

_EDGE = Path(__file__).parent
_RELEASE = re.compile(r"\d+(\.\d+)*")


@dataclass(frozen=True)
class Build:
    """A build of the agent.

    Args:
        version: of the package.
        stamp: when its newest source was written, in nanoseconds since the epoch; tells builds of one version apart.

    Example:
        >>> Build("0.9.0", 7).older_than(Build("0.10.0", 3))
        True
    """

    version: str = ""
    stamp: int = 0

    @classmethod
    def here(cls) -> Build:
        """The build that an agent started now would be."""
        return cls(
            _version(), max(path.stat().st_mtime_ns for path in (*_EDGE.glob("*.py"), _EDGE.with_name("desired.py")))
        )

    @classmethod
    def of(cls, about: Mapping[str, object]) -> Build:
        """The build that a lock file names; one older than any other when it names none."""
        named, stamp = about.get("version"), about.get("stamp")
        return cls(named if isinstance(named, str) else "", stamp if isinstance(stamp, int) else 0)

    def about(self) -> dict[str, object]:
        """What `of` reads."""
        return {"version": self.version, "stamp": self.stamp}

    def older_than(self, other: Build) -> bool:
        """By the release, then by the stamp.

        An order, and not just a difference: of two installations that use the same folder, one replaces the agent of
        the other once, and they do not go on replacing each other's.
        """
        return (_release(self.version), self.stamp) < (_release(other.version), other.stamp)


@cache
def _version() -> str:
    # Kept from the first call: where the package changes under a running process, the stamp tells.
    return version("i4q-ai")


def _release(text: str) -> tuple[int, ...]:
    found = _RELEASE.match(text)
    return tuple(int(part) for part in found[0].split(".")) if found else ()
