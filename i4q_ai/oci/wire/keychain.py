"""Programs that keep passwords: `docker-credential-<name> get`, as docker and podman use them."""

from __future__ import annotations

import json
import logging
import re
import subprocess

_log = logging.getLogger(__name__)

TIMEOUT = 30.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_NONE = ("credentials not found", "no credentials server url", "no credentials username")


def ask(program: str, server: str) -> tuple[str, str] | None:
    """What a program keeps for a server.

    A program that is missing, fails or answers nonsense is told to the log and counts as one that keeps nothing:
    many a config file names one that is only on the machine it was copied from.

    Args:
        program: its name, without `docker-credential-`.
        server: as in the config file: `host[:port]`, maybe with a path, or a URL.

    Returns:
        User and secret; None if it keeps none.
    """
    if not _NAME.fullmatch(program):
        _log.warning("%r in a docker config is no name of a credential helper and is ignored", program[:100])
        return None
    command = f"docker-credential-{program}"
    try:
        done = subprocess.run(
            [command, "get"], input=server.encode(), capture_output=True, timeout=TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        _log.warning("%s cannot be asked for %s: %s", command, server, type(error).__name__)
        return None
    if done.returncode:
        if not any(none in done.stdout.decode(errors="replace").lower() for none in _NONE):
            _log.warning("%s fails for %s with exit code %s", command, server, done.returncode)
        return None
    try:
        answer = json.loads(done.stdout)
        user, secret = answer["Username"], answer["Secret"]
    except (ValueError, LookupError, TypeError):
        user = secret = None
    if not isinstance(user, str) or not isinstance(secret, str):
        _log.warning("%s answers for %s with something else than a user and a secret", command, server)
        return None
    return user, secret
