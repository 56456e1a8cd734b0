"""What a layout says of itself in index.json, whether it is a folder or a tar."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Any

from i4q_ai.deadline import Deadline
from i4q_ai.errors import IntegrityError, NotFoundError
from i4q_ai.oci import contents, media
from i4q_ai.oci.media import Descriptor

_MANIFESTS = frozenset({*media.MANIFESTS, *media.INDEXES, ""})


class Indexed(ABC):
    """Tags and referrers by index.json."""

    name: str

    @abstractmethod
    def index(self) -> dict[str, Any]:
        """The object in index.json; its `manifests` are a list."""

    @abstractmethod
    def manifest(self, digest: str, deadline: Deadline) -> bytes:
        """The bytes of a manifest or index, which hash to the digest."""

    def roots(self) -> list[Descriptor]:
        """What index.json lists."""
        return [Descriptor.parse(item, where=self.name) for item in self.index()["manifests"]]

    def tags(self) -> dict[str, str]:
        """Tag → digest."""
        return {
            one.annotations[media.REF_NAME]: one.digest for one in self.roots() if media.REF_NAME in one.annotations
        }

    def resolve(self, tag: str, deadline: Deadline) -> str | None:
        """The digest behind a tag; None if there is no such tag."""
        deadline.check()
        return self.tags().get(tag)

    def referrers(self, digest: str, artifact_type: str | None, deadline: Deadline) -> list[Descriptor]:  # noqa: ARG002
        """What refers to a digest, by the subjects of what index.json lists."""
        found: dict[str, Descriptor] = {}
        for root in self.roots():
            if root.media_type not in _MANIFESTS:
                continue
            try:
                raw = self.manifest(root.digest, deadline)
            except NotFoundError:  # somebody has taken it out, and what it says is of no use then
                continue
            manifest = contents.parse(raw, where=f"{self.name}@{root.digest}")
            if contents.subject_of(manifest) == digest:
                found.setdefault(root.digest, contents.referrer(root.digest, len(raw), manifest))
        return list(found.values())


def parse_index(raw: bytes, where: str) -> dict[str, Any]:
    """Read an index.json.

    Raises:
        IntegrityError: it is none.
    """
    try:
        index = json.loads(raw)
        if isinstance(index["manifests"], list):
            return dict(index)
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise IntegrityError(f"{where} is no index of an OCI layout")
