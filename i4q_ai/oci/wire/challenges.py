"""What a registry wants to see, and for what: the words of `WWW-Authenticate`, and scopes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PART = re.compile(
    rf'[\s,]*(?P<word>{_WORD})(?:\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s,"]*)))?\s*(?P<comma>,?)'
)
_LONGEST = 16 * 1024
_RESOURCE = re.compile(
    r"/v2/(?P<name>[a-z0-9._/-]+)/"
    r"(?:(?P<upload>blobs/uploads)(?:/.*)?|(?:manifests|blobs|referrers)/[^/]+|tags/list)"
)
_READING = ("GET", "HEAD")


@dataclass(frozen=True)
class Challenge:
    """What a registry wants to see.

    Args:
        scheme: lower-case: "bearer", "basic", …
        params: name (lower-case) → value.
    """

    scheme: str
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def scopes(self) -> list[str]:
        """What a token must be good for."""
        return self.params.get("scope", "").split()


def challenges(header: str) -> list[Challenge]:
    """Read a `WWW-Authenticate` header; several schemes, quoted commas and bare words may stand in it.

    Example:
        >>> challenges('Bearer realm="https://a/t",scope="repository:x:pull,push"')[0].scopes
        ['repository:x:pull,push']
    """
    found: list[tuple[str, dict[str, str]]] = []
    header, at = header[:_LONGEST], 0
    while at < len(header) and (match := _PART.match(header, at)):
        at = match.end()
        word, quoted, bare = match["word"].lower(), match["quoted"], match["bare"]
        if quoted is None and bare is None:
            found.append((word, {}))
        elif found:
            found[-1][1][word] = bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
    return [Challenge(scheme, params) for scheme, params in found]


def merged(scopes: Iterable[str]) -> list[str]:
    """One scope per resource, with all actions.

    Example:
        >>> merged(["repository:x:pull", "repository:x:pull,push"])
        ['repository:x:pull,push']
    """
    actions: dict[str, set[str]] = {}
    for scope in scopes:
        resource, _, wanted = scope.rpartition(":")
        actions.setdefault(resource, set()).update(filter(None, wanted.split(",")))
    return [f"{resource}:{','.join(sorted(wanted))}" for resource, wanted in sorted(actions.items())]


def needed(method: str, url: str) -> list[str]:
    """The scopes that a request to a registry will be asked for; none if nobody can tell.

    Args:
        method: of HTTP.
        url: of OCI's distribution protocol.

    Example:
        >>> needed("POST", "https://a.io/v2/x/blobs/uploads/?mount=sha256:1&from=lib/y")
        ['repository:lib/y:pull', 'repository:x:pull,push']
    """
    parts = urlsplit(url)
    match = _RESOURCE.fullmatch(parts.path)
    if not match:
        return []
    if method == "DELETE" and not match["upload"]:
        actions = "delete,pull"
    else:
        actions = "pull" if method in _READING and not match["upload"] else "pull,push"
    scopes = [f"repository:{match['name']}:{actions}"]
    if method == "POST" and match["upload"]:
        scopes += [f"repository:{source}:pull" for source in parse_qs(parts.query).get("from", [])]
    return merged(scopes)
