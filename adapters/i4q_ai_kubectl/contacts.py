"""The clusters' APIs: opened on first use, and how each was last found."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from i4q_ai.backends.away import Away
from i4q_ai.deadline import Deadline
from i4q_ai.errors import DeadlineError, ForbiddenError, UnreachableError
from i4q_ai.kube import Api
from i4q_ai_kubectl.inventory import Entry, Home

T = TypeVar("T")

FORBIDDEN = "Forbidden"
"""The reason of a cluster that answers, and tells us nothing."""
PATIENCE = 4.0
"""Seconds in which a cluster must answer; else it counts as out of reach."""


class Contacts:
    """One client per cluster.

    Args:
        folder: of the inventory, which files in it are relative to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._apis: dict[str, Api] = {}
        self._lock = threading.Lock()
        self._heard: dict[str, tuple[float, Away | None]] = {}

    def open(self, access: Entry | Home) -> Api:
        """A new client; nothing is asked yet.

        Raises:
            NotFoundError, InvalidError: the kubeconfig or its context is not there, or cannot be used.
        """
        file = Path(access.kubeconfig).expanduser() if access.kubeconfig else None
        return Api.open(kubeconfig=self._folder / file if file else None, context=access.context, timeout=PATIENCE)

    def api(self, entry: Entry) -> Api:
        """The client of a cluster."""
        with self._lock:
            if entry.name not in self._apis:
                self._apis[entry.name] = self.open(entry)
            return self._apis[entry.name]

    def ask(
        self,
        entry: Entry,
        question: Callable[[Api, Deadline], T],
        deadline: Deadline,
        *,
        patience: float = PATIENCE,
        meek: bool = False,
    ) -> T | Away:
        """Ask a cluster something, with the little patience that its link deserves.

        Args:
            entry: the cluster.
            question: to its API.
            deadline: when to give up.
            patience: seconds until it counts as out of reach.
            meek: a missing right is no error but a reason, too: one cluster's must not hide what the others say.

        Returns:
            The answer; or why there is none, where nothing answers. What it refuses is raised.
        """
        short = Deadline.after(max(0.001, deadline.left(patience)), f"asking cluster {entry.name}")
        try:
            answer = question(self.api(entry), short)
        except UnreachableError as error:
            away = Away("Unreachable", error.what)
        except DeadlineError:
            deadline.check()
            away = Away("Timeout", f"it does not answer within {patience:g} s")
        except ForbiddenError as error:
            if not meek:
                raise
            away = Away(FORBIDDEN, str(error))
        else:
            self.note(entry.name, None)
            return answer
        self.note(entry.name, away)
        return away

    def note(self, name: str, away: Away | None) -> None:
        """Remember how a cluster was found."""
        self._heard[name] = (time.monotonic(), away)

    def heard(self, name: str, *, within: float) -> tuple[bool, Away | None]:
        """Whether a cluster was asked within so many seconds, and if so, how it was found."""
        at, away = self._heard.get(name, (float("-inf"), None))
        return time.monotonic() - at <= within, away

    def close(self) -> None:
        """Let go of all connections."""
        with self._lock:
            for api in self._apis.values():
                api.close()
            self._apis.clear()
