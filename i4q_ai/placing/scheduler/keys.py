"""Who has which label, or claim: from (key, value) to a set of positions."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from functools import lru_cache

from i4q_ai.placing.scheduler import bitsets


class Keys:
    """Inverted index over one dictionary a cluster.

    Positions are kept as short arrays, and become sets when first asked for: with many thousand clusters most values
    (a name, an id) belong to one of them, and a whole set each would be too much.

    Args:
        dictionaries: labels, or claims, by position.
        size: how many clusters there are.
    """

    def __init__(self, dictionaries: Iterable[Mapping[str, str]], size: int) -> None:
        self._positions: dict[str, dict[str, array[int]]] = {}
        self._size = size
        for position, dictionary in enumerate(dictionaries):
            for key, value in dictionary.items():
                self._positions.setdefault(key, {}).setdefault(value, array("I")).append(position)
        self.equal = lru_cache(maxsize=1024)(self._equal)
        self.exists = lru_cache(maxsize=256)(self._exists)

    def _equal(self, key: str, value: str) -> int:
        """Who has this value."""
        return bitsets.of(self._positions.get(key, {}).get(value, ()), self._size)

    def _exists(self, key: str) -> int:
        """Who has this key."""
        values = self._positions.get(key, {})
        return bitsets.of((position for places in values.values() for position in places), self._size)
