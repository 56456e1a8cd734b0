"""What the fake registry holds, and how a registry answers that keeps to the distribution specification."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from i4q_ai.testing.fake_registry import Exchange

_PATH = re.compile(
    r"/v2/(?P<name>[a-z0-9._/-]+)/(?P<kind>blobs/uploads|manifests|blobs|tags|referrers)/(?P<rest>[^/]*)"
)
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_INDEX = "application/vnd.oci.image.index.v1+json"


@dataclass
class Repository:
    """One repository.

    Args:
        blobs: digest → bytes.
        manifests: digest → media type, bytes.
        tags: tag → digest.
        uploads: begun uploads by id.
    """

    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    uploads: dict[str, bytearray] = field(default_factory=dict)


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    """`sha256:…` of some bytes."""
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def name_in(route: str) -> str:
    """The repository that a path is about; "" if it is about none."""
    match = _PATH.fullmatch(route)
    return match["name"] if match else ""


class Repositories:
    """All repositories; answers every request of the specification.

    Args:
        referrers: answers the referrers API.
    """

    def __init__(self, *, referrers: bool = False) -> None:
        self._referrers = referrers
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()
        self._named: dict[str, Repository] = {}

    def __getitem__(self, name: str) -> Repository:
        with self._lock:
            return self._named.setdefault(name, Repository())

    def reply(self, exchange: Exchange) -> None:
        """Answer as a registry should."""
        if exchange.route == "/v2/":
            exchange.answer(200, b"{}")
            return
        match = _PATH.fullmatch(exchange.route)
        if not match:
            exchange.answer(404, b"404 page not found\n", {"Content-Type": "text/plain"})
            return
        kind = match["kind"].replace("blobs/uploads", "uploads")
        method = "get" if exchange.command == "HEAD" else exchange.command.lower()
        handler = getattr(self, f"_{method}_{kind}", None)
        if handler is None:
            exchange.refuse(405, "UNSUPPORTED")
            return
        with self._lock:
            handler(exchange, self[match["name"]], match["rest"], match["name"])

    def _get_blobs(self, exchange: Exchange, repository: Repository, digest: str, _: str) -> None:
        raw = repository.blobs.get(digest)
        if raw is None:
            exchange.refuse(404, "BLOB_UNKNOWN")
            return
        told = {"Content-Type": "application/octet-stream", "Docker-Content-Digest": exchange.echo(raw, digest)}
        match = _RANGE.fullmatch(exchange.headers.get("Range", ""))
        if not match:
            exchange.answer(200, raw, told)
            return
        start, stop = int(match[1]), min(int(match[2]) + 1 if match[2] else len(raw), len(raw))
        if start >= len(raw):
            exchange.answer(416, b"", {"Content-Range": f"bytes */{len(raw)}"})
            return
        exchange.answer(206, raw[start:stop], {"Content-Range": f"bytes {start}-{stop - 1}/{len(raw)}", **told})

    def _delete_blobs(self, exchange: Exchange, repository: Repository, digest: str, _: str) -> None:
        exchange.answer(202 if repository.blobs.pop(digest, None) is not None else 404)

    def _get_manifests(self, exchange: Exchange, repository: Repository, name: str, _: str) -> None:
        digest = repository.tags.get(name, name)
        kind, raw = repository.manifests.get(digest, ("", b""))
        if not kind:
            exchange.refuse(404, "MANIFEST_UNKNOWN")
            return
        exchange.answer(200, raw, {"Content-Type": kind, "Docker-Content-Digest": exchange.echo(raw, digest)})

    def _put_manifests(self, exchange: Exchange, repository: Repository, name: str, _: str) -> None:
        raw = exchange.body()
        digest = digest_of(raw, name.partition(":")[0] if ":" in name else "sha256")
        if ":" in name and name != digest:
            exchange.refuse(400, "DIGEST_INVALID")
            return
        repository.manifests[digest] = (exchange.headers.get("Content-Type", ""), raw)
        if ":" not in name:
            repository.tags[name] = digest
        told = {"Location": exchange.path, "Docker-Content-Digest": exchange.echo(raw, digest)}
        if self._referrers and (subject := _subject(raw)):
            told["OCI-Subject"] = subject
        exchange.answer(201, b"", told)

    def _delete_manifests(self, exchange: Exchange, repository: Repository, name: str, _: str) -> None:
        known = repository.tags.pop(name, None) or repository.manifests.pop(name, None)
        exchange.answer(202 if known else 404)

    def _get_tags(self, exchange: Exchange, repository: Repository, _: str, name: str) -> None:
        last = exchange.query.get("last", [""])[0]
        listed = [tag for tag in sorted(repository.tags) if tag > last]
        count = int(exchange.query.get("n", ["1000"])[0])
        told = {"Content-Type": "application/json"}
        if len(listed) > count:
            told["Link"] = f'</v2/{name}/tags/list?n={count}&last={listed[count - 1]}>; rel="next"'
        exchange.answer(200, json.dumps({"name": name, "tags": listed[:count]}).encode(), told)

    def _get_referrers(self, exchange: Exchange, repository: Repository, digest: str, _: str) -> None:
        if not self._referrers:
            exchange.answer(404, b"404 page not found\n", {"Content-Type": "text/plain"})
            return
        found: list[dict[str, Any]] = []
        for own, (kind, raw) in repository.manifests.items():
            if _subject(raw) == digest:
                about = {key: value for key, value in _json(raw).items() if key in ("artifactType", "annotations")}
                found.append({"mediaType": kind, "digest": own, "size": len(raw)} | about)
        index: dict[str, Any] = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": found}
        body = json.dumps(index).encode()
        exchange.answer(200, body, {"Content-Type": _INDEX})

    def _post_uploads(self, exchange: Exchange, repository: Repository, _: str, name: str) -> None:
        exchange.body()
        mount, source = exchange.query.get("mount", [""])[0], exchange.query.get("from", [""])[0]
        if mount and mount in self[source].blobs:
            repository.blobs[mount] = self[source].blobs[mount]
            exchange.answer(201, b"", {"Location": f"/v2/{name}/blobs/{mount}", "Docker-Content-Digest": mount})
            return
        number = f"upload-{next(self._numbers)}"
        repository.uploads[number] = bytearray()
        exchange.answer(
            202, b"", {"Location": exchange.locations(f"/v2/{name}/blobs/uploads/{number}"), "Range": "0-0"}
        )

    def _get_uploads(self, exchange: Exchange, repository: Repository, number: str, name: str) -> None:
        if number not in repository.uploads:
            exchange.refuse(404, "BLOB_UPLOAD_UNKNOWN")
            return
        exchange.answer(204, b"", _state(exchange, repository, number, name))

    def _patch_uploads(self, exchange: Exchange, repository: Repository, number: str, name: str) -> None:
        body = exchange.body()
        upload = repository.uploads.get(number)
        if upload is None:
            exchange.refuse(404, "BLOB_UPLOAD_UNKNOWN")
            return
        stated = exchange.headers.get("Content-Range", f"{len(upload)}-").partition("-")[0]
        if stated != str(len(upload)):
            exchange.answer(416, b"", _state(exchange, repository, number, name))
            return
        upload += body
        exchange.answer(202, b"", _state(exchange, repository, number, name))

    def _put_uploads(self, exchange: Exchange, repository: Repository, number: str, name: str) -> None:
        body = exchange.body()
        upload, digest = repository.uploads.get(number), exchange.query.get("digest", [""])[0]
        if upload is None:
            exchange.refuse(404, "BLOB_UPLOAD_UNKNOWN")
            return
        raw = bytes(upload) + body
        if digest.partition(":")[0] not in ("sha256", "sha512") or digest_of(raw, digest.partition(":")[0]) != digest:
            exchange.refuse(400, "DIGEST_INVALID")
            return
        del repository.uploads[number]
        repository.blobs[digest] = raw
        told = {"Location": f"/v2/{name}/blobs/{digest}", "Docker-Content-Digest": exchange.echo(raw, digest)}
        exchange.answer(201, b"", told)

    def _delete_uploads(self, exchange: Exchange, repository: Repository, number: str, _: str) -> None:
        exchange.answer(204 if repository.uploads.pop(number, None) is not None else 404)


def _state(exchange: Exchange, repository: Repository, number: str, name: str) -> dict[str, str]:
    have = len(repository.uploads[number])
    return {
        "Location": exchange.locations(f"/v2/{name}/blobs/uploads/{number}"),
        "Range": f"0-{max(have - 1, 0)}",
    }


def _subject(raw: bytes) -> str:
    subject = _json(raw).get("subject")
    return str(subject.get("digest", "")) if isinstance(subject, dict) else ""


def _json(raw: bytes) -> dict[str, Any]:
    try:
        data = json.loads(raw)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
