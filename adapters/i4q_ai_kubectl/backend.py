"""The kubectl backend, put together."""

from __future__ import annotations

from pathlib import Path

from i4q_ai.capabilities import Capabilities
from i4q_ai.deadline import Deadline
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
        address: path of the inventory; `clusters.yaml` if empty.

    Raises:
        NotFoundError, SchemaError: there is no inventory, or it is none.

    Example:
        >>> backend = KubectlBackend("clusters.yaml")  # doctest: +SKIP
    """

    def __init__(self, address: str = "", /) -> None:
        self.path = Path(address or inventories.DEFAULT).expanduser().absolute()
        inventory = inventories.read(self.path)
        self._contacts = Contacts(self.path.parent)
        access = inventory.home_access()
        self._home = Home(self._contacts.open(access), access.namespace)
        roster = Roster(self.path, inventory, self._contacts, self._home)
        self.fleet = KubectlFleet(roster, self._record)
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
            images=True, commands=True, reach=True, logs=True, compare=True, joins=True,
        )  # fmt: skip

    def close(self) -> None:
        """Let go of connections and threads; whatever runs on the clusters goes on."""
        self.fleet.close()
        self._contacts.close()
        self._home.api.close()

    def _record(self, key: Key, deadline: Deadline) -> tuple[int, str] | None:
        record = self.store.get(RECORD_KIND, *key, deadline=deadline)
        return (record.revision, str(record.data.get("owner", "i4q"))) if record else None

    def __repr__(self) -> str:
        return f"KubectlBackend({str(self.path)!r})"
