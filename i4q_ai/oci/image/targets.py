"""Where an image goes: a registry, a layout folder, or a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from i4q_ai.deadline import Deadline
from i4q_ai.errors import InvalidError, ReferenceInvalid
from i4q_ai.oci import opening
from i4q_ai.oci.artifact import Artifact
from i4q_ai.oci.image import archive
from i4q_ai.oci.image.bases import is_tar
from i4q_ai.oci.reference import Reference
from i4q_ai.progress import Progress

_NAME = "localhost/i4q-ai/edge"
"""Of an image in a file when none is given: a name that no registry answers for."""


@dataclass(frozen=True)
class Target:
    """Where an image goes.

    Args:
        reference: with a tag.
        file: of an archive, in which the reference is the image's name; None for a registry or layout.
    """

    reference: Reference
    file: Path | None = None

    def write(self, artifact: Artifact, deadline: Deadline, progress: Progress) -> str:
        """Write an image; returns its reference by digest.

        Raises:
            VersionExistsError: the tag stands for something else.
            RegistryError, UnreachableError, StorageError, DeadlineError: it could not be written.
        """
        if self.file:
            archive.write(self.file, artifact, self.reference, deadline)
        else:
            opening.source(self.reference).push(artifact, str(self.reference.tag), deadline, progress)
        return str(self.reference.at(artifact.digest))


def parse(to: str, name: str | None, version: str) -> Target:
    """Read a target.

    Args:
        to: `FILE.tar`, `oci:FOLDER[:tag]`, or `host/repository[:tag]`.
        name: of the image in a file.
        version: the tag if none is given.

    Raises:
        InvalidError: it cannot be written there.
    """
    if is_tar(to):
        if not to.endswith(".tar"):
            raise InvalidError(f"{to!r}: an archive is not compressed as a whole", hint="call it FILE.tar")
        return Target(_tagged(name or _NAME, version), Path(to).expanduser().absolute())
    if name is not None:
        raise InvalidError(f"a name is for an image in a file; {to!r} is a name already", hint="leave the name out")
    return Target(_tagged(to, version))


def _tagged(text: str, version: str) -> Reference:
    reference = Reference.parse(text)
    if reference.digest:
        raise ReferenceInvalid(f"{text!r}: an image is built for a tag, not for a digest", hint="leave out '@…'")
    # A version may hold a '+', which no tag may.
    return reference if reference.tag else Reference(reference.host, reference.repository, version.replace("+", "_"))
