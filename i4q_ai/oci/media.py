"""The words of OCI and ModelPack: media types, annotations, descriptors, canonical JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from i4q_ai.errors import IntegrityError
from i4q_ai.oci.reference import is_digest

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
MANIFESTS = frozenset({MANIFEST, DOCKER_MANIFEST})
INDEXES = frozenset({INDEX, DOCKER_INDEX})
IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json"
IMAGE_CONFIGS = frozenset({IMAGE_CONFIG, "application/vnd.docker.container.image.v1+json"})
IMAGE_LAYER = "application/vnd.oci.image.layer.v1.tar"

EMPTY = "application/vnd.oci.empty.v1+json"
EMPTY_BYTES = b"{}"
"""The config of an artifact that has none."""
OCTETS = "application/octet-stream"

MODELPACK_MANIFEST = "application/vnd.cncf.model.manifest.v1+json"
MODELPACK_CONFIG = "application/vnd.cncf.model.config.v1+json"
MODELPACK_WEIGHT = "application/vnd.cncf.model.weight.v1.tar"
MODELPACK_WEIGHT_CONFIG = "application/vnd.cncf.model.weight.config.v1.tar"
MODELPACK_FILEPATH = "org.cncf.model.filepath"
MODELPACK_FILE_METADATA = "org.cncf.model.file.metadata+json"

TITLE = "org.opencontainers.image.title"
VERSION = "org.opencontainers.image.version"
CONTAINERD_NAME = "io.containerd.image.name"
"""On an entry of index.json: what the image is called where it is imported."""
REF_NAME = "org.opencontainers.image.ref.name"

FILE_PATH = "ai.i4q.file.path"
FILE_SHA256 = "ai.i4q.file.sha256"

LARGEST_MANIFEST = 4 * 1024 * 1024
"""Bytes; registries refuse more, so nobody may make us read more."""


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    """`sha256:…` of some bytes, or `sha512:…`."""
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def hasher(digest: str) -> hashlib._Hash:
    """A new hash of the algorithm of a digest.

    Args:
        digest: by grammar, so that its algorithm is one of ours.
    """
    return hashlib.new(digest.partition(":")[0])


def matches(data: bytes, digest: str) -> bool:
    """Whether bytes are what a digest says, by whichever algorithm it is.

    Example:
        >>> matches(b"{}", digest_of(b"{}", "sha512"))
        True
    """
    return digest_of(data, digest.partition(":")[0]) == digest


def canonical(data: Any) -> bytes:
    """JSON of which there is only one: sorted keys, no blanks, UTF-8.

    Example:
        >>> canonical({"b": 1, "a": None})
        b'{"a":null,"b":1}'
    """
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def texts(data: Any) -> dict[str, str]:
    """What is text in something that should be annotations, as nobody has checked it yet.

    Example:
        >>> texts({"a": "b", "c": ["d"]}), texts("e")
        ({'a': 'b'}, {})
    """
    return {key: value for key, value in data.items() if isinstance(value, str)} if isinstance(data, dict) else {}


@dataclass(frozen=True)
class Descriptor:
    """What OCI says of a blob before it is fetched.

    Args:
        media_type: of its bytes.
        digest: by grammar, so that it may stand in a path.
        size: in bytes.
        annotations: about it.
        platform: of an image manifest in an index.
        artifact_type: of an artifact manifest in an index.
    """

    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict)
    platform: Mapping[str, str] | None = None
    artifact_type: str | None = None

    @classmethod
    def of(cls, media_type: str, data: bytes, **about: Any) -> Self:
        """The descriptor of some bytes."""
        return cls(media_type, digest_of(data), len(data), **about)

    @classmethod
    def parse(cls, data: Any, *, where: str) -> Self:
        """Read one out of a manifest.

        Raises:
            IntegrityError: it is none.
        """
        if not isinstance(data, dict):
            raise IntegrityError(f"{where}: a descriptor is an object, this is a {type(data).__name__}")
        digest, size, kind = data.get("digest"), data.get("size"), data.get("mediaType")
        if not isinstance(digest, str) or not is_digest(digest):
            raise IntegrityError(f"{where}: a descriptor has no sha256 or sha512 digest")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise IntegrityError(f"{where}: the descriptor of {digest} has no size")
        kinds, platform = data.get("artifactType"), data.get("platform")
        return cls(
            kind if isinstance(kind, str) else "",
            digest,
            size,
            texts(data.get("annotations")),
            texts(platform) if isinstance(platform, dict) else None,
            kinds if isinstance(kinds, str) else None,
        )

    def dump(self) -> dict[str, Any]:
        """As it stands in a manifest."""
        data: dict[str, Any] = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        if self.annotations:
            data["annotations"] = dict(self.annotations)
        if self.platform:
            data["platform"] = dict(self.platform)
        if self.artifact_type:
            data["artifactType"] = self.artifact_type
        return data
