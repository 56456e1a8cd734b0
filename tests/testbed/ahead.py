"""Tests that need no foreign program run first, while the programs that the others need are built beside them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

import pytest

from tests.testbed.building import is_built

MODULES = ("controlplane", "tools", "node", "dns", "oracle", "subscriptions")
"""What tests use, the longest first."""
PLANT = 2
"""The weight from which on a test needs clusters with nodes."""
_FOREIGN = {"apiserver", "crane", "edge_image", "git_server", "placement_oracle", "registry", "testbed_run"}
_END_TIMEOUT = 30


def weight(item: pytest.Item) -> int:
    """How much must be there: 0 nothing, 1 foreign programs, 2 clusters with nodes, 3 managed, 4 delivery from Git.

    A plant of idle clusters slows down whatever runs beside it, so its tests come last.
    """
    names = {*getattr(item, "fixturenames", ()), *(name for mark in item.iter_markers("needs") for name in mark.args)}
    if "ocm_plant" in names:
        return 4 if "acm" in names else 3
    return 2 if names >= {"plant", "testbed_run"} else 1 if names & _FOREIGN else 0


class Ahead:
    """Builds what is missing, in a process of its own, until it is stopped."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, items: Sequence[pytest.Item]) -> None:
        """Begin, if some of these tests need it; a test that comes too early waits for the same build."""
        missing = [module for module in MODULES if not is_built(module)]
        if missing and any(weight(item) for item in items):
            command = [sys.executable, "-m", "tests.testbed", "build", *missing]
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
            )

    def stop(self) -> None:
        """End it with all that it has started; what is built stays."""
        if self._process is None:
            return
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(_END_TIMEOUT)
