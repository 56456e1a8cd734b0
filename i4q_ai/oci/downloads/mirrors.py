"""Several repositories that hold the same: each question goes to the next one when the first cannot answer it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self, TypeVar

from i4q_ai.errors import AuthError, I4qError, IntegrityError, NotFoundError, RegistryError, UnreachableError
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.source import Source

_log = logging.getLogger(__name__)

T = TypeVar("T")
_FAILOVER = (RegistryError, UnreachableError, NotFoundError)
_DEFINITE = (IntegrityError, AuthError, NotFoundError)


class Mirrors:
    """Sources in the order in which they are asked; one that failed is asked last from then on. For several threads.

    Each source has its own credentials, and none sees another's.

    Args:
        sources: at least one.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._order = list(sources)
        self._lock = threading.Lock()

    @classmethod
    def of(cls, source: Source | Self) -> Self:
        """One source, or what is several already."""
        return source if isinstance(source, cls) else cls([source])  # type: ignore[list-item]

    @property
    def first(self) -> Source:
        """The one that is asked next."""
        return self._order[0]

    @property
    def sources(self) -> list[Source]:
        """All of them, in the order in which they would be asked now."""
        return list(self._order)

    def local(self, blob: Descriptor) -> Iterator[Path]:
        """The files on this machine that should be a blob; not verified."""
        for source in list(self._order):
            if (path := source.local(blob)) is not None:
                yield path

    def ask(self, question: Callable[[Source, bool], T], what: str) -> T:
        """The first answer; all are asked once before any is asked with patience.

        Args:
            question: asks a source; told whether it should be patient.
            what: is asked for, for the error.

        Raises:
            RegistryError, UnreachableError, NotFoundError: no source could answer.
        """
        failures: dict[int, I4qError] = {}
        order = list(self._order)
        for patient in (False, True) if len(order) > 1 else (True,):
            for number, source in enumerate(order):
                if patient and isinstance(failures.get(number), _DEFINITE):
                    continue
                try:
                    return question(source, patient)
                except _FAILOVER as error:
                    _log.info("%s could not deliver %s: %s", source.name, what, error.what)
                    failures[number] = error
                    self._demote(source)
        raise _all(list(failures.values()), what)

    def _demote(self, source: Source) -> None:
        with self._lock:
            self._order.remove(source)
            self._order.append(source)


def _all(failures: Sequence[I4qError], what: str) -> I4qError:
    if len(failures) == 1:
        return failures[0]
    kinds = {type(error) for error in failures}
    kind = kinds.pop() if len(kinds) == 1 else RegistryError
    told = "; ".join(error.what for error in failures)
    error = kind(f"none of {len(failures)} references could deliver {what}: {told}")
    error.__cause__ = failures[-1]
    return error
