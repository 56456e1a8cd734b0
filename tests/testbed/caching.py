"""Where the test bed keeps what is dear to make, and what it runs in."""

from __future__ import annotations

from pathlib import Path

import platformdirs


def cache() -> Path:
    """The test bed's folder in the user's cache folder; it exists."""
    folder = platformdirs.user_cache_path("i4q-ai") / "testbed"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
