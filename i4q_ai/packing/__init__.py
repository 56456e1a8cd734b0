"""Makes Models and Workloads out of files, ONNX and scikit-learn estimators; talks to no registry.

Cheap to import: what a call needs is imported by the call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from i4q_ai.model import Model
    from i4q_ai.workload import Workload

    M = TypeVar("M", bound=Model)
    W = TypeVar("W", bound=Workload)

__all__ = ["from_dir", "from_files", "from_onnx", "from_sklearn", "workload_from_dir"]


def from_dir(cls: type[M], folder: Path, *, name: str, version: str, format: str | None = None, **about: Any) -> M:
    """A model from all files of a folder; see `Model.from_dir`."""
    from i4q_ai.packing import folders

    return folders.from_dir(cls, folder, name=name, version=version, format=format, **about)


def from_files(
    cls: type[M],
    files: Mapping[str, str | Path] | Sequence[str | Path],
    *,
    name: str,
    version: str,
    format: str | None = None,
    **about: Any,
) -> M:
    """A model from single files; see `Model.from_files`."""
    from i4q_ai.packing import folders

    return folders.from_files(cls, files, name=name, version=version, format=format, **about)


def from_onnx(cls: type[M], model: Any, *, name: str, version: str, **about: Any) -> M:
    """A model from an ONNX file, bytes or ModelProto; see `Model.from_onnx`."""
    from i4q_ai.packing import onnx_models

    return onnx_models.from_onnx(cls, model, name=name, version=version, **about)


def from_sklearn(
    cls: type[M], estimator: Any, *, name: str, version: str, example: Any, training: Any = None, **about: Any
) -> M:
    """A model from a fitted scikit-learn estimator; see `Model.from_sklearn`."""
    from i4q_ai.packing import sklearn_models

    return sklearn_models.from_sklearn(
        cls, estimator, name=name, version=version, example=example, training=training, **about
    )


def workload_from_dir(
    cls: type[W], folder: Path, *, name: str, version: str, command: Sequence[str], **about: Any
) -> W:
    """A workload from all files of a folder; see `Workload.from_dir`."""
    from i4q_ai.packing import folders

    return folders.workload_from_dir(cls, folder, name=name, version=version, command=command, **about)
