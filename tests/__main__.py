"""`python -m tests`: all tests, in two processes. One has those that need a plant, which mostly wait."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import IO

PARTS = ("rest", "plants")


def main(arguments: Sequence[str]) -> int:
    """Run both; what the second prints is shown once the first has ended. Gives the higher exit code."""
    with tempfile.TemporaryFile() as kept:
        running = [_started(part, arguments, output) for part, output in zip(PARTS, (None, kept), strict=True)]
        try:
            codes = [process.wait() for process in running]
        except KeyboardInterrupt:
            codes = [_interrupted(process) for process in running]
        kept.seek(0)
        sys.stdout.flush()
        sys.stdout.buffer.write(kept.read())
        sys.stdout.flush()
    return max(abs(code) for code in codes)


def _started(part: str, arguments: Sequence[str], output: IO[bytes] | None) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pytest", f"--part={part}", *arguments]
    # A shell's background job ignores Ctrl-C, and would hand that down.
    return subprocess.Popen(
        command, stdout=output, stderr=output and subprocess.STDOUT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def _interrupted(process: subprocess.Popen[bytes]) -> int:
    """It has heard Ctrl-C as we have, and takes what it has started away."""
    try:
        return process.wait()
    except KeyboardInterrupt:
        os.kill(process.pid, signal.SIGTERM)
        return process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
