"""PlacementRules, which older hubs have in place of Placements: labels and names, and nothing else. Pure."""

from __future__ import annotations

from i4q_ai.errors import UnsupportedError
from i4q_ai.placement import REST, Placement
from i4q_ai.placing.rules import AllOf, AnyRule, LabelRule, NameRule, Not
from i4q_ai_ocm.subscribing.things import Named, Requirement, Rule, Selector
from i4q_ai_ocm.translate.placements import group_rule

_HINT = "a hub with Placements can say it"
_OPPOSITE = {"In": "NotIn", "NotIn": "In", "Exists": "DoesNotExist", "DoesNotExist": "Exists"}
WARNING = (
    "a PlacementRule knows no sets and no taints, and takes clusters at random where a count is given; "
    "hubs since ACM 2.8 have Placements"
)


def rule(namespace: str, name: str, where: Placement, group: str = REST) -> Rule:
    """The PlacementRule of one group.

    It asks for no condition of clusters: one that is away for a while would lose what it has. Those by name are found
    by their label `name`, which ACM sets, and Open Cluster Management alone does not.

    Args:
        namespace, name: of the object.
        where: which clusters.
        group: of them.

    Raises:
        UnsupportedError: a rule that a PlacementRule cannot say.

    Example:
        >>> from i4q_ai import Label
        >>> rule("factory", "cnc", Placement("cnc", Label("line") == "cnc", count=2)).replicas
        2
    """
    if where.prefer or where.tolerations:
        what = "preferences" if where.prefer else "tolerations"
        raise UnsupportedError(f"placement '{where.name}' has {what}, which a PlacementRule has not", hint=_HINT)
    asked = group_rule(where, group)
    parts = () if asked is None else asked.all if isinstance(asked, AllOf) else (asked,)
    labels: list[Requirement] = []
    clusters: tuple[Named, ...] = ()
    for part in _flat(parts):
        if isinstance(part, NameRule) and not clusters and len(parts) == 1:
            clusters = tuple(Named(name=each) for each in part.clusters)
        else:
            labels.append(_requirement(where, part))
    return Rule(
        namespace=namespace,
        name=name,
        replicas=where.count,
        clusters=clusters,
        selector=None if clusters else Selector(match_expressions=tuple(labels)),
    )


def _flat(parts: tuple[AnyRule, ...]) -> list[AnyRule]:
    found: list[AnyRule] = []
    for part in parts:
        found += _flat(part.all) if isinstance(part, AllOf) else [part]
    return found


def _requirement(where: Placement, part: AnyRule) -> Requirement:
    inner = part.not_ if isinstance(part, Not) else part
    if not isinstance(inner, LabelRule):
        raise UnsupportedError(
            f"placement '{where.name}': a PlacementRule cannot say '{part.text()}', it selects by labels that all hold",
            hint=_HINT,
        )
    operator = _OPPOSITE[inner.operator] if isinstance(part, Not) else inner.operator
    return Requirement.parse({"key": inner.label, "operator": operator, "values": inner.values})
