"""The report: written to `status.json` and told to watchers whenever it changes."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from i4q_ai.desired import Desired
from i4q_ai.edge import crash, documents, observing
from i4q_ai.edge.reconcile import Local
from i4q_ai.edge.scope import Scope
from i4q_ai.edge.state import Key
from i4q_ai.errors import StorageError
from i4q_ai.status import Observation, Report

log = logging.getLogger(__name__)


class Reporter:
    """Knows what was reported last.

    Args:
        path: of the report; phases that go on from what it says keep their beginning.
        scope: where the agent stands.
    """

    def __init__(self, path: Path, scope: Scope = Scope.CLUSTER) -> None:
        self._path = path
        self._scope = scope
        self._before = _observations(path)
        self._shown: tuple[object, ...] = ()
        self._written = True
        self._agent = version("i4q-ai")

    def report(
        self, desired: Desired | None, local: Local, *, message: str, followed: Mapping[str, str] | None = None
    ) -> str | None:
        """Write the report if it says something new.

        Args:
            desired: what should be, if anybody has said so.
            local: what is.
            message: what troubles the agent itself.
            followed: source that the agent follows by itself → the commit or digest that it is at.

        Returns:
            The new report as one line of JSON; None if nothing has changed.
        """
        time_of_day = datetime.now(UTC)
        items: tuple[Observation, ...] = ()
        if desired is not None:
            items = observing.observe(
                desired, local, now=time.monotonic(), time=time_of_day, before=self._before, scope=self._scope
            )
            self._before = _by_key(items)
        at = dict(followed or {})
        shown = (desired.revision if desired else 0, message, items, at)
        if shown == self._shown and self._written:
            return None
        report = Report(
            cluster=desired.cluster if desired else self._path.parent.name,
            revision=desired.revision if desired else 0,
            time=time_of_day,
            agent=self._agent,
            message=message,
            items=items,
            followed=at,
        )
        text = report.to_json()
        crash.point("before-status")
        self._write(text)
        changed = shown != self._shown
        self._shown = shown
        return text if changed else None

    def _write(self, text: str) -> None:
        try:
            documents.write(self._path, text + "\n")
        except StorageError as error:
            if self._written:
                log.warning("%s", error)
            self._written = False
        else:
            self._written = True


def _by_key(items: tuple[Observation, ...]) -> dict[Key, Observation]:
    return {(item.namespace, item.name): item for item in items}


def _observations(path: Path) -> dict[Key, Observation]:
    try:
        return _by_key(Report.model_validate_json(path.read_bytes()).items)
    except (OSError, ValueError):
        return {}  # there is none, or it is from another version: phases begin now
