"""A process that deploys, or deletes, and dies by SIGKILL at one of its writes: `python -m tests.e2e.kubectl.dying`."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from typing import Any

from i4q_ai.kube.transport import Message, Transport
from i4q_ai.model import Model
from i4q_ai.placement import Placement
from tests.e2e.kubectl.crowd import LIMIT, open_hub


def die_at(number: int, *, behind: bool, burial: bool) -> None:
    """End this process at a write to any API server.

    Args:
        number: of the write, from 1.
        behind: after the server has answered it; else before it is sent.
        burial: count from the write that empties a record on.
    """
    send, lock, done, counts = Transport.request, threading.Lock(), [0], [not burial]

    def request(self: Transport, message: Message, *arguments: Any, **options: Any) -> dict[str, Any]:
        if message.method == "GET":
            return send(self, message, *arguments, **options)
        with lock:
            counts[0] = counts[0] or (message.method == "PUT" and (message.body or {}).get("data") == {})
            done[0] += counts[0]
            last = counts[0] and done[0] == number
        if last and not behind:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = send(self, message, *arguments, **options)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    Transport.request = request  # type: ignore[method-assign]


def main() -> int:
    """Read what to do, and begin it."""
    given = json.loads(sys.stdin.read())
    die_at(given["at"], behind=given["behind"], burial=given["burial"])
    with open_hub(given["address"]) as hub:
        if given["model"]:
            hub.deploy(Model.from_yaml(given["model"]), to=Placement("everywhere"), flavour="files")
        else:
            hub.get(given["name"]).delete(timeout=LIMIT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
