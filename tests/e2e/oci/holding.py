"""A model, its artifact, and a fake registry that holds it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from i4q_ai import oci
from i4q_ai.deadline import Deadline
from i4q_ai.model import Model
from i4q_ai.oci.artifact import Artifact, build
from i4q_ai.testing.fake_registry import FakeRegistry
from i4q_ai.testing.fake_repository import digest_of


def a_model(folder: Path, *, size: int = 2_048_000, version: str = "1") -> Model:
    """A model of one large file."""
    folder.mkdir(parents=True)
    (folder / "weights.dat").write_bytes((bytes(range(256)) * (size // 256 + 1))[:size])
    return Model.from_dir(folder, name="tool-wear", version=version)


def built(model: Model) -> Artifact:
    """Its artifact."""
    return build(model, Deadline.after(60, "building"))


def hold(registry: FakeRegistry, artifact: Artifact, name: str = "x", tag: str = "1") -> FakeRegistry:
    """Put an artifact into a repository of a fake registry."""
    repository = registry.repositories[name]
    for blob in artifact.blobs:
        repository.blobs[blob.digest] = b"".join(blob.chunks())
    for descriptor, raw in (*artifact.manifests, artifact.index):
        repository.manifests[descriptor.digest] = (descriptor.media_type, raw)
    repository.tags[tag] = artifact.digest
    return registry


def fetch(host: str, digest: str, folder: Path, *, timeout: float = 60) -> object:
    """Fetch into `folder`/tree, with blobs beside it."""
    return oci.fetch([f"{host}/x"], digest, folder / "tree", timeout=timeout, blobs=folder / "blobs")


def need_nothing(folder: Path) -> None:
    """Nothing unverified is under a final name, in a folder that `fetch` has written to."""
    assert not (folder / "tree").exists()
    for path in (folder / "blobs" / "sha256").glob("[0-9a-f]*"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name


def log_in(
    monkeypatch: pytest.MonkeyPatch, folder: Path, host: str, user: str = "press", password: str = "oil"
) -> Path:
    """What `docker login` does; returns the file."""
    file = folder / "docker" / "config.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"auths": {host: {"username": user, "password": password}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(file.parent))
    return file


def forge(registry: FakeRegistry, artifact: Artifact, swapped: dict[str, bytes], tag: str = "forged") -> str:
    """Put an artifact of which some blobs are others, all digests being right.

    Args:
        registry: gets it, in repository x.
        artifact: the true one.
        swapped: digest of a blob → what stands in its place.
        tag: to push it under.

    Returns:
        Its digest.
    """
    repository = hold(registry, artifact).repositories["x"]
    places: dict[str, dict[str, object]] = {}
    for old, raw in swapped.items():
        repository.blobs[digest_of(raw)] = raw
        places[old] = {"digest": digest_of(raw), "size": len(raw)}
    digest = ""
    for descriptor, raw in (*artifact.manifests, artifact.index):
        data = json.loads(raw)
        for one in (*data.get("layers", []), *data.get("manifests", []), data.get("config") or {}):
            one.update(places.get(one.get("digest"), {}))
        forged = json.dumps(data).encode()
        digest = digest_of(forged)
        repository.manifests[digest] = (descriptor.media_type, forged)
        places[descriptor.digest] = {"digest": digest, "size": len(forged)}
    repository.tags[tag] = digest
    return digest
