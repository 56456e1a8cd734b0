"""What clusters say of what they take by themselves, read from the hub at once."""

from __future__ import annotations

from datetime import UTC, datetime

from i4q_ai.backends.base import Pulled
from i4q_ai.deadline import Deadline
from i4q_ai.manifests import Object
from i4q_ai_ocm import managed
from i4q_ai_ocm.state import PARENT
from i4q_ai_ocm.subscribing import looks, reporting
from i4q_ai_ocm.subscribing.making import GROUPED
from i4q_ai_ocm.subscribing.objects import Owned
from i4q_ai_ocm.subscribing.things import GROUP, HOSTING, REPORT, SUBSCRIPTION

_CHOOSERS = ("cluster.open-cluster-management.io/placement", "cluster.open-cluster-management.io/placementrule")

ByCluster = dict[str, Object]


class Pulling:
    """What clusters say.

    Args:
        owned: what is ours on the hub.
    """

    def __init__(self, owned: Owned) -> None:
        self._owned = owned

    def pulled(self, namespace: str, name: str, deadline: Deadline) -> list[Pulled]:
        """Of one publication, by cluster."""
        labels = self._owned.labels(namespace, name, deadline)
        found = self._owned.listed(SUBSCRIPTION, namespace, labels, deadline)
        available = {each["metadata"]["name"]: managed.available(each) for each in self._owned.hub.managed(deadline)}
        works = self._works(namespace, labels, deadline)
        reports = self._reports(deadline) if found else []
        chosen = self._chosen(namespace, deadline) if found else {}
        said = self._said(namespace, name, deadline) if found else {}
        pulled: dict[str, Pulled] = {}
        for each in found:
            subscription = each["metadata"]["name"]
            known = reporting.Known(
                each,
                frozenset(chosen.get(each["spec"]["placement"]["placementRef"]["name"], ())),
                works.pop(subscription, {}),
                reporting.results(reports, f"{namespace}/{subscription}"),
                said.get(subscription, {}),
                available,
                datetime.now(UTC),
            )
            for one in reporting.report(known):
                if one.cluster not in pulled or one.cluster in known.chosen:
                    pulled[one.cluster] = one
        for left in works.values():
            for one in reporting.gone(left, available):
                pulled.setdefault(one.cluster, one)
        return [pulled[cluster] for cluster in sorted(pulled)]

    def _works(self, namespace: str, labels: dict[str, str], deadline: Deadline) -> dict[str, ByCluster]:
        """Subscription → cluster → the work by which the hub tells it; the copy in it has our labels."""
        found: dict[str, ByCluster] = {}
        for work in self._owned.api.list("ManifestWork", None, labels=HOSTING, deadline=deadline).items:
            for each in ((work.get("spec") or {}).get("workload") or {}).get("manifests") or ():
                about = each.get("metadata") or {}
                ours = each.get("kind") == "Subscription" and about.get("namespace") == namespace
                if ours and labels.items() <= (about.get("labels") or {}).items():
                    name = work["metadata"]["name"].removeprefix(f"{namespace}-")
                    found.setdefault(name, {})[work["metadata"]["namespace"]] = work
        return found

    def _reports(self, deadline: Deadline) -> list[Object]:
        labels = {f"{GROUP}/cluster": "true"}
        return list(self._owned.api.list(REPORT, None, labels=labels, deadline=deadline).items)

    def _chosen(self, namespace: str, deadline: Deadline) -> dict[str, set[str]]:
        """Placement or PlacementRule → its clusters."""
        found: dict[str, set[str]] = {}
        for each in self._owned.api.list("PlacementDecision", namespace, deadline=deadline).items:
            labels = each["metadata"].get("labels") or {}
            name = next((labels[key] for key in _CHOOSERS if key in labels), "")
            chosen = [one["clusterName"] for one in (each.get("status") or {}).get("decisions") or ()]
            found.setdefault(name, set()).update(chosen)
        return found

    def _said(self, namespace: str, name: str, deadline: Deadline) -> dict[str, dict[str, dict[str, str]]]:
        """Subscription → cluster → what its agent says, as looks report it."""
        labels = self._owned.looking(namespace, name, deadline)
        sets = self._owned.listed("ManifestWorkReplicaSet", namespace, labels, deadline)
        of = {f"{namespace}.{each['metadata']['name']}": each["metadata"]["annotations"][GROUPED] for each in sets}
        found: dict[str, dict[str, dict[str, str]]] = {}
        for work in self._owned.api.list("ManifestWork", None, labels=labels, deadline=deadline).items:
            about = work["metadata"]
            subscription = of.get((about.get("labels") or {}).get(PARENT, ""))
            if subscription is not None:
                found.setdefault(subscription, {})[about["namespace"]] = looks.said([work])
        return found
