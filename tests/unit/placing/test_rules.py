"""Rules: what they mean, what they say, and that they are data."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai.cluster import Cluster
from i4q_ai.errors import RuleError, SchemaError
from i4q_ai.placement import Placement
from i4q_ai.placing.builders import Claim, KubeVersion, Label, Name, Resource
from i4q_ai.placing.quantities import parse
from i4q_ai.placing.rules import Rule, kube_version
from tests.unit import things


def oracle(rule: dict[str, Any], cluster: Cluster) -> bool:
    """What a rule's plain data means, said once more in the plainest way."""
    match rule:
        case {"all": inner}:
            return all(oracle(each, cluster) for each in inner)
        case {"any": inner}:
            return any(oracle(each, cluster) for each in inner)
        case {"not": inner}:
            return not oracle(inner, cluster)
        case {"clusters": names}:
            return cluster.name in names
        case {"label": key}:
            return selects(rule, cluster.labels, key)
        case {"claim": key}:
            return selects(rule, cluster.claims, key)
        case {"resource": key, "operator": operator, "value": value}:
            return key in cluster.resources and ordered(parse(cluster.resources[key]), operator, parse(value))
        case {"kubeVersion": version, "operator": operator}:
            have = cluster.kube_version
            return have is not None and ordered(kube_version(have), operator, kube_version(version))
    raise AssertionError(f"no rule: {rule}")


def selects(rule: dict[str, Any], pairs: dict[str, str], key: str) -> bool:
    operator, values = rule.get("operator", "In"), rule.get("values", ())
    there = key in pairs
    return {
        "In": there and pairs.get(key) in values,
        "NotIn": not there or pairs.get(key) not in values,
        "Exists": there,
        "DoesNotExist": not there,
    }[operator]


def ordered(left: Any, operator: str, right: Any) -> bool:
    return {
        "==": left == right,
        "!=": left != right,
        ">=": left >= right,
        ">": left > right,
        "<=": left <= right,
        "<": left < right,
    }[operator]


@given(things.rules, things.clusters)
def test_a_rule_means_what_its_data_says(rule: Rule, cluster: Cluster) -> None:
    assert rule.matches(cluster) == oracle(rule.dump(), cluster)


@given(things.rules, things.rules, things.clusters)
def test_de_morgan(a: Any, b: Any, cluster: Cluster) -> None:
    assert (~(a & b)).matches(cluster) == (~a | ~b).matches(cluster)
    assert (~(a | b)).matches(cluster) == (~a & ~b).matches(cluster)


@given(things.rules, things.clusters)
def test_not_is_the_opposite_and_twice_is_nothing(rule: Any, cluster: Cluster) -> None:
    assert (~rule).matches(cluster) is not rule.matches(cluster)
    assert (~~rule).matches(cluster) == rule.matches(cluster)


@given(things.rules, things.rules, things.rules)
def test_brackets_do_not_matter_where_they_cannot(a: Any, b: Any, c: Any) -> None:
    assert ((a & b) & c) == (a & (b & c))
    assert ((a | b) | c) == (a | (b | c))


@given(things.rules)
def test_yaml_loses_nothing(rule: Rule) -> None:
    placement = Placement("p", rule)
    again = Placement.from_yaml(placement.to_yaml())
    assert again.rule == rule
    assert str(again.rule) == rule.text()


@given(things.rules, things.clusters)
def test_the_deciding_clause_is_told(rule: Rule, cluster: Cluster) -> None:
    assert rule.decided(cluster).strip()


@given(things.rules)
def test_a_rule_is_neither_true_nor_false(rule: Rule) -> None:
    with pytest.raises(RuleError, match="compose rules with &"):
        bool(rule)


@pytest.mark.parametrize(
    "compose",
    [
        lambda: (Label("a") == "b") and Label("c"),
        lambda: Label("a") or Label("c"),
        lambda: not Label("a"),
        lambda: 1 < Resource("cpu") < 4,
    ],
)
def test_words_instead_of_signs_are_refused(compose: Any) -> None:
    with pytest.raises(RuleError, match="neither true nor false"):
        compose()


