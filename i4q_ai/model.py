"""Model: named, versioned files with what there is to know about them; pushed once, then known by digest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import EllipsisType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field

from i4q_ai.errors import InvalidError
from i4q_ai.thing import Document, FrozenDict, Labels, Name, Thing, Version

if TYPE_CHECKING:
    from i4q_ai.oci.signing.verifying import Signature
    from i4q_ai.progress import Progress
    from i4q_ai.trust import Trust

DataType = Literal[
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64", "BYTES"
]
"""The datatypes of the Open Inference Protocol v2."""


def _is_path(value: str) -> str:
    parts = value.split("/")
    if value.startswith("/") or "\\" in value or "\0" in value or any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"{value!r} is no path inside a model: relative, '/' between parts, no '..'")
    if any(len(part.encode()) > 255 for part in parts):
        raise ValueError(f"{value!r} has a part of more than 255 bytes")
    return value


class File(Thing):
    """One file of an artifact.

    Args:
        path: where it lies inside the artifact, with '/'.
        size: in bytes.
        sha256: of its content, 64 hex digits.
    """

    path: Annotated[str, AfterValidator(_is_path)]
    size: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[a-f0-9]{64}$")


class Tensor(Thing):
    """What goes into a model or comes out of it.

    Args:
        name: as the model calls it.
        datatype: of the Open Inference Protocol.
        shape: -1 for a dimension that varies (the first is the batch).
        columns: names of the last dimension's columns, where there are any.
    """

    name: str = Field(min_length=1)
    datatype: DataType
    shape: tuple[int, ...]
    columns: tuple[str, ...] = ()


class FeatureSummary(Thing):
    """One feature of the training data, for noticing later that the world has changed.

    Args:
        count: how many values there were (missing ones left out).
        missing: how many were missing.
        mean, std: of the values; None for a feature that is not numeric.
        quantiles: probability (as "0.25") → value.
    """

    count: int = Field(ge=0)
    missing: int = Field(default=0, ge=0)
    mean: float | None = None
    std: float | None = None
    quantiles: Annotated[dict[str, float], AfterValidator(FrozenDict)] = Field(default_factory=FrozenDict)


class TrainingSummary(Thing):
    """What a model was trained on.

    Args:
        rows: how many rows there were.
        features: name of the feature → its summary.
    """

    rows: int = Field(ge=0)
    features: Annotated[dict[str, FeatureSummary], AfterValidator(FrozenDict)] = Field(default_factory=FrozenDict)


class Model(Document):
    """A named, versioned set of files with what there is to know about them.

    Made by one of the `from_…` functions, pushed once, and known by its digest from then on.

    Args:
        name: a DNS label.
        version: for people, immutable; by the grammar of OCI tags.
        format: "onnx", "safetensors", … or "files" for anything else.
        files: what it consists of, sorted by path.
        inputs, outputs: their schema, where it is known.
        labels: for rules and for people.
        metrics: name → figure, as measured in training.
        training: a summary of the training data.
        description: a sentence for people.
        source: the folder that holds the files, until the model is pushed.
        reference: `repository@sha256:…`, once it is pushed.
    """

    name: Name
    version: Version
    format: str = Field(default="files", pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")
    description: str = ""
    files: tuple[File, ...] = ()
    inputs: tuple[Tensor, ...] = ()
    outputs: tuple[Tensor, ...] = ()
    labels: Labels = Field(default_factory=FrozenDict)
    metrics: Annotated[dict[str, float], AfterValidator(FrozenDict)] = Field(default_factory=FrozenDict)
    training: TrainingSummary | None = None
    source: str | None = None
    reference: str | None = None

    @property
    def digest(self) -> str:
        """The identity: `sha256:…` of the index that `push` wrote.

        Raises:
            InvalidError: the model is not pushed yet.
        """
        if self.reference is None:
            raise InvalidError(
                f"model {self.name} {self.version} has no digest yet", hint="push it first: model.push()"
            )
        return self.reference.rpartition("@")[2]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @classmethod
    def from_dir(cls, folder: str | Path, *, name: str, version: str, format: str | None = None, **about: Any) -> Self:
        """A model from all files of a folder.

        Args:
            folder: hidden files and folders in it are left out.
            name, version: of the model.
            format: guessed from the files' endings if not given; the files must be what it says.
            about: labels, metrics, description, inputs, outputs, training.

        Raises:
            InvalidError: there is no such folder, or no file in it.
            FormatError: a file is not what the format says.
        """
        from i4q_ai import packing

        return packing.from_dir(cls, Path(folder), name=name, version=version, format=format, **about)

    @classmethod
    def from_files(
        cls,
        files: Mapping[str, str | Path] | Sequence[str | Path],
        *,
        name: str,
        version: str,
        format: str | None = None,
        **about: Any,
    ) -> Self:
        """A model from single files.

        Args:
            files: paths (each keeps its name), or path inside the model → path here.
            name, version, format, about: as for `from_dir`.
        """
        from i4q_ai import packing

        return packing.from_files(cls, files, name=name, version=version, format=format, **about)

    @classmethod
    def from_onnx(cls, model: str | Path | bytes | Any, *, name: str, version: str, **about: Any) -> Self:
        """A model from an ONNX file; inputs and outputs are read from it.

        Args:
            model: a path, the bytes of the file, or an `onnx.ModelProto`.
            name, version, about: as for `from_dir`.

        Raises:
            FormatError: it is not ONNX, or the runtime cannot load it.
        """
        from i4q_ai import packing

        return packing.from_onnx(cls, model, name=name, version=version, **about)

    @classmethod
    def from_sklearn(
        cls, estimator: Any, *, name: str, version: str, example: Any, training: Any = None, **about: Any
    ) -> Self:
        """A model from a fitted scikit-learn estimator or pipeline, exported to ONNX.

        Args:
            estimator: fitted.
            name, version, about: as for `from_dir`.
            example: some rows of input (array [n, features] or DataFrame); gives the schema, and the
                export must answer to them as the estimator does.
            training: the rows it was trained on (array or DataFrame), summed up per feature; or a TrainingSummary.

        Raises:
            InvalidError: the example does not fit the estimator.
            FormatError: it cannot be exported, or the export answers differently.
        """
        from i4q_ai import packing

        return packing.from_sklearn(
            cls, estimator, name=name, version=version, example=example, training=training, **about
        )

    @classmethod
    def from_oci(cls, reference: str, *, timeout: float = 60) -> Self:
        """The model that stands behind a reference, as it was pushed.

        Args:
            reference: `host/repository:tag`, `host/repository@sha256:…` or `oci:FOLDER:tag`; a tag is resolved now.
            timeout: in seconds.
        """
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
        """Push the files as one OCI artifact; returns the model with its reference.

        Args:
            to: `host[:port]/repository[:tag]` or `oci:FOLDER[:tag]`; without it, as `I4Q_REGISTRY` says:
                if it says nothing, the folder `registry` of the home. The tag is the version if not given.
            timeout: in seconds.
            progress: told of bytes sent; the default draws a bar on a terminal.
            if_match: the digest that the tag must stand for now, None for no tag; without it the tag must be new.
            rate: bytes a second at most; without it, as `I4Q_RATE` says.

        Raises:
            VersionExistsError, ConflictError: that tag exists with other content.
            RegistryError: the registry refused or lied.
        """
        from i4q_ai import oci

        return oci.push(self, to, timeout=timeout, progress=progress, if_match=if_match, rate=rate)

    def sign(
        self, key: str | Path, *, passphrase: str | None = None, chain: Sequence[str | Path] = (), timeout: float = 60
    ) -> Self:
        """Sign what is pushed; the signature stands beside it, and the digest stays.

        Args:
            key: PEM file of a private key (P-256, P-384 or P-521).
            passphrase: if the key is encrypted.
            chain: PEM files of certificates, the signer's first; a key alone if not given.
            timeout: in seconds.

        Raises:
            InvalidError: it is not pushed yet, or the key cannot be read.
            RegistryError: the registry refused the signature.
        """
        from i4q_ai import oci

        oci.sign(self, key, passphrase=passphrase, chain=chain, timeout=timeout)
        return self

    def verify(self, trust: Trust | str | Path, *, timeout: float = 60) -> Signature | None:
        """Check who signed what is pushed, and its format, against a policy.

        Args:
            trust: the policy, or its file.
            timeout: in seconds.

        Returns:
            The signature that counts; None where the policy needs none.

        Raises:
            UntrustedError: the policy does not let it in; says who signed, who is trusted, and what to do.
            InvalidError: it is not pushed yet.
        """
        from i4q_ai import oci

        return oci.verify(self, trust, timeout=timeout)
