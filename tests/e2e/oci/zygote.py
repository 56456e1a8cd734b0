"""`python zygote.py`: fetches and pushes in children that are killed; told one JSON object a line, answers with one.

A fresh interpreter for every child would take longer than what it is killed in.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from i4q_ai import oci
from i4q_ai.model import Model
from i4q_ai.oci import fetching, pushing, remote  # noqa: F401 - loaded before there are children
from i4q_ai.oci.wire import quirks


def fetch(told: dict[str, Any]) -> None:
    """In a child: what is asked for."""
    oci.fetch(
        [told["reference"]], told["digest"], Path(told["folder"]), timeout=60, blobs=Path(told["blobs"]),
        rate=told.get("rate"),
    )  # fmt: skip


def push(told: dict[str, Any]) -> None:
    """In a child: a folder as a model, in chunks of 1 MiB, with a memory of its own."""
    os.environ["I4Q_CACHE"] = told["cache"]
    quirks.CHUNK = 1024 * 1024
    model = Model.from_dir(told["folder"], name="tool-wear", version="1")
    oci.push(model, told["to"], timeout=60, rate=told.get("rate"), chunk_maps=False)


DO: dict[str, Callable[[dict[str, Any]], None]] = {"fetch": fetch, "push": push}


class Zygote:
    """The program, as a test speaks to it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, do: str, *, kill_after: float | None = None, **told: Any) -> dict[str, Any]:
        """Do something in a child that is killed after so many seconds; its exit code, and how long it took."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, "kill_after": kill_after, **told}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=60)


@contextmanager
def zygote() -> Iterator[Zygote]:
    """One that is ended."""
    running = Zygote()
    try:
        yield running
    finally:
        running.close()


def main() -> None:
    """Until there is no more input."""
    for line in sys.stdin:
        told = json.loads(line)
        child = os.fork()
        if not child:
            code = 1
            try:
                DO[told["do"]](told)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        began = time.monotonic()
        if told["kill_after"] is not None:
            time.sleep(told["kill_after"])
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        answer = {"code": os.waitstatus_to_exitcode(status), "took": time.monotonic() - began}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