@pytest.mark.parametrize(
    "compose",
    [
        lambda: Label("a") & "b",
        lambda: "b" | Label("a"),
        lambda: True & (Label("a") == "b"),
        lambda: Label("a") == "b" & Label("c"),
        lambda: (Label("a") == "b") & (Resource("cpu")),
    ],
)
def test_what_is_no_rule_does_not_compose(compose: Any) -> None:
    with pytest.raises(RuleError, match="is no rule"):
        compose()


def test_builders_make_rules_that_say_themselves() -> None:
    told = {
        (Label("line") == "cnc").text(): "label line == cnc",
        (Label("line") != "cnc").text(): "label line != cnc",
        Label("line").is_in("a", "b").text(): "label line in (a, b)",
        Label("line").not_in("a", "b").text(): "label line not in (a, b)",
        Label("line").exists().text(): "label line exists",
        Label("line").absent().text(): "label line is absent",
        (Claim("platform") == "AWS").text(): "claim platform == AWS",
        (Resource("memory") >= "1Gi").text(): "resource memory >= 1Gi",
        (Resource("cpu") > 2).text(): "resource cpu > 2",
        (KubeVersion() < "1.34").text(): "kubeVersion < 1.34",
        Name("edge-1").text(): "name == edge-1",
        Name("edge-1", "edge-2").text(): "name in (edge-1, edge-2)",
        (Label("a") | Label("b") & ~Name("c")).text(): "label a exists or (label b exists and not name == c)",
    }
    assert [said for said, expected in told.items() if said != expected] == []


def test_what_a_cluster_has_instead_is_told() -> None:
    cluster = Cluster(name="edge-1", labels={"line": "paint"}, resources={"memory": "512Mi"}, kube_version="v1.30.1")
    told = {
        (Label("line") == "cnc").decided(cluster): "label line == cnc (is paint)",
        (Label("site") == "north").decided(cluster): "label site == north (has no such label)",
        (Claim("x") == "y").decided(cluster): "claim x == y (has no such claim)",
        (Resource("memory") >= "1Gi").decided(cluster): "resource memory >= 1Gi (is 512Mi)",
        (Resource("cpu") >= "1").decided(cluster): "resource cpu >= 1 (does not say)",
        (KubeVersion() >= "1.33").decided(cluster): "kubeVersion >= 1.33 (is v1.30.1)",
        ((Label("line") == "paint") & Name("edge-2")).decided(cluster): "name == edge-2",
        ((Label("line") == "paint") | Name("edge-2")).decided(cluster): "label line == paint",
    }
    assert [said for said, expected in told.items() if said != expected] == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"label": "a", "operator": "In"}, "operator In needs values"),
        ({"label": "a", "operator": "Exists", "values": ["b"]}, "operator Exists takes no values"),
        ({"label": "a b", "values": ["c"]}, "is no label key"),
        ({"resource": "cpu", "operator": ">=", "value": "lots"}, "is no quantity"),
        ({"resource": "cpu", "operator": "=>", "value": "1"}, "operator"),
        ({"kubeVersion": "new", "operator": ">="}, "is no version of Kubernetes"),
        ({"kubeVersion": "1.٣", "operator": ">="}, "is no version of Kubernetes"),
        ({"clusters": []}, "at least 1 item"),
        ({"all": []}, "at least 1 item"),
        ({}, "a rule has a field"),
        ("line == cnc", "a rule has a field"),
    ],
)
def test_what_cannot_be_meant_is_refused(data: Any, reason: str) -> None:
    with pytest.raises(SchemaError, match=reason):
        Placement.parse({"name": "p", "rule": data})


released = st.builds("{}.{}.{}".format, st.integers(0, 3), st.integers(0, 40), st.integers(0, 20))


@given(released, released)
def test_kube_versions_are_ordered_by_their_numbers(a: str, b: str) -> None:
    numbers = [[int(part) for part in text.split(".")] for text in (a, b)]
    assert (kube_version(a) < kube_version("v" + b)) == (numbers[0] < numbers[1])


@given(released, st.sampled_from(["-alpha.1", "-rc.0", "-beta.2+build"]), st.sampled_from(["", "+k3s1", "+rke2r1"]))
def test_a_pre_release_comes_before_its_release(version: str, before: str, build: str) -> None:
    assert kube_version(version + before) < kube_version(version + build) == kube_version(version)


def test_a_missing_part_is_zero() -> None:
    assert kube_version("1.34") == kube_version("v1.34.0") > kube_version("1.33.99")
