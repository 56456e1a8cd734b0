"""A rule that is said to be within another one is so, whatever clusters there are."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from i4q_ai import Claim, Label, Name
from i4q_ai.listening.containing import within
from i4q_ai.placing.rules import AllOf, AnyOf, Composable, LabelRule, NameRule, Rule
from tests.unit import things

CNC, FIRST = Label("line") == "cnc", Label("ring") == "first"

# Few labels and values, so that rules meet.
_labels = st.builds(
    LabelRule,
    label=st.sampled_from(["line", "ring"]),
    operator=st.sampled_from(["In", "NotIn"]),
    values=st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=2).map(tuple),
) | st.builds(LabelRule, label=st.sampled_from(["line", "ring"]), operator=st.sampled_from(["Exists", "DoesNotExist"]))
_names = st.builds(NameRule, clusters=st.lists(things.cluster_names, min_size=1, max_size=3).map(tuple))
_rules: st.SearchStrategy[Rule] = st.recursive(
    _labels | _names,
    lambda inner: (
        st.builds(AllOf, all=st.lists(inner, min_size=1, max_size=3).map(tuple))
        | st.builds(AnyOf, any=st.lists(inner, min_size=1, max_size=3).map(tuple))
    ),
    max_leaves=5,
)
_clusters = st.builds(
    things.cluster,
    name=things.cluster_names,
    labels=st.dictionaries(st.sampled_from(["line", "ring"]), st.sampled_from(["a", "b", "c"])),
)


# Few pairs are within one another, and there is no other way to find them than to ask.
@settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(_rules, _rules, st.lists(_clusters, min_size=1, max_size=20))
def test_never_wrong_when_it_says_yes(rule: Rule, bound: Rule, clusters: list[object]) -> None:
    assume(within(rule, bound))  # type: ignore[arg-type]
    for cluster in clusters:
        assert not rule.matches(cluster) or bound.matches(cluster)  # type: ignore[arg-type]


@given(things.rules)
def test_every_rule_is_within_itself(rule: Rule) -> None:
    assert within(rule, rule)  # type: ignore[arg-type]
    assert not within(None, rule)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rule", "bound", "wanted"),
    [
        (CNC & FIRST, CNC, True),
        (CNC & FIRST, FIRST & CNC, True),
        (CNC | FIRST, CNC, False),
        ((CNC & FIRST) | (CNC & ~FIRST), CNC, True),
        (CNC, CNC | FIRST, True),
        (FIRST, CNC, False),
        (~CNC, CNC, False),
        (Name("edge-1"), Name("edge-1", "edge-2"), True),
        (Name("edge-1", "edge-3"), Name("edge-1", "edge-2"), False),
        (Label("line").is_in("cnc", "paint"), CNC, False),
        (CNC, Label("line").is_in("cnc", "paint"), True),
        (Claim("line") == "cnc", CNC, False),
    ],
)
def test_what_people_write(rule: Composable, bound: Composable, wanted: bool) -> None:
    assert within(rule.rule(), bound.rule()) is wanted
