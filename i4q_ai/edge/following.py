"""Following one ConfigMap: listed once, then watched; told at once, whatever happens to the connection."""

from __future__ import annotations

import logging
import threading
import time

from i4q_ai import retrying
from i4q_ai.edge.configmaps import ConfigMaps, ExpiredError
from i4q_ai.edge.sources import Sources
from i4q_ai.errors import I4qError

log = logging.getLogger(__name__)

_SOON = 1.0
"""A watch that ends sooner is no watch: the next one is begun with a pause."""


class Follower(threading.Thread):
    """Tells sources what one ConfigMap is and becomes; ends with its process.

    Args:
        configmaps: of the namespace.
        name: of the ConfigMap.
        sources: told of it.
    """

    def __init__(self, configmaps: ConfigMaps, name: str, sources: Sources) -> None:
        super().__init__(name=f"follow {name}", daemon=True)
        self._configmaps, self._name, self._sources = configmaps, name, sources
        self._stopped = threading.Event()
        self._failures = 0

    def stop(self) -> None:
        """Tell nobody any more; a watch that is under way ends with the process."""
        self._stopped.set()

    def run(self) -> None:
        """Follow until told to stop."""
        while not self._stopped.is_set():
            try:
                self._follow()
            except ExpiredError:
                log.info("ConfigMap '%s': too much has happened since, it is listed again", self._name)
                self._pause()
            except I4qError as error:
                self._sources.silent(self._name, error)
                self._pause()

    def _follow(self) -> None:
        seen = self._configmaps.list(self._name)
        self._sources.said(self._name, seen.data)
        while not self._stopped.is_set():
            begun = time.monotonic()
            try:
                for now in self._configmaps.watch(self._name, seen):
                    if now.data != seen.data and not self._stopped.is_set():
                        self._sources.said(self._name, now.data)
                    seen = now
            finally:
                lasted = time.monotonic() - begun >= _SOON
                self._failures = 0 if lasted else self._failures
            if not lasted:
                self._pause()

    def _pause(self) -> None:
        self._failures += 1
        self._stopped.wait(retrying.backoff(self._failures))
