"""What goes into a model and what comes out, in the form that every request is held against."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from i4q_ai.errors import FormatError
from i4q_ai.serve.datatypes import DATATYPES, Datatype


@dataclass(frozen=True, slots=True)
class Spec:
    """One tensor.

    Args:
        name: as the model calls it.
        datatype: of its elements.
        shape: -1 for a dimension that varies.
    """

    name: str
    datatype: Datatype
    shape: tuple[int, ...]

    def admits(self, shape: Sequence[int]) -> bool:
        """Whether a tensor of this shape fits."""
        if len(shape) != len(self.shape):
            return False
        return all(want in (-1, have) for want, have in zip(self.shape, shape, strict=True))

    def row(self) -> dict[str, Any]:
        """As the protocol's metadata says it."""
        return {"name": self.name, "datatype": self.datatype.name, "shape": list(self.shape)}


@dataclass(frozen=True, slots=True)
class Signature:
    """All inputs and outputs of a model, in its order."""

    inputs: dict[str, Spec]
    outputs: dict[str, Spec]


def spec(name: str, datatype: str, shape: Iterable[int]) -> Spec:
    """One tensor from plain data."""
    return Spec(name, DATATYPES[datatype], tuple(shape))


def signature(inputs: Iterable[Spec], outputs: Iterable[Spec]) -> Signature:
    """The tensors of a model, by name."""
    return Signature({one.name: one for one in inputs}, {one.name: one for one in outputs})


def settle(claimed: Signature | None, found: Signature) -> Signature:
    """The signature to serve: what the model claims, once it agrees with what the runtime found in it.

    Args:
        claimed: from the model's description; None or empty parts take what was found.
        found: from the runtime.

    Raises:
        FormatError: they disagree; says where.
    """
    if claimed is None:
        return found
    return Signature(_settle("input", claimed.inputs, found.inputs), _settle("output", claimed.outputs, found.outputs))


def _settle(kind: str, claimed: dict[str, Spec], found: dict[str, Spec]) -> dict[str, Spec]:
    if not claimed:
        return found
    if claimed.keys() != found.keys():
        raise FormatError(f"the model says its {kind}s are {sorted(claimed)}, but they are {sorted(found)}")
    for name, want in claimed.items():
        have = found[name]
        if want.datatype is not have.datatype:
            raise FormatError(f"the model says {kind} '{name}' is {want.datatype.name}, but it is {have.datatype.name}")
        if not _compatible(want.shape, have.shape):
            raise FormatError(
                f"the model says {kind} '{name}' has shape {list(want.shape)}, but it has {list(have.shape)}"
            )
    return {name: claimed[name] for name in found}


def _compatible(want: tuple[int, ...], have: tuple[int, ...]) -> bool:
    # A runtime knows no shape at all for some outputs; then only the test run can tell.
    if not have:
        return True
    return len(want) == len(have) and all(-1 in (a, b) or a == b for a, b in zip(want, have, strict=True))
