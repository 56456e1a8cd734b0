"""Following places without being called: each is asked every so often, less often while it fails."""

from __future__ import annotations

import logging
import random
import re
import threading
from collections.abc import Sequence

from i4q_ai.deadline import Deadline
from i4q_ai.edge.agent import Agent
from i4q_ai.edge.heard import Heard
from i4q_ai.edge.places import Place
from i4q_ai.errors import I4qError, NotFoundError, StorageError, UntrustedError

log = logging.getLogger(__name__)

EVERY = 30.0
"""Seconds between two looks, if nobody says otherwise."""
LOOK_TIMEOUT = 300.0
_LONGEST = 300.0
_SLOWER = 4
"""So many times longer is a pause at most: who looks rarely anyhow is no burden on a server that comes back."""
_JITTER = 0.1
_NO_NAME = re.compile(r"[^a-z0-9]+")


class Puller(threading.Thread):
    """Looks at one place again and again; ends with its process.

    Args:
        place: that is followed.
        heard: told what it says.
        every: seconds between two looks.
    """

    def __init__(self, place: Place, heard: Heard, *, every: float = EVERY) -> None:
        super().__init__(name=f"follow {place.name}", daemon=True)
        self._place, self._heard, self._every = place, heard, every
        self._stopped, self._poked = threading.Event(), threading.Event()

    def poke(self) -> None:
        """Look now; may be called from anywhere, signal handlers included."""
        self._poked.set()

    def stop(self) -> None:
        """Tell nobody any more; a look that is under way ends soon."""
        self._stopped.set()
        self._poked.set()

    def run(self) -> None:
        """Look until told to stop."""
        failures = 0
        while not self._stopped.is_set():
            self._poked.clear()
            failures = 0 if self._look() else failures + 1
            self._poked.wait(pause(self._every, failures))

    def _look(self) -> bool:
        name = self._place.name
        deadline = Deadline.after(LOOK_TIMEOUT, f"looking at {name}", cancel=self._stopped)
        try:
            found = self._place.look(self._heard.seen(name), deadline)
            if not self._stopped.is_set():
                self._heard.said(name, found)
        except (NotFoundError, UntrustedError) as error:
            self._failed(error)
            return True  # it does answer, and the next answer may be another
        except I4qError as error:
            return self._failed(error)
        except OSError as error:
            return self._failed(StorageError(f"cannot keep what is fetched: {error.strerror or error}"))
        except Exception as error:  # what a hostile server makes a library do must not end the following
            log.exception("looking at %s failed unexpectedly", name)
            return self._failed(I4qError(f"unexpected {type(error).__name__}"))
        return True

    def _failed(self, error: I4qError) -> bool:
        if not self._stopped.is_set():
            self._heard.silent(self._place.name, error)
        return False


def pull(agent: Agent, places: Sequence[Place], *, every: float) -> list[Puller]:
    """Threads that follow places for an agent, whose folder is called as its cluster; not started yet.

    Args:
        agent: that has them as the only ones who say what is wanted.
        places: all different.
        every: seconds between two looks at each.
    """
    cluster = called(agent.paths.folder.name)
    heard = Heard(agent.paths, [place.name for place in places], cluster, agent) if places else None
    return [Puller(place, heard, every=every) for place in places if heard is not None]


def called(folder: str) -> str:
    """The name of a cluster, by that of its folder.

    Example:
        >>> called("line-7"), called("Line_7.old"), called("_")
        ('line-7', 'line-7-old', 'edge')
    """
    return _NO_NAME.sub("-", folder.lower()).strip("-")[:63].strip("-") or "edge"


def poke(pullers: Sequence[Puller]) -> None:
    """Let all look now."""
    for puller in pullers:
        puller.poke()


def pause(every: float, failures: int) -> float:
    """Seconds until the next look, with jitter: longer after failures, up to four times and to five minutes.

    Args:
        every: seconds between two looks where nothing fails; also where it is more than five minutes.
        failures: in a row.

    Example:
        >>> 27 <= pause(30, 0) <= 33, 54 <= pause(30, 1) <= 66, 108 <= pause(30, 9) <= 132, 270 <= pause(200, 9) <= 330
        (True, True, True, True)
    """
    longest = max(every, min(_SLOWER * every, _LONGEST))
    wait: float = min(every * 2 ** min(failures, 16), longest)
    return wait * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - spreads load, keeps no secret
