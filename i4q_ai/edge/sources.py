"""What all ConfigMaps of a sidecar say, kept on disk and merged into the one document that its agent reads."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from i4q_ai.desired import Desired
from i4q_ai.edge import documents, merging, writing
from i4q_ai.edge.merging import Source
from i4q_ai.edge.paths import Paths
from i4q_ai.edge.writing import Merged
from i4q_ai.errors import I4qError, SchemaError, StorageError

log = logging.getLogger(__name__)


class Sources:
    """The ConfigMaps of one sidecar; safe in several threads.

    What the API server said last is kept in the agent's folder. While it does not answer, a copy that the kubelet
    mounts counts where it is newer. Nothing is merged before each was asked for once, so that an old copy does not win
    for a moment at the start.

    Args:
        paths: of the agent.
        names: of the ConfigMaps.
        mounted: a folder with a folder of each ConfigMap, if the pod mounts them.
        changed: called, in any thread, with a remark for people: when all have been asked for the first time, and when
            the merged document or the remark is another.
    """

    def __init__(
        self, paths: Paths, names: Sequence[str], mounted: Path | None, changed: Callable[[str], None]
    ) -> None:
        self._paths = paths
        self._mounted = mounted
        self._changed = changed
        self._lock = threading.Lock()
        self._sources = {name: Source(name) for name in names}
        self._merged = Merged(paths)

    def said(self, name: str, data: Mapping[str, str] | None) -> None:
        """The API server has said what a ConfigMap is; None if it is not there."""
        with self._lock:
            last = self._sources[name]
            try:
                now = replace(last, document=_document(name, data), asked=True, trouble="")
                self._keep(name, now.document)
            except (SchemaError, StorageError) as error:
                document = last.document if last.asked else writing.read(self._kept(name))
                now = replace(last, document=document, asked=True, trouble=str(error))
            remark = self._take(now)
        self._tell(remark)

    def silent(self, name: str, error: I4qError) -> None:
        """The API server has not said what a ConfigMap is: copies must do."""
        with self._lock:
            last = self._sources[name]
            trouble = f"ConfigMap '{name}' cannot be followed: {error}"
            if trouble != last.trouble:
                log.warning("%s", trouble)
            kept = last.document if last.asked else writing.read(self._kept(name))
            copy = writing.read(self._mounted / name / merging.DOCUMENT) if self._mounted else None
            remark = self._take(Source(name, merging.newest(kept, copy), asked=True, trouble=trouble))
        self._tell(remark)

    @property
    def complete(self) -> bool:
        """Every ConfigMap says what it wants."""
        with self._lock:
            return merging.complete(self._sources.values())

    @property
    def revision(self) -> int:
        """Of the merged document."""
        with self._lock:
            return self._merged.last.revision if self._merged.last else 0

    def _take(self, source: Source) -> str | None:
        """Merge; the remark if there is anything to tell."""
        self._sources[source.name] = source
        sources = list(self._sources.values())
        return self._merged.take(sources) if all(each.asked for each in sources) else None

    def _tell(self, remark: str | None) -> None:
        if remark is not None:
            self._changed(remark)

    def _keep(self, name: str, document: Desired | None) -> None:
        path = self._kept(name)
        if document is None:
            path.unlink(missing_ok=True)
        elif writing.read(path) != document:
            path.parent.mkdir(exist_ok=True)
            documents.write(path, document.to_json(), durable=True)

    def _kept(self, name: str) -> Path:
        return self._paths.sources / f"{name}.json"


def _document(name: str, data: Mapping[str, str] | None) -> Desired | None:
    if data is None:
        return None
    if merging.DOCUMENT not in data:
        raise SchemaError(f"ConfigMap '{name}' has no key {merging.DOCUMENT}")
    return merging.parse(data[merging.DOCUMENT], name=name)
