"""`python zygote.py`: fetches in children that are killed; told one JSON object a line, answers with one.

A fresh interpreter for every child would take longer than the fetch that it is killed in.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path

from i4q_ai import oci
from i4q_ai.oci import fetching, remote  # noqa: F401 - loaded before there are children


def fetch(told: dict[str, str]) -> None:
    """In a child: what is asked for."""
    oci.fetch(
        [told["reference"]], told["digest"], Path(told["folder"]), timeout=60, blobs=Path(told["blobs"]),
        rate=told.get("rate"),  # type: ignore[arg-type]
    )  # fmt: skip


def main() -> None:
    """Until there is no more input."""
    for line in sys.stdin:
        told = json.loads(line)
        child = os.fork()
        if not child:
            code = 1
            try:
                fetch(told)
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
