"""A credential helper as docker runs it: a real program on PATH."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

_ANSWERS = """
read server
echo "$server" >> {log}
case "$server" in
{cases}
*) echo "credentials not found in native keychain"; exit 1;;
esac
"""


def keeps(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    kept: Mapping[str, tuple[str, str]],
    *,
    script: str = "",
) -> Path:
    """Put `docker-credential-<name>` on PATH.

    Args:
        folder: to put it below.
        monkeypatch: of the test.
        name: of the helper.
        kept: server → user and secret.
        script: what it does instead.

    Returns:
        A file with what it was asked: `get`, then the server.
    """
    program, log = folder / "bin" / f"docker-credential-{name}", folder / f"{name}.log"
    program.parent.mkdir(exist_ok=True)
    cases = "\n".join(
        f"'{server}') echo '{json.dumps({'ServerURL': server, 'Username': user, 'Secret': secret})}';;"
        for server, (user, secret) in kept.items()
    )
    program.write_text(f"#!/bin/sh\necho $1 >> {log}\n{script or _ANSWERS.format(log=log, cases=cases)}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return log
