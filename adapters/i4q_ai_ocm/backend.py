"""The OCM backend, put together."""

from __future__ import annotations

from i4q_ai.backends.base import Record
from i4q_ai.capabilities import Capabilities
from i4q_ai.deadline import Deadline
from i4q_ai.spec import RECORD_KIND
from i4q_ai_kubectl.store import KubectlStore
from i4q_ai_ocm import settings
from i4q_ai_ocm.fleet import OcmFleet
from i4q_ai_ocm.following import Following
from i4q_ai_ocm.home import OcmHome
from i4q_ai_ocm.hub import HubObjects
from i4q_ai_ocm.roster import Roster, opened
from i4q_ai_ocm.state import Key


class OcmBackend:
    """A hub of Open Cluster Management, or of Red Hat ACM.

    Args:
        address: empty for the current context, the name of a context, the path of a kubeconfig, or the path of a YAML
            file with an OcmHub.

    Raises:
        NotFoundError: there is no such file or context.
        SchemaError: the file is neither a kubeconfig nor an OcmHub.

    Example:
        >>> backend = OcmBackend("hub-context")  # doctest: +SKIP
    """

    def __init__(self, address: str = "", /) -> None:
        self.address = address
        self.settings, folder = settings.read(address)
        self._home = OcmHome(opened(self.settings.access, folder))
        objects = HubObjects(self._home, self.settings)
        self.fleet = OcmFleet(objects, Roster(objects, folder), self._record, Following(objects))
        self.store = KubectlStore(self._home, self.fleet.forget)

    @property
    def name(self) -> str:
        """As in the registry."""
        return "ocm"

    @property
    def capabilities(self) -> Capabilities:
        """What it can do; addresses and logs only where the settings say how a cluster is reached."""
        by_git = self.settings.delivery == "subscription"
        reach = bool(self.settings.reach) and not by_git
        return Capabilities(
            flavours=frozenset({"server", "image"} if by_git else {"server", "files", "image"}),
            images=True, commands=True, reach=reach, logs=reach, joins=True, scores=True,
            gitops=self.settings.git is not None, single=not by_git,
        )  # fmt: skip

    def close(self) -> None:
        """Let go of connections and threads; whatever runs on the clusters goes on."""
        self.fleet.close()
        self._home.close()

    def _record(self, key: Key, deadline: Deadline) -> Record | None:
        return self.store.get(RECORD_KIND, *key, deadline=deadline)

    def __repr__(self) -> str:
        return f"OcmBackend({self.address!r})"
