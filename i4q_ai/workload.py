"""Workload: the program that uses models."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from types import EllipsisType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from i4q_ai.errors import InvalidError
from i4q_ai.model import File
from i4q_ai.thing import Document, FrozenDict, Labels, Name, Version

if TYPE_CHECKING:
    from i4q_ai.oci.signing.verifying import Signature
    from i4q_ai.progress import Progress
    from i4q_ai.trust import Trust

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _is_variable(value: str) -> str:
    if not _VARIABLE.fullmatch(value):
        raise ValueError(f"{value!r} is no name of a variable")
    return value


def variable(name: str, want: str) -> str:
    """The variable that tells a workload where its model is.

    Args:
        name: of the model's deployment.
        want: "url" or "path".

    Example:
        >>> variable("tool-wear", "url")
        'MODEL_TOOL_WEAR_URL'
    """
    return f"MODEL_{name.upper().replace('-', '_')}_{want.upper()}"


class Workload(Document):
    """A program that uses models: an image, or a command with pushed code.

    Args:
        name, version: as a model's.
        command: program and arguments; with `image` it replaces the image's.
        image: a container image by digest or tag, instead of pushed code.
        files: the code, sorted by path.
        uses: name of a model's deployment in the same namespace → "url" (asked over HTTP, told in
            `MODEL_<NAME>_URL`) or "path" (read as files, told in `MODEL_<NAME>_PATH`).
        env: more variables.
        port: the port on which it listens, told in `PORT` (the embedded backend tells a free one instead).
        ready: path of an HTTP route that answers 2xx once it works; needs a port.
        labels, description: as a model's.
        source: the folder that holds the code, until it is pushed.
        reference: `repository@sha256:…` of the code, once it is pushed.
    """

    name: Name
    version: Version
    description: str = ""
    command: tuple[str, ...] = ()
    image: str | None = None
    files: tuple[File, ...] = ()
    uses: Annotated[dict[Name, Literal["url", "path"]], AfterValidator(FrozenDict)] = Field(default_factory=FrozenDict)
    env: Annotated[dict[Annotated[str, AfterValidator(_is_variable)], str], AfterValidator(FrozenDict)] = Field(
        default_factory=FrozenDict
    )
    port: int | None = Field(default=None, ge=1, le=65535)
    ready: str | None = Field(default=None, pattern=r"^/")
    labels: Labels = Field(default_factory=FrozenDict)
    source: str | None = None
    reference: str | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.image is None and not self.command:
            raise ValueError("a workload needs a command, or an image")
        if self.image is not None and self.files:
            raise ValueError("a workload is an image or pushed code, not both")
        if self.ready is not None and self.port is None:
            raise ValueError("'ready' needs a 'port' to ask")
        told: dict[str, str] = {}
        for name, want in self.uses.items():
            key = variable(name, want)
            if key in told:
                raise ValueError(f"models '{told[key]}' and '{name}' would both be told in {key}")
            if key in self.env:
                raise ValueError(f"{key} is told by the edge; it cannot stand in 'env'")
            told[key] = name
        return self

    @property
    def digest(self) -> str:
        """The identity: of the pushed code, or of the image.

        Raises:
            InvalidError: it is not pushed yet, or the image has no digest.
        """
        reference = self.reference or self.image or ""
        if "@" not in reference:
            hint = "name it as image@sha256:…" if self.image else "push it first: workload.push()"
            raise InvalidError(f"workload {self.name} {self.version} has no digest yet", hint=hint)
        return reference.rpartition("@")[2]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @classmethod
    def from_dir(
        cls, folder: str | Path, *, name: str, version: str, command: tuple[str, ...] | list[str], **about: Any
    ) -> Self:
        """A workload from all files of a folder; its command is run in that folder.

        Args:
            folder: hidden files and folders in it are left out.
            name, version, command, about: the fields of a Workload. A command that begins with "python" runs with
                the interpreter of the edge.
        """
        from i4q_ai import packing

        return packing.workload_from_dir(cls, Path(folder), name=name, version=version, command=command, **about)

    @classmethod
    def from_oci(cls, reference: str, *, timeout: float = 60) -> Self:
        """The workload that stands behind a reference, as it was pushed."""
        from i4q_ai import oci

        return oci.describe(cls, reference, timeout=timeout)

    def push(
        self,
        to: str | None = None,
        *,
        timeout: float = 3600,
        progress: Progress | None = None,
        if_match: str | EllipsisType | None = ...,
        rate: float | None = None,
    ) -> Self:
        """Push the code as one OCI artifact; as `Model.push`."""
        from i4q_ai import oci

        return oci.push(self, to, timeout=timeout, progress=progress, if_match=if_match, rate=rate)

    def sign(
        self, key: str | Path, *, passphrase: str | None = None, chain: Sequence[str | Path] = (), timeout: float = 60
    ) -> Self:
        """Sign what is pushed; as `Model.sign`."""
        from i4q_ai import oci

        oci.sign(self, key, passphrase=passphrase, chain=chain, timeout=timeout)
        return self

    def verify(self, trust: Trust | str | Path, *, timeout: float = 60) -> Signature | None:
        """Check who signed the code, or the image; as `Model.verify`."""
        from i4q_ai import oci

        return oci.verify(self, trust, timeout=timeout)
