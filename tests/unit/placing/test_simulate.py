"""What if."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai import Hub, Label, Name, Placement, WhatIf, display
from i4q_ai.cluster import Cluster
from i4q_ai.errors import InvalidError, NotFoundError, SchemaError
from i4q_ai.placing.evaluate import evaluate
from i4q_ai.placing.simulate import simulate
from tests.unit import things
from tests.unit.memory import MemoryBackend

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CNC = Placement("cnc", Label("line") == "cnc")
CLUSTERS = [things.cluster(f"edge-{n}", labels={"line": line}) for n, line in enumerate(["cnc", "cnc", "paint"], 1)]


def outcome(change: WhatIf, placement: Placement = CNC, **about: Any) -> tuple[tuple[str, ...], ...]:
    found = simulate(placement, CLUSTERS, change=change, now=NOW, **about)
    return found.gains, found.losses, found.stays


def test_a_label() -> None:
    change = WhatIf(labels={"edge-1": {"line": None}, "edge-3": {"line": "cnc"}})
    assert outcome(change) == (("edge-3",), ("edge-1",), ("edge-2",))
    assert CLUSTERS[0].labels == {"line": "cnc"}


def test_a_taint_and_none() -> None:
    assert outcome(WhatIf(taints={"edge-1": "a=b:NoSelect"})) == ((), ("edge-1",), ("edge-2",))
    assert outcome(WhatIf(taints={"edge-1": ["a=b:NoSelectIfNew"]})) == ((), (), ("edge-1", "edge-2"))
    tainted = [things.cluster("edge-1", taints=[{"key": "a"}])]
    assert simulate(Placement("p"), tainted, change=WhatIf(untaints={"edge-1": ("a",)}), now=NOW).gains == ("edge-1",)


def test_a_count_keeps_who_has_it() -> None:
    assert outcome(WhatIf(count=1)) == ((), ("edge-2",), ("edge-1",))
    assert outcome(WhatIf(count=1), CNC.replace(count=2), current={"edge-2"}) == ((), ("edge-2",), ("edge-1",))
    assert outcome(WhatIf(count="all"), CNC.replace(count=1), current={"edge-2"}) == (("edge-1",), (), ("edge-2",))


def test_a_rule() -> None:
    assert outcome(WhatIf(rule=Name("edge-1", "edge-3"))) == (("edge-3",), ("edge-2",), ("edge-1",))


def test_it_says_why_as_a_table_as_html_and_as_data() -> None:
    found = simulate(CNC, CLUSTERS, change=WhatIf(labels={"edge-1": {"line": "press"}}, count=2), now=NOW)
    assert str(found).splitlines() == [
        "cnc, if edge-1 has label line=press, count is 2: 0 would gain it, 1 would lose it, 1 keep it",
        "CLUSTER  EFFECT  GROUP  BEFORE                        AFTER",
        "edge-1   loses   *      label line == cnc             label line == cnc (is press)",
        "edge-2   keeps   *      label line == cnc             label line == cnc",
        "edge-3   out     -      label line == cnc (is paint)  label line == cnc (is paint)",
    ]
    assert "loses" in found._repr_html_()
    assert display.simulation(found).data()[0]["effect"] == "loses"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"labels": {"edge-1": {"a b": "c"}}}, "is no label key"),
        ({"count": 0}, "greater than or equal to 1"),
        ({"count": "some"}, "'all'"),
        ({"colour": "red"}, "unknown field 'colour'"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(SchemaError, match=told):
        WhatIf(**change)


def test_a_taint_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidError, match="'a' is no taint"):
        WhatIf(taints={"edge-1": "a"})


def test_a_cluster_that_is_not_there() -> None:
    with pytest.raises(NotFoundError, match="did you mean 'edge-"):
        outcome(WhatIf(labels={"egde-1": {}}))


@given(things.placements, things.fleets, st.data())
def test_it_is_what_would_happen(placement: Placement, fleet: list[Cluster], data: Any) -> None:
    labels = data.draw(st.dictionaries(st.sampled_from([each.name for each in fleet]), things.labels)) if fleet else {}
    change = WhatIf(labels=labels, count=data.draw(st.none() | st.integers(1, 3)))
    found = simulate(placement, fleet, change=change, now=NOW)
    has = frozenset(evaluate(placement, fleet, now=NOW).selected)
    then = evaluate(found.after.placement, found.supposed.clusters(fleet), current=has, now=NOW)
    assert set(found.gains) == set(then.selected) - has
    assert set(found.losses) == has - set(then.selected)
    assert set(found.stays) == has & set(then.selected)


def test_a_deployment_knows_where_it_is(memory: MemoryBackend) -> None:
    hub = Hub()
    deployment = hub.deploy(things.model(), to=Placement("one", Name("edge-2")))
    hub.deploy(things.model(), to=Placement("one", count=1), allow_eviction=True)
    before = dict(memory.fleet.told)
    found = deployment.simulate(change=WhatIf(count=2))
    assert (found.gains, found.stays) == (("edge-1",), ("edge-2",))
    assert hub.simulate(CNC, change=WhatIf(count=1)).losses == ("edge-2",)
    assert memory.fleet.told == before
