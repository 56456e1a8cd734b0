"""What all places that an agent follows have said, kept on disk and merged into the one document that it reads."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from i4q_ai.desired import Desired
from i4q_ai.edge import documents, merging
from i4q_ai.edge.merging import Source
from i4q_ai.edge.paths import Paths
from i4q_ai.edge.places import Found
from i4q_ai.edge.writing import Merged
from i4q_ai.errors import I4qError, SchemaError, StorageError

log = logging.getLogger(__name__)

_KIND = "source"
_KEPT = re.compile(r"[0-9a-f]{20}\.json")
_SHOWN = 12
"""Digits of a commit or digest that people are shown."""


class Told(Protocol):
    """Who is told; an agent."""

    def heard(self, remark: str, followed: Mapping[str, str]) -> None:
        """There is something new to read, or to say."""


@dataclass(frozen=True)
class _Place:
    """What is known of one place.

    Args:
        source: what it said last that could be read.
        mark: of that.
        seen: mark of what it said last.
        verdict: why that could not be read.
    """

    source: Source
    mark: str = ""
    seen: str = ""
    verdict: str = ""


class Heard:
    """The places that one agent follows; safe in several threads.

    What each said last, as far as it could be read, is kept in the agent's folder, and stands while the place cannot be
    asked, also after a restart. As long as one of them has never said anything, nothing that was wanted before is taken
    away: a new address with a mistake in it must not empty a line.

    Args:
        paths: of the agent.
        names: of the places, in the order in which they decide.
        cluster: whose desired state it is.
        told: told when the merged document, the remark for people, or what is followed is another.
    """

    def __init__(self, paths: Paths, names: Sequence[str], cluster: str, told: Told) -> None:
        self._paths, self._cluster, self._told = paths, cluster, told
        self._lock = threading.Lock()
        self._merged = Merged(paths)
        self._forget_others(names)
        self._places = {name: self._remembered(name) for name in names}
        self._followed: dict[str, str] = {}

    def seen(self, name: str) -> str:
        """The mark of what a place said last; "" if it has not said anything to this process."""
        with self._lock:
            return self._places[name].seen

    def said(self, name: str, found: Found | None) -> None:
        """A place has answered; None if it says what it said before."""
        with self._lock:
            last = self._places[name]
            now = self._read(last, name, found) if found is not None else last
            self._places[name] = replace(now, source=replace(now.source, asked=True, trouble=now.verdict))
            news = self._take()
        self._tell(news)

    def silent(self, name: str, error: I4qError) -> None:
        """A place cannot be asked, or says nothing that counts: what it said last stands."""
        with self._lock:
            last = self._places[name]
            trouble = f"{last.source} cannot be followed: {error}{_stands(last)}"
            if trouble != last.source.trouble:
                log.warning("%s", trouble)
            self._places[name] = replace(last, source=replace(last.source, asked=True, trouble=trouble))
            news = self._take()
        self._tell(news)

    def _read(self, last: _Place, name: str, found: Found) -> _Place:
        try:
            where = f"{last.source} at {_shown(found.mark)}"
            document = Desired(cluster=self._cluster)
            if found.files:
                document = merging.joined(found.files, cluster=self._cluster, where=where)
            document = merging.numbered(document, self._merged.last)
            self._keep(name, found.mark, document)
        except (SchemaError, StorageError) as error:
            verdict = f"{error}{_stands(last)}"
            log.warning("%s", verdict)
            # What could not be kept for want of room is read again.
            return replace(last, verdict=verdict, seen=found.mark if isinstance(error, SchemaError) else last.seen)
        log.info("%s is at %s", last.source, found.mark)
        return _Place(replace(last.source, document=document), found.mark, found.mark)

    def _take(self) -> tuple[str, dict[str, str]] | None:
        """Merge; what to tell, if there is anything."""
        sources = [place.source for place in self._places.values()]
        if not all(source.asked for source in sources):
            return None
        unheard = self._merged.last is not None and not all(source.document for source in sources)
        before = [Source("what was wanted before", self._merged.last)] if unheard else []
        remark = self._merged.take(sources, also=before)
        followed = {name: place.mark for name, place in self._places.items() if place.mark}
        if remark is None and followed == self._followed:
            return None
        self._followed = followed
        return self._merged.remark, followed

    def _tell(self, news: tuple[str, dict[str, str]] | None) -> None:
        if news is not None:
            self._told.heard(*news)

    def _keep(self, name: str, mark: str, document: Desired) -> None:
        path = self._kept(name)
        text = json.dumps({"source": name, "mark": mark, "document": document.dump()}, indent=1)
        try:
            path.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise StorageError(f"cannot make {path.parent}: {error.strerror}") from error
        documents.write(path, text, durable=True)

    def _forget_others(self, names: Sequence[str]) -> None:
        """What places said that are not followed any more: should they be again, it would be old news."""
        kept = {self._kept(name) for name in names}
        try:
            for path in self._paths.sources.iterdir() if self._paths.sources.is_dir() else ():
                if _KEPT.fullmatch(path.name) and path not in kept:
                    path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s cannot be tidied: %s", self._paths.sources, error)

    def _remembered(self, name: str) -> _Place:
        empty = _Place(Source(name, kind=_KIND))
        path = self._kept(name)
        try:
            data = json.loads(path.read_bytes())
            document, mark = Desired.parse(data["document"], where=str(path)), str(data["mark"])
        except FileNotFoundError:
            return empty
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s is left out: %s", path, error)
            return empty
        return replace(empty, source=replace(empty.source, document=document), mark=mark)

    def _kept(self, name: str) -> Path:
        return self._paths.sources / f"{hashlib.sha256(name.encode()).hexdigest()[:20]}.json"


def _stands(place: _Place) -> str:
    """What goes on while a place says nothing that counts."""
    return f"; {_shown(place.mark)} stands" if place.mark else ""


def _shown(mark: str) -> str:
    """A commit or digest for people.

    Example:
        >>> _shown("sha256:0123456789abcdef"), _shown("0123456789abcdef")
        ('sha256:0123456789ab', '0123456789ab')
    """
    algorithm, colon, digits = mark.rpartition(":")
    return f"{algorithm}{colon}{digits[:_SHOWN]}"
