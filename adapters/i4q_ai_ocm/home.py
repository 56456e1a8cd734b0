"""The hub's API server: where records lie, each in its deployment's own namespace."""

from __future__ import annotations

import threading
from typing import Any

from i4q_ai.deadline import Deadline
from i4q_ai.errors import NotFoundError
from i4q_ai.kube import Api
from i4q_ai_kubectl.home import create
from i4q_ai_ocm import rights


class OcmHome:
    """The API server of a hub.

    Args:
        api: of it.
    """

    def __init__(self, api: Api) -> None:
        self.api = api
        self._hub = ""
        self._lock = threading.Lock()

    def close(self) -> None:
        """Let go of connections."""
        self.api.close()

    def hub(self, deadline: Deadline) -> str:
        """The id that our objects carry everywhere: of the hub's control plane, so the same for all who use it.

        Raises:
            ForbiddenError: the right to read the namespace `kube-system` is missing.
        """
        with self._lock:
            if not self._hub:
                found = self.api.get("Namespace", None, "kube-system", deadline=deadline)
                if found is None:
                    raise NotFoundError("the hub has no namespace 'kube-system', so it cannot be told from others")
                self._hub = str(found["metadata"]["uid"])[:18].replace("-", "")
            return self._hub

    def place(self, namespace: str | None) -> str | None:
        """In which namespace the records of a deployment's namespace lie: in itself."""
        return namespace

    def create(self, wanted: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        """Create an object, and its namespace where that is missing."""
        return create(self.api, wanted, deadline, program=rights.PROGRAM)
