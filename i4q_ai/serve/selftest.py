"""`python -m i4q_ai.serve.selftest`: tries one model out in a process of its own, which may crash, hang or be killed.

Reads one JSON object from stdin (what `child.Order` holds, who asks, how long it may take) and writes one to stdout:
`{"ok": true}` or `{"ok": false, "reason": …}`.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import math
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_NICE = 10
_GRACE = 5
"""Seconds after which it ends by itself, once its time is over."""


def _confine(memory: int, parent: int, seconds: float) -> None:
    """Be the first to give way: to other processes, to the limits, to the kernel's choice when memory is out.

    It also ends with its parent, even one that was killed before this line, and by itself if nobody is left to end it.
    """
    signal.alarm(math.ceil(seconds) + _GRACE)
    os.nice(_NICE)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(0)
        with contextlib.suppress(OSError):  # a sandbox may hide /proc; the limit above stands all the same
            Path("/proc/self/oom_score_adj").write_text("1000")


def _try(order: dict[str, Any]) -> None:
    from i4q_ai.serve.loaders import loader
    from i4q_ai.serve.signature import settle, signature, spec
    from i4q_ai.serve.trial import try_out

    runner = loader(order["format"])(Path(order["folder"]), order["threads"])
    claimed = signature((spec(**row) for row in order["inputs"]), (spec(**row) for row in order["outputs"]))
    try_out(runner, settle(claimed, runner.signature))


def main() -> None:
    """Read the order, try the model, say how it went."""
    order = json.load(sys.stdin)
    # Whatever libraries print goes to stderr; stdout carries the verdict alone.
    verdict_pipe = os.dup(1)
    os.dup2(2, 1)
    _confine(order["memory"], order["parent"], order["seconds"])
    verdict: dict[str, Any]
    try:
        _try(order)
        verdict = {"ok": True}
    except MemoryError:
        verdict = {"ok": False, "reason": f"it needs more than the {order['memory']} bytes of memory it may have"}
    except Exception as error:
        verdict = {"ok": False, "reason": str(error) or type(error).__name__}
    os.write(verdict_pipe, json.dumps(verdict).encode())
    os._exit(0)


if __name__ == "__main__":
    main()
