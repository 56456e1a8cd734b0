"""What people hand over as rows: arrays, lists, DataFrames; to one float64 matrix with the names of its columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from i4q_ai.errors import InvalidError, MissingDependencyError


@dataclass(frozen=True)
class Table:
    """Rows of numbers.

    Args:
        values: float64, [rows, columns].
        columns: their names; empty where there are none.
    """

    values: Any
    columns: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """How many columns there are."""
        return int(self.values.shape[1])


def table(rows: Any, what: str) -> Table:
    """Read rows of numbers.

    Args:
        rows: an array [n, features], a list of lists, or a DataFrame.
        what: what they are, for errors; for instance "example".

    Raises:
        InvalidError: no rows, not two dimensions, or not numbers.
    """
    numpy = _numpy()
    columns: tuple[str, ...] = ()
    if hasattr(rows, "columns") and hasattr(rows, "dtypes"):
        columns = tuple(str(column) for column in rows.columns)
        if len(set(columns)) < len(columns):
            raise InvalidError(f"{what} has two columns of one name")
        texts = [str(name) for name, kind in zip(rows.columns, rows.dtypes, strict=True) if not _is_number(kind)]
        if texts:
            raise InvalidError(
                f"{what} has columns that are not numeric: {', '.join(texts)}", hint="encode them as numbers first"
            )
        rows = rows.to_numpy(dtype="float64", na_value=numpy.nan)
    try:
        array = numpy.asarray(rows)
    except ValueError as error:
        raise InvalidError(f"{what} is no table: {error}") from error
    if array.dtype.kind not in "buif":
        raise InvalidError(f"{what} is not numeric ({array.dtype})", hint="encode it as numbers first")
    if array.ndim != 2:
        raise InvalidError(f"{what} has {array.ndim} dimensions, not 2", hint="one row is X[:1], not X[0]")
    if 0 in array.shape:
        raise InvalidError(f"{what} is empty: {array.shape[0]} rows, {array.shape[1]} columns")
    return Table(array.astype("float64"), columns)


def _is_number(kind: Any) -> bool:
    return getattr(kind, "kind", "O") in "buif"


def _numpy() -> Any:
    try:
        import numpy
    except ImportError as error:
        raise MissingDependencyError("packing from rows", extra="sklearn") from error
    return numpy
