"""Compare-and-set, for every store alike: what is said when a record is at another revision."""

from __future__ import annotations

from i4q_ai.errors import ConflictError


def check(kind: str, namespace: str, name: str, *, present: int, expected: int) -> None:
    """Raise unless a record is at the revision that a writer expects.

    Args:
        kind, namespace, name: of the record.
        present: its revision; 0 if there is none.
        expected: the revision that the change was made from.

    Raises:
        ConflictError: they differ.
    """
    if present != expected:
        raise conflict(kind, namespace, name, present=present, expected=expected)


def conflict(kind: str, namespace: str, name: str, *, present: int, expected: int) -> ConflictError:
    """The error for a record that is not at the expected revision; arguments as for `check`."""
    what = f"{kind} '{namespace}/{name}'"
    if present == 0:
        told = f"{what} does not exist any more, it was to be at revision {expected}"
    elif expected == 0:
        told = f"{what} exists already, at revision {present}"
    else:
        told = f"{what} is at revision {present}, not at {expected} any more"
    return ConflictError(told, hint="somebody else was faster: look again, then decide again")
