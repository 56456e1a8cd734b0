"""Home: the cluster in which ledgers and records are kept, as ConfigMaps with compare-and-set."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from typing import Any

from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError, ForbiddenError, NotFoundError
from i4q_ai.kube import Api
from i4q_ai_kubectl import rights
from i4q_ai_kubectl.ledger import Ledger

log = logging.getLogger(__name__)

MANAGED = {"app.kubernetes.io/managed-by": "i4q-ai"}
ROLE = "i4q.ai/role"
LEDGER = {**MANAGED, ROLE: "ledger"}
HUB = "i4q-hub"
_KEY = "ledger.json"
_FIRST_PAUSE = 0.02


class Home:
    """The home cluster.

    Args:
        open_api: gives its API, and the namespace in which everything lies, when they are first needed; the namespace
            is made when something is first written.
    """

    def __init__(self, open_api: Callable[[], tuple[Api, str]]) -> None:
        self._open = open_api
        self._opened: tuple[Api, str] | None = None
        self._lock = threading.Lock()
        self._hub = ""

    @property
    def api(self) -> Api:
        """Of the cluster."""
        return self._access()[0]

    @property
    def namespace(self) -> str:
        """In which everything lies."""
        return self._access()[1]

    def close(self) -> None:
        """Let go of connections."""
        if self._opened is not None:
            self._opened[0].close()

    def _access(self) -> tuple[Api, str]:
        with self._lock:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def hub(self, deadline: Deadline) -> str:
        """The id of this hub, which its objects carry everywhere: made once, then always the same."""
        if not self._hub:
            found = self.api.get("ConfigMap", self.namespace, HUB, deadline=deadline)
            if found is None:
                try:
                    found = self.create(config_map(self.namespace, HUB, {**MANAGED, ROLE: "hub"}, {}), deadline)
                except ConflictError:
                    return self.hub(deadline)
            self._hub = str(found["metadata"]["uid"])[:18].replace("-", "")
        return self._hub

    def ledgers(self, deadline: Deadline) -> dict[str, Ledger]:
        """All ledgers, by cluster."""
        found = self.api.list("ConfigMap", self.namespace, labels=LEDGER, deadline=deadline).items
        return {ledger.cluster: ledger for ledger in map(_read, found)}

    def change(self, cluster: str, to: Callable[[Ledger], Ledger], deadline: Deadline) -> Ledger:
        """Change a cluster's ledger; when somebody else was faster, from what he left.

        Args:
            cluster: whose.
            to: from the ledger as it is to what it should be; may be called several times.
            deadline: when to give up.

        Returns:
            The ledger as it is now.
        """
        name, pause = f"i4q-cluster-{cluster}", _FIRST_PAUSE
        while True:
            found = self.api.get("ConfigMap", self.namespace, name, deadline=deadline)
            before = _read(found) if found else Ledger(cluster=cluster)
            after = to(before)
            if after == before:
                return before
            try:
                self._write(name, found, after, deadline)
            except ConflictError:
                log.debug("ledger of %s: somebody else was faster", cluster)
                deadline.pause(pause)
                pause = min(2 * pause, 1.0)
            else:
                return after

    def forget_deployment(self, namespace: str, name: str, deadline: Deadline) -> None:
        """Drop what is remembered of a deployment whose record goes: its name may begin anew, at revision 1."""
        key = (namespace, name)
        for cluster, ledger in self.ledgers(deadline).items():
            row = ledger.row(key)
            if row is not None and row.item is None:
                self.change(cluster, lambda before: before.without([key]), deadline)

    def forget(self, cluster: str, deadline: Deadline) -> None:
        """Drop a cluster's ledger."""
        self.api.delete("ConfigMap", self.namespace, f"i4q-cluster-{cluster}", deadline=deadline)

    def place(self, namespace: str | None) -> str:  # noqa: ARG002 - another home has another answer
        """In which namespace the records of a deployment's namespace lie: always home's."""
        return self.namespace

    def create(self, wanted: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        """Create an object in home's namespace, and the namespace where it is missing."""
        return create(self.api, wanted, deadline)

    def _write(self, name: str, found: dict[str, Any] | None, ledger: Ledger, deadline: Deadline) -> None:
        data = {_KEY: ledger.model_dump_json(exclude_none=True)}
        if found is None:
            self.create(config_map(self.namespace, name, LEDGER, data), deadline)
        else:
            self.api.replace({**found, "data": data}, deadline=deadline)


def config_map(namespace: str | None, name: str, labels: dict[str, str], data: dict[str, str]) -> dict[str, Any]:
    """A ConfigMap of ours."""
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def create(api: Api, wanted: dict[str, Any], deadline: Deadline, *, program: str = rights.PROGRAM) -> dict[str, Any]:
    """Create an object, and its namespace where that is missing; the program prints the rights that it takes."""
    try:
        return api.create(wanted, deadline=deadline)
    except NotFoundError:
        make_namespace(api, wanted["metadata"]["namespace"], deadline, program=program)
        return api.create(wanted, deadline=deadline)


def make_namespace(api: Api, name: str, deadline: Deadline, *, program: str = rights.PROGRAM) -> None:
    """Make a namespace; nothing if somebody else was faster. It is never deleted: it may hold more than ours.

    Args:
        api: of the cluster.
        name: of the namespace.
        deadline: when to give up.
        program: prints the rights that it takes.

    Raises:
        ForbiddenError: the right to make it is missing.
    """
    wanted = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    try:
        api.create(wanted, deadline=deadline)
    except ConflictError:
        log.debug("namespace %s is there already", name)
    except ForbiddenError as error:
        raise rights.no_namespace(name, error, program) from error


def _read(found: dict[str, Any]) -> Ledger:
    where = f"ConfigMap {found['metadata']['name']}"
    return Ledger.parse(json.loads(found["data"][_KEY]), where=where)
