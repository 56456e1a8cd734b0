"""Kinds that are not in our table, asked of the server that has them; its answers are kept in a file."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from i4q_ai import config
from i4q_ai.deadline import Deadline
from i4q_ai.errors import InvalidError, NotFoundError, nearest
from i4q_ai.kube.errors import Refused
from i4q_ai.kube.kinds import KINDS, Kind
from i4q_ai.kube.link import Link


def discover(kind: str, link: Link, *, folder: Path | None, timeout: float, deadline: Deadline) -> Kind:
    """A kind, as the server tells of it.

    Args:
        kind: a key ("example.com/v1/Thing"), or a short name if only one group has it.
        link: to the server.
        folder: for the file of answers; None: in the user's cache folder.
        timeout: in seconds, of each request.
        deadline: of the call.

    Raises:
        NotFoundError: the server does not have it.
        InvalidError: several groups have it.
        Refused: an answer is no success.
    """
    with _cache_file(folder or config.cache() / "kinds", link) as file, _refusals():
        resources = _client(link, file, timeout, deadline).resources
        found = _search(resources, kind)
        names = set() if found else {name for by_name in resources for name in _names(by_name)}
    if not found:
        hint = nearest(kind.rpartition("/")[2], names | {*KINDS})
        raise NotFoundError(f"{link.server} has no kind {kind!r}", hint=hint)
    if len(found) > 1:
        keys = ", ".join(sorted(each.key for each in found))
        raise InvalidError(f"{link.server} has several kinds {kind!r}", hint=f"give one of {keys}")
    return found[0]


def _search(resources: Any, kind: str) -> list[Kind]:
    from kubernetes.dynamic.exceptions import ResourceNotFoundError
    from kubernetes.dynamic.resource import ResourceList

    version, _, name = kind.rpartition("/")
    try:
        found = resources.search(kind=name, **({"api_version": version} if version else {}))
    except ResourceNotFoundError:
        return []
    kinds = {_kind(each): bool(each.preferred) for each in found if not isinstance(each, ResourceList)}
    if version:
        return [each for each in kinds if each.api_version == version]
    return [each for each, preferred in kinds.items() if preferred] or list(kinds)


def _kind(resource: Any) -> Kind:
    return Kind(resource.kind, resource.group or "", resource.api_version, resource.name, resource.namespaced)


def _names(resources: Any) -> set[str]:
    return {each.kind for each in resources if not each.kind.endswith("List")}


def _client(link: Link, file: Path, timeout: float, deadline: Deadline) -> Any:
    from kubernetes import dynamic as untyped

    dynamic: Any = untyped

    class _Bounded(dynamic.DynamicClient):  # type: ignore[misc]  # its methods are not typed
        def request(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
            deadline.check()
            params.setdefault("_request_timeout", max(deadline.left(timeout), 0.001))
            return super().request(method, path, body, **params)

    return _Bounded(link.client, cache_file=str(file))


@contextlib.contextmanager
def _cache_file(folder: Path, link: Link) -> Iterator[Path]:
    """A copy of the file of answers for one use; it takes the file's place in one step, for this user's eyes only."""
    kept = folder / f"{_identity(link)}.json"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".kinds-", dir=folder) as own:
        copy = Path(own) / kept.name
        if kept.is_file():
            shutil.copyfile(kept, copy)
        yield copy
        if copy.is_file():
            copy.chmod(0o600)
            copy.replace(kept)


def _identity(link: Link) -> str:
    authority = link.client.configuration.ssl_ca_cert
    trusted = Path(authority).read_bytes() if authority else b""
    return hashlib.sha256(link.server.encode() + b"\0" + trusted).hexdigest()[:32]


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """Errors of the kubernetes package as refusals, which the transport knows how to tell."""
    from kubernetes.client.exceptions import ApiException

    try:
        yield
    except ApiException as error:
        body = error.body if isinstance(error.body, bytes) else str(error.body or "").encode()
        raise Refused(int(error.status or 0), body) from None
