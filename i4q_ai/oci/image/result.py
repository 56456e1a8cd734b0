"""What a build tells: where the image is, and what makes it up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """One package of an image.

    Args:
        name: of the package.
        version: of it.
        size: in bytes, unpacked.
        files: how many.
    """

    name: str
    version: str
    size: int
    files: int


@dataclass(frozen=True)
class PlatformImage:
    """The image for one platform.

    Args:
        platform: for instance `linux/amd64`.
        digest: of its manifest.
        base: bytes of the base's layers, as they are stored.
        stored: bytes of our layers, as they are stored.
        parts: packages beyond the base, the largest first.
    """

    platform: str
    digest: str
    base: int
    stored: int
    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        """Bytes beyond the base, unpacked."""
        return sum(part.size for part in self.parts)


@dataclass(frozen=True)
class BuiltImage:
    """A built image.

    Args:
        reference: `…@sha256:…`; of an archive, under which a cluster that imported it knows it.
        digest: of the index.
        images: one for each platform.
    """

    reference: str
    digest: str
    images: tuple[PlatformImage, ...]
