"""What a machine lacks: a test that needs it is skipped with a loud line; in CI nothing may be skipped."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def lacks(why: str) -> NoReturn:
    """Skip the test that runs, or fail it where `CI=true`.

    Args:
        why: what is needed, and how to get it.
    """
    if os.environ.get("CI") == "true":
        pytest.fail(why, pytrace=False)
    pytest.skip(why)


def need_root(what: str) -> None:
    """Skip (in CI: fail) unless this runs as root.

    Args:
        what: the part that needs it, for instance "a node".
    """
    if os.geteuid() != 0:
        lacks(f"{what} needs root")
