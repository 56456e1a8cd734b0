"""The one document that an agent reads, put together from several sources and written whenever it changes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from i4q_ai.desired import Desired
from i4q_ai.edge import documents, memory, merging
from i4q_ai.edge.merging import Source
from i4q_ai.edge.paths import Paths
from i4q_ai.errors import SchemaError, StorageError

log = logging.getLogger(__name__)


class Merged:
    """The desired state of a folder that nobody else writes; not safe in several threads.

    Args:
        paths: of the agent.
    """

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._said: str | None = None
        self.last = merging.newest(read(paths.desired), memory.read(paths.state)[0])
        """What was merged last, also by an earlier process."""

    def take(self, sources: Sequence[Source], *, also: Sequence[Source] = ()) -> str | None:
        """Merge and write.

        Args:
            sources: in the order in which they decide.
            also: others that decide after them, and about which nothing is said to people.

        Returns:
            A remark for people, "" if there is nothing to say; None if document and remark are what they were.
        """
        merged, remark = merging.merge([*sources, *also], self.last), merging.remark(sources)
        news = merged is not None and (merged != self.last or not self._paths.desired.exists())
        if merged is not None and news:
            try:
                documents.write(self._paths.desired, merged.to_json(), durable=True)
                self.last = merged
            except StorageError as error:
                remark = str(error)
        if not news and remark == self._said:
            return None
        self._said = remark
        return remark

    @property
    def remark(self) -> str:
        """The last one."""
        return self._said or ""


def read(path: Path) -> Desired | None:
    """A document on disk; none where it is not there, or not one."""
    try:
        return Desired.from_json(path.read_bytes(), where=str(path))
    except FileNotFoundError:
        return None
    except (OSError, SchemaError) as error:
        log.warning("%s is left out: %s", path, error)
        return None
