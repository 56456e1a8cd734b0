"""The lock: which packages an image holds, by version and by the digests of their wheels. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from i4q_ai.errors import InvalidError

_LINE = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[A-Za-z0-9][A-Za-z0-9.+!_-]*)(?P<hashes>( .*)?)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Requirement:
    """One package of a lock.

    Args:
        name: normal: lower case, `-` between its parts.
        version: the only one.
        hashes: sha256 of the wheels that may be taken, 64 hex digits each.
    """

    name: str
    version: str
    hashes: frozenset[str]


def normal(name: str) -> str:
    """The one way to write a package's name.

    Example:
        >>> normal("Typing_Extensions")
        'typing-extensions'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def parse(text: str, *, where: str) -> list[Requirement]:
    """Read a lock as `pip install --require-hashes -r` takes it.

    Args:
        text: lines `name==version --hash=sha256:…`; `#` begins a comment, a backslash goes on with the next line.
        where: the file, for errors.

    Raises:
        InvalidError: a line is something else, has no digest, or names a package again.
    """
    found: dict[str, Requirement] = {}
    for line in _lines(text):
        match = _LINE.fullmatch(line)
        words = match["hashes"].split() if match else []
        hashes = [digest[1] for word in words if (digest := _HASH.fullmatch(word))]
        if not match or not hashes or len(hashes) != len(words):
            raise InvalidError(f"{where}: {line!r} is not locked", hint="name==version --hash=sha256:…")
        name = normal(match["name"])
        if name in found:
            raise InvalidError(f"{where} names {name} twice")
        found[name] = Requirement(name, match["version"], frozenset(hashes))
    return list(found.values())


def dump(requirements: Iterable[Requirement]) -> str:
    """The text that `parse` reads."""
    blocks = []
    for requirement in sorted(requirements, key=lambda requirement: requirement.name):
        hashes = (f"    --hash=sha256:{digest}" for digest in sorted(requirement.hashes))
        blocks.append(" \\\n".join((f"{requirement.name}=={requirement.version}", *hashes)))
    return "\n".join(blocks) + "\n"


def _lines(text: str) -> list[str]:
    joined = text.replace("\\\n", " ")
    lines = (" ".join(re.sub(r"(^|\s)#.*", "", line).split()) for line in joined.splitlines())
    return [line for line in lines if line]
