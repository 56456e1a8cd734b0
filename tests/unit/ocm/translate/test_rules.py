"""Rules as predicates mean the same, on every cluster, and are read back."""

from __future__ import annotations

from functools import reduce
from operator import and_
from typing import Any

import pytest
from hypothesis import given, settings

from i4q_ai import Claim, Cluster, KubeVersion, Label, Resource
from i4q_ai.errors import RuleError, UnsupportedError
from i4q_ai.placing.rules import AllOf, AnyOf, AnyRule, Composable
from i4q_ai_ocm.translate import expressions, rules
from tests.unit.ocm.translate import worlds


@settings(max_examples=400)
@given(worlds.rules(), worlds.clusters())
def test_predicates_select_what_the_rule_matches(rule: AnyRule, cluster: Cluster) -> None:
    assert worlds.selects(rules.predicates(rule), worlds.managed(cluster)) == rule.matches(cluster)


@settings(max_examples=200)
@given(worlds.rules(), worlds.clusters())
def test_one_expression_selects_what_the_rule_matches(rule: AnyRule, cluster: Cluster) -> None:
    whole = [{"requiredClusterSelector": {"celSelector": {"celExpressions": [expressions.expression(rule)]}}}]
    assert worlds.selects(whole, worlds.managed(cluster)) == rule.matches(cluster)


@settings(max_examples=200)
@given(worlds.rules(), worlds.clusters())
def test_what_was_written_is_read_with_the_same_meaning(rule: AnyRule, cluster: Cluster) -> None:
    read = rules.rule(rules.predicates(rule))
    assert read is not None
    assert read.matches(cluster) == rule.matches(cluster)
    assert expressions.read(expressions.expression(rule)).matches(cluster) == rule.matches(cluster)


@settings(max_examples=200)
@given(worlds.rules())
def test_there_are_never_too_many(rule: AnyRule) -> None:
    assert 1 <= len(rules.predicates(rule)) <= rules.MOST


def test_no_rule_is_no_predicate() -> None:
    assert rules.predicates(None) == []
    assert rules.rule([]) is None


def test_labels_and_claims_need_no_cel() -> None:
    rule = ((Label("line") == "cnc") | ~Label("gpu").exists()) & ~(Claim("platform") == "AWS")
    assert all("celSelector" not in each["requiredClusterSelector"] for each in rules.predicates(rule))


def test_what_stands_twice_is_said_once() -> None:
    cnc, gpu = (Label("line") == "cnc").rule(), Label("gpu").exists().rule()
    assert rules.predicates(AnyOf(any=(cnc, cnc))) == rules.predicates(cnc)
    assert rules.predicates(AnyOf(any=(AllOf(all=(cnc, gpu)), gpu))) == rules.predicates(gpu)


def _pairs(count: int) -> AnyRule:
    pairs: list[Composable] = [(Label(f"a{number}") == "x") | (Label(f"b{number}") == "x") for number in range(count)]
    return reduce(and_, pairs).rule()


def test_too_many_predicates_become_one_expression() -> None:
    assert len(rules.predicates(_pairs(4))) == 16
    (only,) = rules.predicates(_pairs(5))
    assert list(only["requiredClusterSelector"]) == ["celSelector"]


@pytest.mark.parametrize("value", ["0.5n", "10E", "-10E"])
def test_an_amount_that_the_hub_would_round_is_refused(value: str) -> None:
    with pytest.raises(UnsupportedError, match=r"which rounds"):
        rules.predicates((Resource("memory") >= value).rule())


def test_the_version_is_asked_without_its_letter() -> None:
    # OCM's CEL knows semver(text) alone; semver(text, true), which takes "v1.34.0", would evict every cluster.
    text = expressions.expression((KubeVersion() >= "v1.34").rule())
    assert 'semver("1.34.0")' in text
    assert ", true)" not in text


def _selector(**selector: Any) -> list[dict[str, Any]]:
    return [{"requiredClusterSelector": selector}]


FOREIGN: list[tuple[list[dict[str, Any]], Composable]] = [
    (_selector(labelSelector={"matchLabels": {"line": "cnc"}}), Label("line") == "cnc"),
    (
        _selector(
            labelSelector={"matchLabels": {"line": "cnc"}, "matchExpressions": [{"key": "a", "operator": "Exists"}]}
        ),
        (Label("line") == "cnc") & Label("a").exists(),
    ),
    (
        _selector(claimSelector={"matchExpressions": [{"key": "p", "operator": "NotIn", "values": ["x", "y"]}]}),
        Claim("p").not_in("x", "y"),
    ),
    (
        _selector(labelSelector={"matchLabels": {"a": "1"}}) + _selector(labelSelector={"matchLabels": {"b": "2"}}),
        (Label("a") == "1") | (Label("b") == "2"),
    ),
]


@pytest.mark.parametrize(("predicates", "rule"), FOREIGN)
def test_selectors_of_others_are_read(predicates: list[dict[str, Any]], rule: Composable) -> None:
    assert rules.rule(predicates) == rule.rule()


@pytest.mark.parametrize(
    "predicates",
    [
        [{}],
        [{"requiredClusterSelector": {}}],
        _selector(labelSelector={}, claimSelector={}, celSelector={}),
        _selector(labelSelector={"matchLabels": {"a": "1"}}) + _selector(),
    ],
)
def test_an_empty_selector_means_every_cluster(predicates: list[dict[str, Any]]) -> None:
    assert rules.rule(predicates) is None


@pytest.mark.parametrize(
    "text",
    [
        "managedCluster.metadata.name.startsWith('edge')",
        'managedCluster.metadata.name in ["a"] && size(managedCluster.metadata.labels) > 1',
        'managedCluster.metadata.name in ["a"] ||',
        '(managedCluster.metadata.name in ["a"]',
        "",
    ],
)
def test_other_cel_is_named_in_the_refusal(text: str) -> None:
    with pytest.raises(UnsupportedError) as refused:
        rules.rule(_selector(celSelector={"celExpressions": [text]}))
    assert repr(text) in str(refused.value)


def test_an_unknown_operator_is_refused() -> None:
    wrong = _selector(labelSelector={"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1"]}]})
    with pytest.raises(RuleError, match=r"operator 'Gt' of key 'a'"):
        rules.rule(wrong)
