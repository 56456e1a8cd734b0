"""Where artifacts are read from: a registry and a layout folder look the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from i4q_ai.deadline import Deadline
from i4q_ai.oci.artifact import Artifact
from i4q_ai.oci.media import Descriptor
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


class Sink(Source, Protocol):
    """A repository that takes artifacts, too."""

    def push(self, artifact: Artifact, tag: str, deadline: Deadline, progress: Progress) -> None:
        """Write all of it, the tag last.

        Raises:
            VersionExistsError: the tag stands for something else.
        """
