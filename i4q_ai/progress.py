"""Progress as a callback: silent by default, a bar where somebody looks."""

from __future__ import annotations

import os
import sys
from typing import Any, Protocol


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


class Silent:
    """Says nothing."""

    def start(self, what: str, total: int) -> None:
        """Nothing."""

    def advance(self, what: str, count: int) -> None:
        """Nothing."""

    def done(self, what: str) -> None:
        """Nothing."""


class Bars:
    """A tqdm bar per blob, on a terminal or in a notebook."""

    def __init__(self) -> None:
        from tqdm.auto import tqdm

        self._tqdm = tqdm
        self._bars: dict[str, Any] = {}

    def start(self, what: str, total: int) -> None:
        """Draw the bar."""
        self._bars[what] = self._tqdm(total=total, desc=what, unit="B", unit_scale=True, leave=False)

    def advance(self, what: str, count: int) -> None:
        """Move it."""
        self._bars[what].update(count)

    def done(self, what: str) -> None:
        """Take it away."""
        self._bars.pop(what).close()


def default() -> Progress:
    """Bars on a terminal's stderr where tqdm is there; silence elsewhere, and with `I4Q_PROGRESS=0`."""
    if os.environ.get("I4Q_PROGRESS") == "0" or not sys.stderr.isatty():
        return Silent()
    try:
        return Bars()
    except ImportError:
        return Silent()
