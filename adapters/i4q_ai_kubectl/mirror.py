"""The mirror of a cluster: while somebody watches, its objects are here, and looking at them asks nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from i4q_ai.backends.away import Away
from i4q_ai.errors import ForbiddenError
from i4q_ai.kube import Api
from i4q_ai.manifests import selector
from i4q_ai_kubectl import observing
from i4q_ai_kubectl.observing import Look
from i4q_ai_kubectl.watching import Heartbeat, Stream

KINDS = ("Deployment", "Pod", "ConfigMap")


class Mirror:
    """Follows one cluster until it is closed.

    Args:
        api: of the cluster.
        hub: the id that our objects carry.
        changed: called after each change, from threads of the mirror.
        noted: called when it is found, or found to be away.
    """

    def __init__(
        self, api: Api, hub: str, *, changed: Callable[[], None], noted: Callable[[Away | None], None]
    ) -> None:
        self._api = api
        self._labels = selector(hub=hub)
        self._changed = changed
        self._noted = noted
        self._stop = threading.Event()
        self._streams: dict[tuple[str, str], Stream] = {}
        self._threads: list[threading.Thread] = []
        self.away: Away | None = None
        self._begin(Heartbeat(api, self._found, self._stop).run)

    def follow(self, namespaces: Iterable[str]) -> None:
        """Follow these namespaces too."""
        for namespace in namespaces:
            for kind in KINDS:
                if (kind, namespace) not in self._streams:
                    stream = Stream(self._api, kind, namespace, self._labels, self._changed, self._stop)
                    self._streams[(kind, namespace)] = stream
                    self._begin(stream.run)

    def look(self, namespaces: Iterable[str]) -> Look | None:
        """What is there; None while it is not known yet."""
        if self.away is not None:
            return Look(away=self.away)
        seen = Look()
        for namespace in namespaces:
            streams = [self._streams.get((kind, namespace)) for kind in KINDS]
            if not all(stream is not None and stream.synced.is_set() for stream in streams):
                return None
            one = observing.sort(*([*stream.objects.values()] for stream in streams if stream is not None))
            seen = Look({**seen.there, **one.there}, (*seen.reports, *one.reports))
        return seen

    @property
    def refused(self) -> ForbiddenError | None:
        """A right for want of which it cannot follow; None if it can."""
        return next((stream.refused for stream in [*self._streams.values()] if stream.refused is not None), None)

    def close(self) -> None:
        """Stop following; threads end within a moment."""
        self._stop.set()

    def join(self, seconds: float) -> None:
        """Wait until the threads have ended."""
        for thread in self._threads:
            thread.join(seconds)

    def _found(self, away: Away | None) -> None:
        self._noted(away)
        if (away is None) != (self.away is None):
            self.away = away
            self._changed()

    def _begin(self, run: Callable[[], None]) -> None:
        thread = threading.Thread(target=run, daemon=True, name=f"i4q-watch-{len(self._threads)}")
        self._threads.append(thread)
        thread.start()
