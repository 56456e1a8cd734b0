"""The kubectl backend, put together."""

from __future__ import annotations

from pathlib import Path

from i4q_ai.capabilities import Capabilities
from i4q_ai.deadline import Deadline
from i4q_ai.kube import Api
from i4q_ai.spec import RECORD_KIND
from i4q_ai_kubectl import inventory as inventories
from i4q_ai_kubectl.contacts import Contacts
from i4q_ai_kubectl.fleet import KubectlFleet
from i4q_ai_kubectl.home import Home
from i4q_ai_kubectl.ledger import Key
from i4q_ai_kubectl.roster import Roster
from i4q_ai_kubectl.store import KubectlStore


class KubectlBackend:
    """Plain Kubernetes clusters, told by server-side apply.

    Args:
        address: path of the inventory, `clusters.yaml` if empty; where it is not there yet, the first that joins
            begins it.

    Raises:
        SchemaError: the file is no inventory.

    Example:
        >>> backend = KubectlBackend("clusters.yaml")  # doctest: +SKIP
    """

    def __init__(self, address: str = "", /) -> None:
        self.path = Path(address or inventories.DEFAULT).expanduser().absolute()
        self._contacts = Contacts(self.path.parent)
        self._home = Home(self._access)
        self._roster = Roster(self.path, self._contacts, self._home)
        self.fleet = KubectlFleet(self._roster, self._record)
        self.store = KubectlStore(self._home, self._home.forget_deployment)

    @property
    def name(self) -> str:
        """As in the registry."""
        return "kubectl"

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return Capabilities(
            flavours=frozenset({"server", "files", "image"}),
            images=True, commands=True, reach=True, logs=True, compare=True, joins=True, scores=True,
        )  # fmt: skip

    def close(self) -> None:
        """Let go of connections and threads; whatever runs on the clusters goes on."""
        self.fleet.close()
        self._contacts.close()
        self._home.close()

    def _access(self) -> tuple[Api, str]:
        access = self._roster.inventory.home_access()
        return self._contacts.open(access), access.namespace

    def _record(self, key: Key, deadline: Deadline) -> tuple[int, str] | None:
        record = self.store.get(RECORD_KIND, *key, deadline=deadline)
        return (record.revision, str(record.data.get("owner", "i4q"))) if record else None

    def __repr__(self) -> str:
        return f"KubectlBackend({str(self.path)!r})"
