"""Somebody who asks a model all the time, and counts what comes back: for updates under load."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Self

import numpy as np

import i4q_ai as i4q


class Traffic:
    """Threads that ask a deployment on one cluster, each as fast as it is answered, while the block runs.

    Args:
        deployment: of a model with a server.
        cluster: where to ask.
        rows: what to ask.
        threads: how many at once.
    """

    def __init__(self, deployment: i4q.Deployment, cluster: str, rows: np.ndarray, *, threads: int = 4) -> None:
        self.milliseconds: list[float] = []
        self.failures: Counter[str] = Counter()
        self._deployment, self._cluster, self._rows = deployment, cluster, rows
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(threads)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        with self._deployment.client(self._cluster) as client:
            while not self._over.is_set():
                began = time.perf_counter()
                try:
                    client.infer(self._rows)
                except Exception as error:  # whatever goes wrong is what we are here to count
                    self.failures[f"{type(error).__name__}: {error}"] += 1
                self.milliseconds.append((time.perf_counter() - began) * 1000)

    def percentile(self, share: float) -> float:
        """In milliseconds: this share of the requests was answered faster."""
        return float(np.percentile(self.milliseconds, share * 100))

    def __str__(self) -> str:
        failed = sum(self.failures.values())
        return (
            f"{len(self.milliseconds)} requests, {failed} failed, "
            f"p50 {self.percentile(0.5):.1f} ms, p99 {self.percentile(0.99):.1f} ms"
        )
