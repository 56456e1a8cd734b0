"""Where uploads stand, kept on this disk, so that the next process goes on where one was killed."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from i4q_ai import config

_log = logging.getLogger(__name__)

KEPT = 7 * 24 * 3600.0
"""Seconds after which nobody goes on any more; registries drop what was begun about then."""

_RANGE = re.compile(r"(?:bytes[= ])?0-(\d{1,18})")


@dataclass(frozen=True)
class Standing:
    """How far an upload is.

    Args:
        source: what is sent; another one begins anew.
        location: its URL, which may hold a secret.
        sent: bytes that the registry has confirmed.
    """

    source: str
    location: str
    sent: int


def received(header: str | None) -> int:
    """How many bytes a registry says that it has, by its `Range`; 0 also when it does not say, and for "0-0".

    Example:
        >>> received("0-1048575"), received("0-0"), received(None), received("bytes=0-9")
        (1048576, 0, 0, 10)
    """
    match = _RANGE.fullmatch((header or "").strip())
    last = int(match[1]) if match else 0
    return last + 1 if last else 0


class Record:
    """The standing of one upload in a file that belongs to one process at a time.

    Args:
        upload: names it: repository and content.
    """

    def __init__(self, upload: str) -> None:
        self._place = config.cache() / "uploads" / f"{hashlib.sha256(upload.encode()).hexdigest()[:32]}.json"
        self._held = False

    @property
    def kept(self) -> bool:
        """Whether the next process will find it."""
        return self._held

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep others away; where somebody holds it, or nothing can be written, this upload is not recorded."""
        with contextlib.ExitStack() as stack:
            try:
                self._place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                stack.callback(os.close, handle := os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._held = True
            except BlockingIOError:
                _log.debug("another process sends the same; it goes on by itself")
            except OSError as error:
                _log.debug("%s: uploads cannot be carried on later: %s", self._place.parent, error)
            try:
                yield
            finally:
                self._held = False

    def load(self, source: str) -> Standing | None:
        """The standing that another process has left for this source; None if there is none that can be used."""
        if not self._held:
            return None
        try:
            data = json.loads(self._place.read_bytes())
            found = Standing(str(data["source"]), str(data["location"]), int(data["sent"]))
            fresh = time.time() - self._place.stat().st_mtime < KEPT
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if fresh and found.source == source and found.sent > 0 else None

    def save(self, standing: Standing) -> None:
        """Keep a standing; what is not kept is only sent again."""
        if not self._held:
            return
        staged = self._place.with_name(f".{self._place.name}.{uuid.uuid4().hex}")
        try:
            staged.touch(0o600)
            staged.write_text(json.dumps(asdict(standing)))
            staged.rename(self._place)
        except OSError as error:
            _log.debug("%s cannot be kept: %s", self._place, error)
            with contextlib.suppress(OSError):
                staged.unlink(missing_ok=True)

    def drop(self) -> None:
        """The upload is over; what others left here long ago goes too."""
        if self._held:
            self._place.unlink(missing_ok=True)
            _sweep(self._place.parent)

    @property
    def _lock(self) -> Path:
        return self._place.with_suffix(".lock")


def _sweep(folder: Path) -> None:
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > KEPT:
                path.unlink()
