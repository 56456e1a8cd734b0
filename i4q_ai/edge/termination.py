"""What a container says when it ends: its last words, where the kubelet looks for them."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from pathlib import Path

log = logging.getLogger(__name__)

DEFAULT = Path("/dev/termination-log")
"""Where a kubelet looks unless the pod names another place."""
LONGEST = 4096
"""Bytes that a kubelet reads."""


def message(text: str) -> bytes:
    r"""The first line of a text, cut to what a kubelet reads; never in the middle of a character.

    Example:
        >>> message("no such model\nand a stack of reasons")
        b'no such model'
    """
    line = next(iter(text.strip().splitlines()), "")
    return line.encode()[:LONGEST].decode(errors="ignore").encode()


def say(text: str, path: Path = DEFAULT) -> None:
    """Leave a message, in place of an earlier one; an empty one takes it back. Nothing where nobody looks for one.

    Args:
        text: its first line counts.
        path: a file that is there already in a container.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
        with os.fdopen(handle, "wb", buffering=0) as file:
            file.write(message(text))
    except FileNotFoundError:
        return
    except OSError as error:
        log.warning("%s: %s", path, error.strerror)


def fail(text: str, path: Path = DEFAULT) -> None:
    """Leave an error as the message, and say it to whoever reads the container's log."""
    sys.stderr.write(f"{text}\n")
    say(text, path)


def leave_when_told() -> None:
    """Let SIGTERM end the program as any other way out does, cleaning up.

    The first process of a container is not ended by a signal that it does not handle.
    """
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


def add_option(parser: argparse.ArgumentParser) -> None:
    """The option `--termination-log`, which all programs of containers have."""
    parser.add_argument(
        "--termination-log",
        type=Path,
        default=DEFAULT,
        metavar="FILE",
        help="where the last words go; %(default)s if not given",
    )
