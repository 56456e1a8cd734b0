"""Which format is loaded by what. A loader is imported when its format is first met."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol

from i4q_ai.errors import FormatError, UnsupportedError, nearest
from i4q_ai.serve.datatypes import Array
from i4q_ai.serve.signature import Signature


class Runner(Protocol):
    """A model in memory. `run` may be called by several threads at once."""

    @property
    def platform(self) -> str:
        """As the protocol's metadata says it."""

    @property
    def signature(self) -> Signature:
        """What the runtime found in the model."""

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """Infer.

        Args:
            inputs: name → array; all of them, and they fit.
            outputs: names of those to compute.

        Raises:
            FormatError: the model cannot take these inputs.
        """


Loader = Callable[[Path, int], Runner]
"""(folder of the model's files, threads) → the model in memory; FormatError if it is not what it says."""

_LOADERS = {"onnx": "i4q_ai.serve.onnx_runner:load"}

# They run code while they are read; a digest says nothing about who wrote it.
_REFUSED = frozenset({"pickle", "joblib", "dill", "cloudpickle"})


def register(format: str, target: str) -> None:
    """Make a format known.

    Args:
        format: as a Model says it.
        target: "module:function" of its loader.
    """
    _LOADERS[format] = target


def loader(format: str) -> Loader:
    """The loader of a format.

    Raises:
        UnsupportedError: there is none.

    Example:
        >>> loader("onyx")
        Traceback (most recent call last):
        ...
        i4q_ai.errors.UnsupportedError: no loader for format 'onyx' (hint: did you mean 'onnx'?)
    """
    if format in _REFUSED:
        raise UnsupportedError(
            f"format '{format}' runs code while it is read and is not loaded", hint="export the model to ONNX"
        )
    target = _LOADERS.get(format)
    if target is None:
        raise UnsupportedError(f"no loader for format '{format}'", hint=nearest(format, _LOADERS))
    module, _, function = target.partition(":")
    found: Loader = getattr(import_module(module), function)
    return found


def the_file(folder: Path, ending: str) -> Path:
    """The one file of a model with this ending.

    Raises:
        FormatError: there is none, or there are several.
    """
    files = sorted(path for path in folder.iterdir() if path.suffix == ending and path.is_file())
    preferred = [path for path in files if path.stem == "model"]
    if len(files) > 1 and not preferred:
        raise FormatError(f"{folder.name} has {len(files)} files *{ending}", hint=f"call the one to load model{ending}")
    if not files:
        raise FormatError(f"{folder.name} has no file *{ending}")
    return (preferred or files)[0]
