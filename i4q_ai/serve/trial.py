"""Trying a model out: one inference on made-up input, its answer held against what the model claims."""

from __future__ import annotations

from time import thread_time

import numpy as np

from i4q_ai.errors import FormatError
from i4q_ai.serve.datatypes import Array, of_array
from i4q_ai.serve.loaders import Runner
from i4q_ai.serve.signature import Signature, Spec


def try_out(runner: Runner, signature: Signature, *, rounds: int = 1) -> float:
    """Run a model on input that fits its signature.

    Args:
        runner: the model in memory.
        signature: that it is to be served with.
        rounds: how often to run.

    Returns:
        Seconds of this thread's work in the fastest run.

    Raises:
        FormatError: it cannot take the input, or answers something else than it claims.
    """
    inputs = {name: _sample(spec) for name, spec in signature.inputs.items()}
    fastest = float("inf")
    for _ in range(rounds):
        started = thread_time()
        try:
            outputs = runner.run(inputs, list(signature.outputs))
        except FormatError:
            if _is_open(signature):
                return 0.0
            raise
        fastest = min(fastest, thread_time() - started)
    for name, spec in signature.outputs.items():
        _check(spec, outputs[name])
    return fastest


def _sample(spec: Spec) -> Array:
    shape = tuple(1 if size == -1 else size for size in spec.shape)
    if spec.datatype.name == "BYTES":
        return np.full(shape, "", dtype=object)
    # Whole numbers are often indices, where 0 is always one; others are often divided by.
    fill = 1 if spec.datatype.dtype.kind == "f" else 0
    return np.full(shape, fill, dtype=spec.datatype.dtype)


def _is_open(signature: Signature) -> bool:
    """Whether the signature leaves more than the batch open, so that made-up input need not fit."""
    return any(-1 in spec.shape[1:] for spec in signature.inputs.values())


def _check(spec: Spec, answer: object) -> None:
    if not isinstance(answer, np.ndarray):
        raise FormatError(f"output '{spec.name}' is a {type(answer).__name__}, no tensor")
    datatype = of_array(answer)
    if datatype != spec.datatype.name:
        raise FormatError(f"the model says output '{spec.name}' is {spec.datatype.name}, but it answers {datatype}")
    if spec.shape and not spec.admits(answer.shape):
        raise FormatError(
            f"the model says output '{spec.name}' has shape {list(spec.shape)}, but it answers {list(answer.shape)}"
        )
