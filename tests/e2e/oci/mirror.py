"""Honest answers from memory, for servers that misbehave in one thing only."""

from __future__ import annotations

import hashlib
from pathlib import Path

from i4q_ai.deadline import Deadline
from i4q_ai.model import Model
from i4q_ai.oci.artifact import Artifact, build
from tests.e2e.oci.liar import Request

Stored = dict[str, tuple[str, bytes]]


def made(folder: Path, sizes: dict[str, int]) -> tuple[Model, Artifact, Stored]:
    """A model of files with bytes that look random, its artifact, and what an honest registry would answer."""
    folder.mkdir()
    for name, size in sizes.items():
        (folder / name).write_bytes(hashlib.shake_128(name.encode()).digest(size))
    model = Model.from_dir(folder, name="tool-wear", version="1")
    artifact = build(model, Deadline.after(60, "building"))
    stored = {blob.digest: ("application/octet-stream", b"".join(blob.chunks())) for blob in artifact.blobs}
    for descriptor, raw in (*artifact.manifests, artifact.index):
        stored[descriptor.digest] = (descriptor.media_type, raw)
    return model, artifact, stored


def digest_of_largest(stored: Stored) -> str:
    """Of the largest blob."""
    return max(stored, key=lambda digest: len(stored[digest][1]))


def serve(request: Request, stored: Stored) -> None:
    """Answer as a registry would."""
    kind, raw = stored.get(request.path.rpartition("/")[2], ("", b""))
    if not kind:
        request.answer(404)
        return
    start = int((request.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
    if start:
        request.answer(206, raw[start:], Content_Type=kind, Content_Range=f"bytes {start}-{len(raw) - 1}/{len(raw)}")
    else:
        request.answer(200, raw, Content_Type=kind)
