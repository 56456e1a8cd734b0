"""Where artifacts are read from: a registry and a layout folder look the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from i4q_ai.deadline import Deadline
from i4q_ai.oci.artifact import Artifact, Blob
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.rates import Rate
from i4q_ai.oci.tagging import IfMatch
from i4q_ai.progress import Progress


class Source(Protocol):
    """One repository.

    `name` is told to people; it holds no secret.
    """

    name: str

    def resolve(self, tag: str, deadline: Deadline) -> str | None:
        """The digest behind a tag; None if there is no such tag."""

    def manifest(self, digest: str, deadline: Deadline) -> bytes:
        """The bytes of a manifest or index, which hash to the digest."""

    def local(self, blob: Descriptor) -> Path | None:
        """The file, if the blob lies on this machine; not verified."""

    def read(
        self, blob: Descriptor, offset: int, deadline: Deadline
    ) -> AbstractContextManager[tuple[int, Iterator[bytes]]]:
        """The bytes of a blob, not verified.

        Args:
            blob: which.
            offset: where to begin, if the source can.
            deadline: of the whole job.

        Yields:
            Where the bytes begin (the offset, or 0), and the bytes.

        Raises:
            TransientError: also while the bytes are read; another try may help.
        """

    def range(
        self, blob: Descriptor, begin: int, end: int, deadline: Deadline
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Some bytes of a blob, not verified.

        Args:
            blob: which.
            begin, end: from where, and up to where.
            deadline: of the whole job.

        Raises:
            RegistryError: the source gives a blob only as a whole.
            TransientError: also while the bytes are read; another try may help.
        """


class Sink(Source, Protocol):
    """A repository that takes artifacts, too."""

    def push(
        self,
        artifact: Artifact,
        tag: str,
        deadline: Deadline,
        progress: Progress,
        *,
        if_match: IfMatch = ...,
        rate: Rate | None = None,
        mounts: Sequence[str] = (),
    ) -> None:
        """Write all of it, the tag last.

        Args:
            artifact: with its files here.
            tag: to be set.
            deadline: of the whole job.
            progress: told of bytes written.
            if_match: what the tag must stand for now.
            rate: how fast at most, over a network.
            mounts: repositories of the same registry that may hold its blobs.

        Raises:
            VersionExistsError, ConflictError: the tag stands for something else.
        """


class Listed(Source, Protocol):
    """A source that may know what refers to what."""

    def referrers(self, digest: str, artifact_type: str | None, deadline: Deadline) -> list[Descriptor] | None:
        """What refers to a digest, maybe of other types too; None if this repository keeps no such list."""


class Repository(Sink, Listed, Protocol):
    """A sink that also takes parts: what moves and attaches artifacts works on this."""

    def writing(self, deadline: Deadline) -> AbstractContextManager[None]:
        """Around many writes, so that what each needs is got only once; each does without, too."""

    def has(self, digest: str, deadline: Deadline) -> bool:
        """Whether a blob is there."""

    def upload(self, blob: Blob, deadline: Deadline, progress: Progress) -> bool:
        """Write a blob, if it is not there yet; returns whether it was written."""

    def put_manifest(
        self, name: str, descriptor: Descriptor, raw: bytes, deadline: Deadline, *, root: bool = False
    ) -> str | None:
        """Write the bytes of a manifest or index.

        Args:
            name: its digest, or a tag, which from then on stands for it.
            descriptor: of the bytes.
            raw: are kept as they are.
            deadline: of the whole job.
            root: no index that is written later lists it.

        Returns:
            The digest of its subject, if the repository now lists it among that one's referrers by itself.
        """
