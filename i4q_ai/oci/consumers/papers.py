"""The papers of a model, attached to it where it lies: its bill of materials, and its provenance."""

from __future__ import annotations

from collections.abc import Sequence

from i4q_ai.deadline import Deadline
from i4q_ai.model import Model
from i4q_ai.oci import media, opening, referrers
from i4q_ai.oci.consumers import bom, provenance
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.reference import Reference


def attach_bom(model: Model, *, timeout: float = 60) -> str:
    """Attach the bill of materials of a model (CycloneDX) to its index; doing it twice is as doing it once.

    Args:
        model: pushed.
        timeout: in seconds.

    Returns:
        The reference of what was attached, by digest.

    Raises:
        InvalidError: the model is not pushed yet.
        RegistryError, UnreachableError, StorageError, DeadlineError: it could not be written.
    """
    return _attach(model, bom.TYPE, bom.bom(model), timeout)


def attach_provenance(
    model: Model, *, builder: str | None = None, sources: Sequence[str] = (), timeout: float = 60
) -> str:
    """Attach the provenance of a model (SLSA, as an in-toto statement) to its index.

    Args:
        model: pushed.
        builder, sources: as for `provenance.provenance`.
        timeout: in seconds.

    Returns:
        The reference of what was attached, by digest.

    Raises:
        InvalidError: the model is not pushed yet, or something given cannot be meant so.
        RegistryError, UnreachableError, StorageError, DeadlineError: it could not be written.
    """
    statement = provenance.provenance(model, builder=builder, sources=sources)
    return _attach(model, provenance.TYPE, statement, timeout, {"in-toto.io/predicate-type": provenance.PREDICATE})


def _attach(model: Model, kind: str, data: bytes, timeout: float, annotations: dict[str, str] | None = None) -> str:
    reference = Reference.parse(str(model.reference))
    deadline = Deadline.after(timeout, f"attaching to {reference}")
    repository = opening.source(reference)
    index = Descriptor.of(media.INDEX, repository.manifest(model.digest, deadline))
    attached = referrers.attach(
        repository, index, artifact_type=kind, data=data, deadline=deadline, annotations=annotations
    )
    return str(reference.at(attached.digest))
