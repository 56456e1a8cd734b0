"""What this machine says of itself, for clusters of which nothing else was said."""

from __future__ import annotations

import os
import platform
import socket

_ARCHITECTURES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64"}


def claims() -> dict[str, str]:
    """Its operating system, architecture, both as a platform, and its name."""
    system = platform.system().lower()
    architecture = _ARCHITECTURES.get(platform.machine(), platform.machine())
    return {
        "os": system,
        "arch": architecture,
        "platform": f"{system}/{architecture}",
        "hostname": socket.gethostname(),
    }


def resources() -> dict[str, str]:
    """Processors that this process may use, and memory, as Kubernetes quantities."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {"cpu": str(usable), "memory": f"{memory // 1024}Ki"}
