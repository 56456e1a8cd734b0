"""The parent's side of the self-test: starts the process, waits, kills it, puts its end into words."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from dataclasses import asdict, dataclass
from typing import Any

from i4q_ai.errors import FormatError

_KEEP = 400
"""Characters of stderr that a reason quotes."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to try.

    Args:
        folder: of the model's files.
        format: by which it is loaded.
        inputs, outputs: what it claims, as rows of the protocol's metadata.
        threads: for an inference.
        memory: address space it may use, in bytes.
    """

    folder: str
    format: str
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    threads: int
    memory: int


async def try_in_child(order: Order, timeout: float) -> None:
    """Try a model in a process of its own.

    Args:
        order: what to try.
        timeout: seconds it may take; then it is killed.

    Raises:
        FormatError: with the reason: what it said, how it crashed, or that it took too long.
    """
    told = {**asdict(order), "parent": os.getpid(), "seconds": timeout}
    # A file, not a pipe: writing to a child that is dead already would be an error of its own.
    with tempfile.TemporaryFile() as given:
        given.write(json.dumps(told).encode())
        given.seek(0)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "i4q_ai.serve.selftest",
            stdin=given,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            start_new_session=True,
        )
    try:
        async with asyncio.timeout(timeout):
            out, err = await process.communicate()
    except TimeoutError as error:
        raise FormatError(f"its self-test took longer than {timeout:g} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    reason = judge(process.returncode or 0, out, err)
    if reason:
        raise FormatError(reason)


def judge(returncode: int, out: bytes, err: bytes) -> str:
    """Why a self-test failed; empty if it did not.

    Args:
        returncode: negative: the signal that ended it.
        out: the verdict it wrote.
        err: what it wrote besides.
    """
    if returncode < 0:
        return f"its self-test crashed with {signal.Signals(-returncode).name}{_quote(err)}"
    try:
        verdict = json.loads(out)
    except ValueError:
        return f"its self-test ended with code {returncode} and no verdict{_quote(err)}"
    return "" if verdict["ok"] else str(verdict["reason"])


def _quote(err: bytes) -> str:
    text = err.decode(errors="replace").strip()
    last = text.splitlines()[-1][:_KEEP] if text else ""
    return f": {last}" if last else ""
