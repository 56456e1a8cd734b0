"""Placement: what may be said."""

import pytest

from i4q_ai.cluster import Cluster
from i4q_ai.errors import RuleError, SchemaError
from i4q_ai.placement import Group, Placement
from i4q_ai.placing.builders import Label, Name, Resource


def test_name_and_rule_need_no_keys() -> None:
    rule = Label("line") == "cnc"
    assert Placement("cnc", rule) == Placement(name="cnc", rule=rule)


def test_a_builder_stands_for_its_rule() -> None:
    assert Placement("gpu", Label("gpu")) == Placement("gpu", Label("gpu").exists())


def test_a_resource_alone_is_no_rule() -> None:
    with pytest.raises(SchemaError, match="a rule has a field"):
        Placement("gpu", Resource("memory"))


def test_groups_may_be_a_mapping_in_order() -> None:
    placement = Placement("all", groups={"north": Label("site") == "north", "pilot": Name("edge-1")})
    assert placement.groups[1] == Group(name="pilot", rule=Name("edge-1"))
    assert placement.group_names == ("north", "pilot", "*")


def test_an_unknown_group_suggests_the_nearest() -> None:
    placement = Placement("all", groups={"north": Label("site") == "north"})
    placement.check_group("north")
    placement.check_group("*")
    with pytest.raises(ValueError, match=r"placement 'all' has no group 'nort'; did you mean 'north'\?"):
        placement.check_group("nort")


def test_a_group_may_not_stand_twice() -> None:
    group = Group(name="a", rule=Name("edge-1"))
    with pytest.raises(SchemaError, match="the group 'a' stands twice"):
        Placement("all", groups=(group, group))


@pytest.mark.parametrize("count", [0, -1])
def test_a_count_is_at_least_one(count: int) -> None:
    with pytest.raises(SchemaError, match="count: "):
        Placement("all", count=count)


def test_text_is_for_people() -> None:
    assert str(Placement("all")) == "all: every cluster"
    assert str(Placement("cnc", (Label("line") == "cnc") & Label("gpu"), count=2)) == (
        "cnc: label line == cnc and label gpu exists, 2 at most"
    )


def test_yaml_of_rules_is_readable() -> None:
    placement = Placement("cnc", (Label("line") == "cnc") & ~(Resource("memory") < "1Gi"))
    assert placement.to_yaml() == (
        "apiVersion: i4q-ai/v1\n"
        "kind: Placement\n"
        "name: cnc\n"
        "rule:\n"
        "  all:\n"
        "  - label: line\n"
        "    values:\n"
        "    - cnc\n"
        "  - not:\n"
        "      resource: memory\n"
        "      operator: <\n"
        "      value: 1Gi\n"
    )


def test_a_rule_that_is_no_rule_is_refused_with_its_path() -> None:
    text = "apiVersion: i4q-ai/v1\nkind: Placement\nname: a\nrule:\n  all:\n  - {lable: line}\n"
    with pytest.raises(SchemaError, match=r"rule\.all\.all\.0 \(line 6\): a rule has a field label"):
        Placement.from_yaml(text)


def test_comparing_with_a_number_is_refused() -> None:
    with pytest.raises(RuleError, match=r'compared with text, not with 3 .*write "3"'):
        Label("line") == 3  # noqa: B015


def test_a_cluster_has_no_less_than_nothing() -> None:
    with pytest.raises(SchemaError, match="'-1Gi' is less than nothing"):
        Cluster(name="edge-1", resources={"memory": "-1Gi"})
