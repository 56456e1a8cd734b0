"""Artifacts of every shape that the specification allows, written into a layout folder."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from i4q_ai.deadline import Deadline
from i4q_ai.oci import media
from i4q_ai.oci.artifact import Bytes
from i4q_ai.oci.layout import Layout
from i4q_ai.oci.media import Descriptor
from i4q_ai.progress import Silent

ARTIFACT = "application/vnd.test.thing"


class Maker:
    """Writes into one layout folder.

    Args:
        folder: of the layout.
    """

    def __init__(self, folder: Path) -> None:
        self.layout = Layout(folder)
        self.deadline = Deadline.after(120, "a test")

    def blob(
        self, data: bytes, kind: str = media.OCTETS, algorithm: str = "sha256", **annotations: str
    ) -> dict[str, Any]:
        """A blob; returns its descriptor as it stands in a manifest."""
        digest = media.digest_of(data, algorithm)
        if algorithm == "sha256":
            self.layout.upload(Bytes(data), self.deadline, Silent())
        else:
            path = self.layout.folder / "blobs" / algorithm / digest.partition(":")[2]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return Descriptor(kind, digest, len(data), annotations).dump()

    def file(self, title: str, data: bytes, **more: Any) -> dict[str, Any]:
        """A file as oras writes it."""
        return {**self.blob(data), "annotations": {media.TITLE: title, **more}}

    def manifest(self, layers: list[Any], tag: str = "", **more: Any) -> Descriptor:
        """An artifact."""
        config = self.blob(media.EMPTY_BYTES, media.EMPTY)
        listed = {"schemaVersion": 2, "mediaType": media.MANIFEST, "artifactType": ARTIFACT, "config": config}
        return self.put({**listed, "layers": layers, **more}, tag)

    def index(self, manifests: list[Any], tag: str = "", **more: Any) -> Descriptor:
        """An index."""
        return self.put({"schemaVersion": 2, "mediaType": media.INDEX, "manifests": manifests, **more}, tag)

    def put(self, manifest: dict[str, Any], tag: str = "") -> Descriptor:
        """A manifest as it is."""
        raw = media.canonical(manifest)
        descriptor = Descriptor.of(str(manifest.get("mediaType", media.MANIFEST)), raw)
        self.layout.put_manifest(tag or descriptor.digest, descriptor, raw, self.deadline)
        return descriptor

    def shapes(self) -> dict[str, Descriptor]:
        """One of each shape, under a tag of its name."""
        plain = self.manifest([self.file("a.txt", b"a")], "plain")
        inner = self.index([plain.dump()])
        inline = {**self.file("inline", b"inline"), "data": base64.b64encode(b"inline").decode()}
        return {
            "plain": plain,
            "index": self.index([plain.dump(), self.manifest([self.file("b.txt", b"b")]).dump()], "index"),
            "nested": self.index([inner.dump(), plain.dump()], "nested"),
            "no-layers": self.manifest([], "no-layers"),
            "zero-byte": self.manifest([self.file("empty", b"")], "zero-byte"),
            "sha512": self.manifest([self.blob(b"long digest", algorithm="sha512")], "sha512"),
            "data": self.manifest([inline], "data"),
            "custom": self.manifest([self.file("c", b"c", **{"x.y": "z"})], "custom", **{"vnd.more": {"a": [1]}}),
            "subject-missing": self.manifest(
                [self.file("note", b"note")],
                "subject-missing",
                subject=Descriptor(media.MANIFEST, f"sha256:{'7' * 64}", 7).dump(),
            ),
            "empty-index": self.index([], "empty-index"),
        }
