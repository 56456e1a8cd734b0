"""What `import i4q_ai` costs, with no name used and with all: CPU time against one that defines a pydantic model.

Run: python -m tests.bench.bench_import [RUNS]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

from tests.bench.rows import Row, compared

GOAL = 1.3
RUNS = 40
OURS = "import i4q_ai"
USED = "from i4q_ai import *"
PEER = "from pydantic import BaseModel\nclass Model(BaseModel):\n    name: str\n"


def cpu_seconds(program: str) -> float:
    """User and system time of one Python process that runs a program."""
    process = subprocess.Popen([sys.executable, "-c", program])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{program!r} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def run(runs: int = RUNS) -> list[Row]:
    """Medians of alternating runs, so that a busy moment of the machine meets both."""
    times: dict[str, list[float]] = {OURS: [], USED: [], PEER: []}
    for program in times:
        cpu_seconds(program)  # writes the bytecode, warms the disk's cache
    for _ in range(runs):
        for program, seen in times.items():
            seen.append(cpu_seconds(program))
    ours, used, peer = (statistics.median(seen) * 1000 for seen in times.values())
    note = f"against a process that imports pydantic and defines one model; medians of {runs} alternating runs"
    return [
        compared("import i4q_ai, CPU time", ours, peer, goal=GOAL, unit="ms", note=note),
        compared("every public name loaded, CPU time", used, peer, goal=GOAL, unit="ms", note=note),
    ]


if __name__ == "__main__":
    for row in run(int(sys.argv[1]) if sys.argv[1:] else RUNS):
        sys.stdout.write(f"{row}\n")
