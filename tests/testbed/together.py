"""Parts of the test bed that do not need each other, started at once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from typing import Any


def enter_together(stack: ExitStack, parts: Sequence[AbstractContextManager[Any]]) -> None:
    """Enter context managers side by side; when one fails, the stack ends those that did not.

    Args:
        stack: ends them, the last one first.
        parts: what to enter.
    """
    with ThreadPoolExecutor(len(parts)) as pool:
        entered = [pool.submit(part.__enter__) for part in parts]
    for part, future in zip(parts, entered, strict=True):
        if not future.exception():
            stack.push(part)
    for future in entered:
        future.result()
