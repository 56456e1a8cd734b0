"""Progress as a callback: silent by default, a bar where somebody looks."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable


class Progress(Protocol):
    """Told how far a transfer is.

    Each blob calls `start` once, `advance` as bytes pass, and `done` at its end, also when it failed.
    Several blobs may run at once, from several threads.
    """

    def start(self, what: str, total: int) -> None:
        """A blob begins; `total` in bytes."""

    def advance(self, what: str, count: int) -> None:
        """`count` more bytes have passed; negative when a transfer starts anew."""

    def done(self, what: str) -> None:
        """The blob is over."""


@runtime_checkable
class Overall(Protocol):
    """A progress that also wants to know of the whole job."""

    def begin(self, what: str, total: int) -> None:
        """A job of several blobs begins; `total` in bytes, those that turn out to be there already included."""

    def end(self) -> None:
        """The job is over, also when it failed."""


@contextlib.contextmanager
def whole(progress: Progress, what: str, total: int) -> Iterator[None]:
    """Tell a progress of a job around its blobs, if it wants to know.

    Args:
        progress: is told.
        what: for people.
        total: in bytes.
    """
    if not isinstance(progress, Overall):
        yield
        return
    progress.begin(what, total)
    try:
        yield
    finally:
        progress.end()


class Silent:
    """Says nothing."""

    def start(self, what: str, total: int) -> None:
        """Nothing."""

    def advance(self, what: str, count: int) -> None:
        """Nothing."""

    def done(self, what: str) -> None:
        """Nothing."""


class Bars:
    """A tqdm bar per blob, and one with the time left for the whole job, on a terminal or in a notebook."""

    def __init__(self) -> None:
        from tqdm.auto import tqdm

        self._tqdm = tqdm
        self._lock = threading.Lock()
        self._bars: dict[str, tuple[Any, int]] = {}
        self._whole: Any = None

    def begin(self, what: str, total: int) -> None:
        """Draw the bar of the job."""
        with self._lock:
            self._whole = self._bar(what, total)

    def end(self) -> None:
        """Take it away."""
        with self._lock:
            if self._whole is not None:
                self._whole.close()
                self._whole = None

    def start(self, what: str, total: int) -> None:
        """Draw the bar."""
        with self._lock:
            self._bars[what] = self._bar(what[:19], total), total

    def advance(self, what: str, count: int) -> None:
        """Move it."""
        with self._lock:
            for bar in filter(None.__ne__, (self._bars[what][0], self._whole)):
                bar.update(count)

    def done(self, what: str) -> None:
        """Take it away; what was there already counts as done."""
        with self._lock:
            bar, total = self._bars.pop(what)
            if self._whole is not None:
                self._whole.update(total - bar.n)
            bar.close()

    def _bar(self, what: str, total: int) -> Any:
        return self._tqdm(total=total, desc=what, unit="B", unit_scale=True, leave=False)


def default() -> Progress:
    """Bars on a terminal's stderr where tqdm is there; silence elsewhere, and with `I4Q_PROGRESS=0`."""
    if os.environ.get("I4Q_PROGRESS") == "0" or not sys.stderr.isatty():
        return Silent()
    try:
        return Bars()
    except ImportError:
        return Silent()
