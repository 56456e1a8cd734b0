"""What an agent does where it stands: for a whole cluster, or beside one workload in its pod."""

from __future__ import annotations

from enum import Enum

from i4q_ai.desired import Item, ModelItem


class Scope(Enum):
    """Where an agent stands."""

    CLUSTER = "cluster"
    """It runs all that the cluster should run."""
    POD = "pod"
    """It brings models as files to the workload beside it, which somebody else runs; it starts no process."""

    def supports(self, item: Item) -> bool:
        """Whether an agent here can bring or run it.

        Example:
            >>> tool_wear = ModelItem(namespace="i4q", name="tool-wear", model="tool-wear", version="1",
            ...     digest="sha256:" + "0" * 64, references=("oci:/srv/models",), flavour="server")
            >>> Scope.CLUSTER.supports(tool_wear), Scope.POD.supports(tool_wear)
            (True, False)
        """
        if isinstance(item, ModelItem):
            return item.flavour == "files" or (item.flavour == "server" and self is Scope.CLUSTER)
        return item.image is None and self is Scope.CLUSTER

    def refusal(self, item: Item) -> tuple[str, str]:
        """Reason and message for an item that is not supported here."""
        if isinstance(item, ModelItem):
            ways = "as server or files" if self is Scope.CLUSTER else "beside a workload as files"
            where = "this cluster delivers models" if self is Scope.CLUSTER else "this agent delivers models"
            return "FlavourNotSupported", f"{where} {ways}, not as {item.flavour}"
        if self is Scope.POD:
            return "WorkloadsNotSupported", "this agent stands beside a workload and runs none itself"
        return "ImagesNotSupported", "this cluster runs commands with pushed code, not images"
