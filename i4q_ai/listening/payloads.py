"""What a webhook is about: repositories, branches, tags. It decides for which sources it rings, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from i4q_ai.listening.rules import ListenedSource
from i4q_ai.listening.senders import Refused

_DEEPEST = 64
_MOST_EVENTS = 1000
_PUSHED = ("PUSH_ARTIFACT", "push")


@dataclass(frozen=True)
class Event:
    """One thing that a webhook tells.

    Args:
        repository: its path on its server, in lower case; empty for "any".
        ref: the branch or tag; empty for "any".
    """

    repository: str = ""
    ref: str = ""

    def is_about(self, source: ListenedSource) -> bool:
        """Whether a source may have changed by it."""
        ours = _path(source.repository)
        if self.repository and ours != self.repository and not ours.endswith(f"/{self.repository}"):
            return False
        return source.git is None or self.ref in ("", f"refs/heads/{source.git.branch}")


def events(body: bytes, *, kind: str = "") -> tuple[Event, ...]:
    """What a body tells.

    Args:
        body: JSON, or nothing.
        kind: of the event as its header says; what is no push tells nothing.

    Raises:
        Refused: it is no JSON object, or nested too deeply.
    """
    if kind and "push" not in kind.lower():
        return ()
    if not body.strip():
        return (Event(),)
    data = _object(body)
    if isinstance(data.get("events"), list):
        return tuple(_of_distribution(data["events"]))
    if isinstance(data.get("event_data"), Mapping):
        return tuple(_of_harbor(data))
    return (_of_git(data),)


def _object(body: bytes) -> dict[str, Any]:
    try:
        if _depth(body) > _DEEPEST:
            raise Refused(400, "nested too deeply")
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(400, "no JSON") from error
    if not isinstance(data, dict):
        raise Refused(400, "no JSON object")
    return data


def _depth(body: bytes) -> int:
    """How deep brackets go, those in texts included: more than there are, never fewer."""
    deepest = depth = 0
    for byte in body:
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth = max(0, depth - 1)
    return deepest


def _of_git(data: Mapping[str, Any]) -> Event:
    """GitHub, Gitea and GitLab alike; `{"repository": "group/name", "ref": …}` is enough."""
    ref = data.get("ref")
    told = data.get("repository") or data.get("project")
    project = data.get("project")
    path: object = told
    if isinstance(project, Mapping) and isinstance(project.get("path_with_namespace"), str):
        path = project["path_with_namespace"]
    elif isinstance(told, Mapping):
        path = told.get("full_name") or told.get("clone_url") or told.get("git_http_url")
    return Event(_path(path) if isinstance(path, str) else "", ref if isinstance(ref, str) else "")


def _of_distribution(listed: list[Any]) -> Iterator[Event]:
    for each in listed[:_MOST_EVENTS]:
        target = each.get("target") if isinstance(each, Mapping) else None
        if isinstance(target, Mapping) and each.get("action") in _PUSHED and isinstance(target.get("repository"), str):
            tag = target.get("tag")
            yield Event(_path(target["repository"]), tag if isinstance(tag, str) else "")


def _of_harbor(data: Mapping[str, Any]) -> Iterator[Event]:
    repository = data["event_data"].get("repository")
    if data.get("type") in _PUSHED and isinstance(repository, Mapping):
        name = repository.get("repo_full_name")
        yield Event(_path(name) if isinstance(name, str) else "")


def _path(text: str) -> str:
    """The path of a repository on its server, however it is written."""
    if "://" in text:
        text = urlsplit(text).path
    elif text.partition(":")[1] and "/" not in text.partition(":")[0] and not text.partition(":")[2][:1].isdigit():
        text = text.partition(":")[2]  # git@host:group/name, oci:/folder
    return unquote(text).strip("/").removesuffix(".git").lower()
