"""Training data summed up per feature, so that the edge can tell later how far the world has moved."""

from __future__ import annotations

from typing import Any

from i4q_ai.errors import InvalidError
from i4q_ai.model import FeatureSummary, TrainingSummary
from i4q_ai.packing.tables import Table, table

PROBABILITIES = (0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
_DIGITS = 9
"""As many as are the same on every machine, so that the digest of a model is."""


def summarise(rows: Any, columns: tuple[str, ...] = ()) -> TrainingSummary:
    """Sum up training data.

    Args:
        rows: array [n, features] or DataFrame; NaN is a missing value. Or a TrainingSummary, returned as it is.
        columns: names of an array's columns; a DataFrame that has all of them and more is cut to them.

    Raises:
        InvalidError: no rows, not numbers, infinite values, or names that do not fit.
    """
    if isinstance(rows, TrainingSummary):
        return rows
    data = table(_cut(rows, columns), "training")
    names = data.columns or columns or tuple(f"x{i}" for i in range(data.width))
    if len(names) != data.width:
        raise InvalidError(f"training has {data.width} columns, the example {len(names)}")
    features = {name: _feature(name, data, i) for i, name in enumerate(names)}
    return TrainingSummary(rows=len(data.values), features=features)


def _cut(rows: Any, columns: tuple[str, ...]) -> Any:
    if columns and hasattr(rows, "columns") and set(columns) <= set(rows.columns):
        return rows[list(columns)]
    return rows


def _feature(name: str, data: Table, column: int) -> FeatureSummary:
    import numpy

    values = data.values[:, column]
    known = values[~numpy.isnan(values)]
    if numpy.isinf(known).any():
        raise InvalidError(f"training has infinite values in '{name}'")
    if not len(known):
        return FeatureSummary(count=0, missing=len(values))
    return FeatureSummary(
        count=len(known),
        missing=len(values) - len(known),
        mean=_rounded(known.mean()),
        std=_rounded(known.std()),
        quantiles={
            f"{p:g}": _rounded(q) for p, q in zip(PROBABILITIES, numpy.quantile(known, PROBABILITIES), strict=True)
        },
    )


def _rounded(value: Any) -> float:
    return float(f"{float(value):.{_DIGITS}g}") + 0.0  # -0.0 becomes 0.0
