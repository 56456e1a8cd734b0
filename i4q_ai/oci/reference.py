"""Reference: where an artifact is, in a registry or in an OCI layout folder; parsed before anything is asked."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from i4q_ai.errors import ReferenceInvalid

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{{1,5}})?")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}")
_LONGEST_NAME = 255

DOCKER_HUB = "docker.io"
_LAYOUT = "oci:"


def is_digest(text: str) -> bool:
    """Whether it is a digest by grammar, and so safe to stand in a path or a URL."""
    return _DIGEST.fullmatch(text) is not None


@dataclass(frozen=True)
class Reference:
    """Where an artifact is.

    Args:
        host: of the registry, with its port; "" for a layout folder.
        repository: name in the registry; or the folder.
        tag: None if not given.
        digest: None if not given.

    Example:
        >>> Reference.parse("alpine").repository
        'library/alpine'
        >>> str(Reference.parse("oci:/srv/models/tool-wear:1"))
        'oci:/srv/models/tool-wear:1'
    """

    host: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `host[:port]/repository[:tag][@digest]`, a short name of Docker Hub, or `oci:FOLDER[:tag][@digest]`.

        Raises:
            ReferenceInvalid: it is none of these.
        """
        if text.startswith(_LAYOUT):
            return cls._parse_layout(text)
        rest, digest = _split_digest(text)
        rest, tag = _split_tag(rest, text)
        host, repository = _split_host(rest)
        if not _HOST.fullmatch(host) or int(host.rpartition("]")[2].partition(":")[2] or 0) > 65535:
            raise ReferenceInvalid(f"{text!r}: {host!r} is no host[:port]")
        if not _REPOSITORY.fullmatch(repository):
            raise ReferenceInvalid(
                f"{text!r}: {repository!r} is no name of a repository",
                hint="lower-case letters and digits, '.', '_', '-' between them, '/' between parts",
            )
        if len(host) + 1 + len(repository) > _LONGEST_NAME:
            raise ReferenceInvalid(f"{text!r}: host and repository are longer than {_LONGEST_NAME} characters")
        return cls(host, repository, tag, digest)

    @classmethod
    def _parse_layout(cls, text: str) -> Self:
        rest, digest = _split_digest(text.removeprefix(_LAYOUT))
        rest, tag = _split_tag(rest, text)
        if not rest or "\0" in rest:
            raise ReferenceInvalid(f"{text!r} names no folder", hint="oci:FOLDER[:tag]")
        return cls("", rest, tag, digest)

    @property
    def is_layout(self) -> bool:
        """Whether it is a folder here, not a registry."""
        return not self.host

    @property
    def folder(self) -> Path:
        """The layout folder, absolute."""
        return Path(self.repository).expanduser().absolute()

    @property
    def name(self) -> str:
        """Where, without tag and digest; a folder is absolute, so that other processes can read it."""
        return f"{_LAYOUT}{self.folder}" if self.is_layout else f"{self.host}/{self.repository}"

    @property
    def api_host(self) -> str:
        """The host that answers for the registry; Docker Hub's is not the one in its names."""
        return "registry-1.docker.io" if self.host == DOCKER_HUB else self.host

    @property
    def is_loopback(self) -> bool:
        """Whether the registry is on this machine, so that plain http leaks nothing."""
        return is_loopback(self.host)

    def at(self, digest: str) -> Self:
        """The same place, by digest and without a tag."""
        if not is_digest(digest):
            raise ReferenceInvalid(f"{digest!r} is no digest", hint="sha256: and 64 of 0-9, a-f")
        return replace(self, tag=None, digest=digest)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.name}{tag}{digest}"


def is_loopback(host: str) -> bool:
    """Whether `host[:port]` is this machine.

    Example:
        >>> is_loopback("localhost:5000"), is_loopback("[::1]:5000"), is_loopback("localhost.example.com")
        (True, True, False)
    """
    bare = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if bare.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


def _split_digest(text: str) -> tuple[str, str | None]:
    rest, at, digest = text.rpartition("@")
    if not at:
        return text, None
    if not is_digest(digest):
        raise ReferenceInvalid(f"{text!r}: {digest!r} is no digest", hint="sha256: and 64 of 0-9, a-f")
    return rest, digest


def _split_tag(rest: str, text: str) -> tuple[str, str | None]:
    head, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        return rest, None
    if not _TAG.fullmatch(tag):
        raise ReferenceInvalid(
            f"{text!r}: {tag!r} is no tag", hint="up to 128 of letters, digits, '.', '_', '-'; no '.' or '-' first"
        )
    return head, tag


def _split_host(rest: str) -> tuple[str, str]:
    first, slash, others = rest.partition("/")
    if slash and ("." in first or ":" in first or first.lower() == "localhost"):
        host, repository = first, others
    else:
        host, repository = DOCKER_HUB, rest
    if host in ("index.docker.io", "registry-1.docker.io"):
        host = DOCKER_HUB
    if host == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    return host, repository
