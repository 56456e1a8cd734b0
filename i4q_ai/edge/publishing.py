"""The report into a ConfigMap: the newest one, when it changes, for as long as it takes."""

from __future__ import annotations

import logging
import threading

from i4q_ai import retrying
from i4q_ai.edge.configmaps import ConfigMaps
from i4q_ai.errors import I4qError

log = logging.getLogger(__name__)


class Publisher(threading.Thread):
    """Keeps one key of a ConfigMap at what was offered last.

    Args:
        configmaps: of the namespace.
        name: of the ConfigMap; it must be there.
        key: in it; other keys are left alone.
    """

    def __init__(self, configmaps: ConfigMaps, name: str, key: str) -> None:
        super().__init__(name=f"publish {name}", daemon=True)
        self._configmaps, self._name, self._key = configmaps, name, key
        self._changed = threading.Condition()
        self._offered: str | None = None
        self._published: str | None = None
        self._closing = False

    def offer(self, text: str) -> None:
        """Publish this soon, unless something newer comes before; returns at once."""
        with self._changed:
            self._offered = text
            self._changed.notify_all()

    def close(self, *, withdraw: bool, timeout: float) -> None:
        """Publish what is still to be published, if the first try succeeds, and end.

        Args:
            withdraw: take the key away instead.
            timeout: in seconds; what is not done by then is left.
        """
        with self._changed:
            self._offered = None if withdraw else self._offered
            self._closing = True
            self._changed.notify_all()
        self.join(timeout)

    def run(self) -> None:
        """Publish until closed."""
        failures = 0
        while (found := self._next()) is not None:
            try:
                self._configmaps.patch(self._name, {self._key: found[0]})
            except I4qError as error:
                if self._closing:
                    return
                failures += 1
                log.log(logging.WARNING if failures == 1 else logging.DEBUG, "the report stays here: %s", error)
                with self._changed:
                    self._changed.wait_for(lambda: self._closing, retrying.backoff(failures))
                continue
            if failures:
                log.info("the report is published again")
            failures = 0
            with self._changed:
                self._published = found[0]

    def _next(self) -> tuple[str | None] | None:
        """What to publish; None when there is nothing left and nothing will come."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._offered != self._published)
            return None if self._offered == self._published else (self._offered,)
