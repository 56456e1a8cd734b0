"""Which cluster, as whom: one context out of kubeconfig files, read once however many contexts are taken from them."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from i4q_ai import yamls
from i4q_ai.errors import InvalidError, NotFoundError, nearest

_log = logging.getLogger(__name__)

_PATHS = {"cluster": ("certificate-authority",), "user": ("client-certificate", "client-key", "tokenFile")}
_SECTIONS = ("clusters", "users", "contexts")


@dataclass(frozen=True)
class Context:
    """One context with all that belongs to it; paths in it are absolute.

    Args:
        name: of the context.
        namespace: that it is about.
        document: a kubeconfig with this context alone; it holds secrets.
        writer: the file to which renewed credentials belong, for users of an auth-provider; else None.
    """

    name: str
    namespace: str
    document: dict[str, Any] = field(repr=False)
    writer: Path | None = None

    @property
    def plugin(self) -> str:
        """The command that brings the credentials; empty if there is none."""
        command = (self.document["users"][0]["user"].get("exec") or {}) if self.document["users"] else {}
        return str(command.get("command", ""))


@dataclass(frozen=True)
class _File:
    path: Path
    stamp: tuple[int, int, int]
    sections: dict[str, dict[str, dict[str, Any]]] = field(repr=False)
    current: str = ""


_lock = threading.Lock()
_files: dict[Path, _File] = {}


def find(kubeconfig: Path | None = None, context: str | None = None) -> Context:
    """One context.

    Args:
        kubeconfig: a file; None: those that $KUBECONFIG names, or ~/.kube/config. The first that has a name counts.
        context: its name; None: the current one.

    Raises:
        NotFoundError: no such file, context, cluster or user.
        InvalidError: a file that is broken.
    """
    files = [_read(path) for path in _paths(kubeconfig)]
    where = " and ".join(str(file.path) for file in files)
    name = context or next((file.current for file in files if file.current), "")
    if not name:
        hint = nearest("", _names(files, "contexts"))
        raise InvalidError(f"{where}: no context is given, and none is the current one", hint=hint)
    about = _named(files, "contexts", name, where)
    cluster = _named(files, "clusters", str(about.get("cluster", "")), where)
    if not cluster.get("server"):
        raise InvalidError(f"{where}: cluster {about.get('cluster')!r} has no server")
    users = []
    if about.get("user"):
        users = [{"name": "user", "user": _named(files, "users", str(about["user"]), where)}]
    document = {
        "current-context": name,
        "contexts": [{"name": name, "context": {**about, "cluster": "cluster", "user": "user"}}],
        "clusters": [{"name": "cluster", "cluster": cluster}],
        "users": users,
    }
    renewing = bool(users and "auth-provider" in users[0]["user"])
    writer = files[0].path if renewing and len(files) == 1 else None
    return Context(name, str(about.get("namespace") or "default"), document, writer)


def contexts(kubeconfig: Path | None = None) -> tuple[str, ...]:
    """The names of all contexts, sorted.

    Raises:
        NotFoundError: there is no such file.
        InvalidError: it is broken.
    """
    return tuple(sorted(_names([_read(path) for path in _paths(kubeconfig)], "contexts")))


def _paths(given: Path | None) -> list[Path]:
    if given is not None:
        return [given.expanduser().absolute()]
    named = [part for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    paths = [Path(part).expanduser().absolute() for part in named or ["~/.kube/config"]]
    there = [path for path in paths if path.exists()]
    if not there:
        raise NotFoundError(
            f"there is no kubeconfig: {' and '.join(map(str, paths))}", hint="give one, or set KUBECONFIG"
        )
    return there


def _read(path: Path) -> _File:
    try:
        status = path.stat()
    except OSError as error:
        raise NotFoundError(f"there is no kubeconfig '{path}': {error.strerror}") from error
    stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
    with _lock:  # one of many threads reads it, the others wait for that
        kept = _files.get(path)
        if kept is None or kept.stamp != stamp:
            kept = _files[path] = _parse(path, stamp)
        return kept


def _parse(path: Path, stamp: tuple[int, int, int]) -> _File:
    content = yamls.load(yamls.read(path), where=str(path))
    if not isinstance(content, dict):
        raise InvalidError(f"{path}: is no kubeconfig", hint="it is a mapping with clusters, users and contexts")
    sections = {section: _section(path, section, content.get(section) or []) for section in _SECTIONS}
    return _File(path, stamp, sections, str(content.get("current-context") or ""))


def _section(path: Path, section: str, entries: Any) -> dict[str, dict[str, Any]]:
    key = section.removesuffix("s")
    found: dict[str, dict[str, Any]] = {}
    for entry in entries if isinstance(entries, list) else [None]:
        if not (isinstance(entry, dict) and entry.get("name") and isinstance(entry.get(key) or {}, dict)):
            raise InvalidError(f"{path}: {section} is not a list of entries with name and {key}")
        found.setdefault(str(entry["name"]), _absolute(path.parent, key, entry.get(key) or {}))
    return found


def _absolute(folder: Path, key: str, entry: dict[str, Any]) -> dict[str, Any]:
    """With paths that mean the same wherever they are read from."""
    entry = dict(entry)
    for name in _PATHS.get(key, ()):
        if entry.get(name):
            entry[name] = str(folder / entry[name])
    command = (entry.get("exec") or {}).get("command", "") if key == "user" else ""
    if os.sep in command:
        entry["exec"] = {**entry["exec"], "command": str(folder / command)}
    return entry


def _names(files: Iterable[_File], section: str) -> set[str]:
    return {name for file in files for name in file.sections[section]}


def _named(files: list[_File], section: str, name: str, where: str) -> dict[str, Any]:
    for file in files:
        if name in file.sections[section]:
            return file.sections[section][name]
    raise NotFoundError(
        f"{where}: there is no {section.removesuffix('s')} {name!r}", hint=nearest(name, _names(files, section))
    )
