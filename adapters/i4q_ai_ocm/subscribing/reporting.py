"""What clusters say of the folder that they take by themselves, from what the hub knows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from i4q_ai.backends.base import Pulled
from i4q_ai.cluster import Condition
from i4q_ai.manifests import Object
from i4q_ai.placement import REST
from i4q_ai.status import Phase
from i4q_ai_ocm import feedback
from i4q_ai_ocm.subscribing import looks
from i4q_ai_ocm.subscribing.making import COMMIT, GROUPED
from i4q_ai_ocm.subscribing.things import REFRESHED

_PRECISION = timedelta(seconds=1)
"""Kubernetes writes times by the second."""
_PATIENCE = timedelta(seconds=60)
"""The hub tells clusters within a few seconds; where it finds nothing in a folder, never, and without a word."""
_NOTHING = (
    "the hub does not tell it: there is nothing in the folder that it can read, "
    "or its subscription controller does not run"
)
UNKNOWN = Condition(type="Available", status="False", reason="Unknown", message="the hub does not know this cluster")


@dataclass(frozen=True)
class Known:
    """What the hub knows of one Subscription.

    Args:
        subscription: as it lies on the hub.
        chosen: its clusters.
        works: cluster → the work by which the hub has told it.
        reports: cluster → "deployed", "failed" or "propagationFailed".
        said: cluster → what its agent says, where there are looks; nothing yet where one has just been made.
        available: cluster → whether the hub hears of it.
        now: the time, by which the hub has not done what it does at once; None is no time at all.
    """

    subscription: Object
    chosen: frozenset[str]
    works: Mapping[str, Object] = field(default_factory=dict)
    reports: Mapping[str, str] = field(default_factory=dict)
    said: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    available: Mapping[str, Condition] = field(default_factory=dict)
    now: datetime | None = None

    @property
    def stuck(self) -> bool:
        """Whether the hub has had far more time than it takes to tell its clusters."""
        about = self.subscription["metadata"]
        told = _time(self.annotations.get(REFRESHED) or about.get("creationTimestamp"))
        return self.now is not None and told is not None and self.now - told > _PATIENCE

    @property
    def annotations(self) -> Mapping[str, str]:
        """Of the Subscription."""
        return self.subscription["metadata"].get("annotations") or {}


def report(known: Known) -> list[Pulled]:
    """What every cluster says that takes it, should take it, or must still lose it; by cluster."""
    group = known.annotations.get(GROUPED, REST)
    return [
        _one(known, cluster).replace(group=group, cluster=cluster) for cluster in sorted({*known.chosen, *known.works})
    ]


def gone(works: Mapping[str, Object], available: Mapping[str, Condition]) -> list[Pulled]:
    """What clusters say whose Subscription is gone already."""
    return [_leaving(available.get(cluster, UNKNOWN)).replace(cluster=cluster) for cluster in sorted(works)]


def results(reports: Iterable[Object], source: str) -> dict[str, str]:
    """Cluster → what its report says.

    Args:
        reports: SubscriptionReports of type Cluster.
        source: namespace and name of the Subscription, with a slash.
    """
    return {
        each["metadata"]["namespace"]: result["result"]
        for each in reports
        if each.get("reportType") == "Cluster"
        for result in each.get("results") or ()
        if result.get("source") == source
    }


def _one(known: Known, cluster: str) -> Pulled:
    away, work = known.available.get(cluster, UNKNOWN), known.works.get(cluster)
    if cluster not in known.chosen or (work is not None and "deletionTimestamp" in work["metadata"]):
        return _leaving(away)
    if away.status != "True":
        had = known.annotations.get(COMMIT, "") if work is not None and _has(known, cluster, work) else ""
        return _said(Phase.OFFLINE, away.reason, away.message, commit=had, since=away.since)
    status = known.subscription.get("status") or {}
    if status.get("phase") == "PropagationFailed":
        return _said(Phase.FAILED, "PropagationFailed", str(status.get("reason") or "the hub does not say why"))
    if work is None or _refreshed(work) != known.annotations.get(REFRESHED):
        if known.stuck:
            return _said(Phase.FAILED, "NotPropagated", _NOTHING)
        new = "" if work is None else " of the newest commit"
        return _said(Phase.PENDING, "NotPropagated", f"the hub has not told it{new} yet")
    if feedback.is_applied(work) is False:
        told = "; ".join(each.text for each in feedback.refusals(work)) or "its work agent does not say why"
        return _said(Phase.FAILED, "AppliedManifestWorkFailed", told)
    if feedback.is_applied(work) is None:
        return _said(Phase.PENDING, "NotDelivered", "the cluster has not been told yet")
    return _agent(known, cluster)


def _agent(known: Known, cluster: str) -> Pulled:
    """What the cluster's own agent says: by itself where there are looks, else in one word."""
    result, said = known.reports.get(cluster), known.said.get(cluster, {})
    if cluster in known.said and not said:
        return _said(Phase.PENDING, "NotReported", "what its agent says has not come yet")
    since = _time(said.get("applied")) or _time(said.get("time"))
    why = looks.why([said])
    if said and not _new(known, said):
        return _said(Phase.PENDING, "NotRead", "its agent has not read the newest commit yet", since=since)
    if said.get("phase") == "Failed" or said.get("overall") == "Failed" or said.get("failed"):
        return _said(Phase.FAILED, "SubscriptionFailed", why or "its agent does not say why", since=since)
    if said.get("message", "").lower() == "blocked":
        return _said(Phase.WAITING, "TimeWindow", "its time window is closed", since=since)
    if result == "failed":
        return _said(Phase.FAILED, "SubscriptionFailed", why or _ASK, since=since)
    if result == "propagationFailed":
        return _said(Phase.FAILED, "PropagationFailed", why or "the hub could not tell it", since=since)
    if result != "deployed":
        return _said(Phase.PENDING, "NotReported", "its agent has not reported yet", since=since)
    return _said(Phase.READY, "", "", commit=known.annotations.get(COMMIT, ""), since=since)


