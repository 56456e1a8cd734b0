"""Which deliveries were seen: one that comes again is told so, and rings for nobody."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable

_MOST = 20_000


class Seen:
    """The last deliveries of this process.

    It lives in memory: a delivery that is repeated after a restart, or to another listener, makes that one look at the
    source once more, and finds that its change is done.

    Args:
        most: how many names of deliveries are kept.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._names: OrderedDict[str, None] = OrderedDict()
        self._turn = threading.Lock()

    def take(self, hook: str, names: Iterable[str]) -> bool:
        """Note a delivery; says whether it is new.

        Args:
            hook: through which it came.
            names: by which it is known; it is new if all of them are.
        """
        keys = [f"{hook} {name}" for name in names]
        with self._turn:
            new = not any(key in self._names for key in keys)
            for key in keys:
                self._names[key] = None
                self._names.move_to_end(key)
            while len(self._names) > self._most:
                self._names.popitem(last=False)
        return new
