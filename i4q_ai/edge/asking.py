"""Questions to processes on the loopback interface, with nothing but the standard library."""

from __future__ import annotations

import http.client
import json
from contextlib import closing

from i4q_ai.edge.state import Answer
from i4q_ai.errors import ServingError, UnreachableError

PROBE_TIMEOUT = 5.0
"""Seconds for an answer; long enough for a healthy process on a machine that is busy with something else."""
INSTANCE = "I4q-Instance"
_FAILED = "FAILED: "
_LARGEST_INDEX = 1_000_000


def probe(port: int, route: str, *, token: str | None = None, timeout: float = PROBE_TIMEOUT) -> Answer:
    """Ask a process whether it is ready.

    Args:
        port: on the loopback interface.
        route: begins with '/'.
        token: the answer must come from the process that was started with it; anybody else's counts as none.
        timeout: in seconds.

    Returns:
        READY for 2xx, NOT_READY for any other status, SILENT for no answer.
    """
    try:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)) as link:
            link.request("GET", route)
            answer = link.getresponse()
            answer.read()
            if token is not None and answer.getheader(INSTANCE) != token:
                return Answer.SILENT
            return Answer.READY if 200 <= answer.status < 300 else Answer.NOT_READY
    except (OSError, http.client.HTTPException):
        return Answer.SILENT


def load(port: int, model: str, tree: str, *, timeout: float) -> None:
    """Ask a model server to switch to another tree; returns when it has.

    Args:
        port: of the server, on the loopback interface.
        model: as the server calls it.
        tree: name of a folder beside `current`.
        timeout: in seconds.

    Raises:
        ServingError: the server says no, and the old version goes on.
        UnreachableError: it does not answer.
    """
    body = json.dumps({"parameters": {"tree": tree}}).encode()
    try:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)) as link:
            link.request(
                "POST", f"/v2/repository/models/{model}/load", body, headers={"Content-Type": "application/json"}
            )
            answer = link.getresponse()
            said = answer.read(65536)
    except (OSError, http.client.HTTPException) as error:
        why = str(error) or type(error).__name__
        raise UnreachableError(f"the server of model '{model}' does not answer: {why}") from error
    if not 200 <= answer.status < 300:
        raise ServingError(_reason(said) or f"HTTP status {answer.status}", status=answer.status)


def failure(port: int, model: str, *, timeout: float = PROBE_TIMEOUT) -> str:
    """Why a model server has given up on a model; empty while it has not, or when it does not say.

    Args:
        port: of the server, on the loopback interface.
        model: as the server calls it.
        timeout: in seconds.
    """
    try:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)) as link:
            link.request("POST", "/v2/repository/index", b"{}", headers={"Content-Type": "application/json"})
            rows = json.loads(link.getresponse().read(_LARGEST_INDEX))
        reasons = [str(row["reason"]) for row in rows if row["name"] == model]
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return ""
    return next((reason.removeprefix(_FAILED) for reason in reasons if reason.startswith(_FAILED)), "")


def _reason(body: bytes) -> str:
    try:
        said = json.loads(body)
    except ValueError:
        return body[:500].decode(errors="replace")
    return str(said.get("error", "")) if isinstance(said, dict) else ""