_ASK = "its agent has failed, and the hub does not know why; the SubscriptionStatus on the cluster says it"


def _new(known: Known, said: Mapping[str, str]) -> bool:
    """Whether the agent has looked since it was told to: by its clock, and ours."""
    wanted = known.annotations.get(REFRESHED)
    if wanted is None:
        return True
    if said.get("refreshed") != wanted:
        return False
    failed = said.get("phase") == "Failed"
    at, told = _time(said.get("time") if failed else said.get("applied") or said.get("time")), _time(wanted)
    return at is None or told is None or at + _PRECISION >= told


def _has(known: Known, cluster: str, work: Object) -> bool:
    """Whether the cluster had the newest commit when it was last heard of."""
    told = _refreshed(work) == known.annotations.get(REFRESHED) and feedback.is_applied(work) is True
    return told and _agent(known, cluster).phase is Phase.READY


def _refreshed(work: Object) -> str | None:
    """The time for which a work tells its cluster to look."""
    for manifest in ((work.get("spec") or {}).get("workload") or {}).get("manifests") or ():
        if manifest.get("kind") == "Subscription":
            found = (manifest["metadata"].get("annotations") or {}).get(REFRESHED)
            return None if found is None else str(found)
    return None


def _leaving(away: Condition) -> Pulled:
    if away.status != "True":
        return _said(Phase.OFFLINE, away.reason, away.message, since=away.since)
    return _said(Phase.REMOVING, "", "what it took is being taken away")


def _said(phase: Phase, reason: str, message: str, *, commit: str = "", since: datetime | None = None) -> Pulled:
    return Pulled(cluster="", phase=phase, reason=reason, message=message, commit=commit, since=since)


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
