"""Answers of several hubs as one: rows together, each under a name that is its own. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from i4q_ai.errors import I4qError
from i4q_ai.placement import Placement
from i4q_ai.placing.evaluate import Decision, Verdict
from i4q_ai.status import Phase, Status
from i4q_ai.summary import worst


def clashing(clusters: Mapping[str, Iterable[str]]) -> Callable[[str, str], str]:
    """What clusters are called in a view of several hubs: their names, with `hub/` before those that two hubs have.

    Args:
        clusters: hub → names of its clusters in the view.
    """
    number = Counter(name for names in clusters.values() for name in set(names))
    return lambda hub, cluster: f"{hub}/{cluster}" if number[cluster] > 1 else cluster


def joined_decision(placement: Placement, decisions: Mapping[str, Decision], away: Mapping[str, I4qError]) -> Decision:
    """The decisions of several hubs as one.

    Args:
        placement: that was explained.
        decisions: hub → its decision.
        away: hub → why it could not be asked; each becomes a row, as `hub/*`.
    """
    name = clashing({hub: [each.cluster for each in one.verdicts] for hub, one in decisions.items()})
    rows = [replace(each, cluster=name(hub, each.cluster)) for hub, one in decisions.items() for each in one.verdicts]
    rows += [Verdict(f"{hub}/*", selected=False, clause=f"hub not asked: {error.what}") for hub, error in away.items()]
    return Decision(placement, tuple(sorted(rows, key=lambda each: each.cluster)))


def joined_status(statuses: Mapping[str, Status], away: Mapping[str, I4qError]) -> Status:
    """The statuses of one deployment on several hubs as one.

    Args:
        statuses: hub → its status; if there is none, there must be somebody away.
        away: hub → why it could not be asked.

    Raises:
        I4qError: nobody has answered.
    """
    if not statuses:
        raise next(iter(away.values()))
    name = clashing({hub: [row.cluster for row in one.clusters] for hub, one in statuses.items()})
    first = next(iter(statuses.values()))
    told = [f"{hub}: {one.message}" for hub, one in statuses.items() if one.message]
    told += [f"hub {hub} not asked: {error.what}" for hub, error in away.items()]
    versions = ", ".join(dict.fromkeys(one.version for one in statuses.values() if one.version))
    return Status(
        namespace=first.namespace,
        name=first.name,
        kind=first.kind,
        revision=max(one.revision for one in statuses.values()),
        version=versions,
        phase=worst({one.phase for one in statuses.values()}, otherwise=Phase.OFFLINE),
        message="; ".join(told),
        clusters=tuple(
            row.replace(cluster=name(hub, row.cluster)) for hub, one in statuses.items() for row in one.clusters
        ),
    )
