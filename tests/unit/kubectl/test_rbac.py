"""The rights that ship, filled in for somebody."""

from __future__ import annotations

from importlib.resources import files

import pytest

from i4q_ai import yamls
from i4q_ai.errors import InvalidError
from i4q_ai_kubectl import rbac
from i4q_ai_kubectl.rbac import Subject
from i4q_ai_kubectl.rbac.__main__ import main

ANNA = Subject("User", "anna")


def _printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, object]]:
    assert main([*arguments]) == 0
    return yamls.load_all(capsys.readouterr().out)


def test_a_role_for_every_namespace_that_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    found = _printed(capsys, "--user", "anna", "--namespace", "a", "--namespace", "b", "--home", "h")
    wanted = [*rbac.in_cluster_namespace("a", ANNA), *rbac.in_cluster_namespace("b", ANNA)]
    assert found == [*wanted, *rbac.in_home_namespace("h", ANNA)]
    assert {each["kind"] for each in found} == {"Role", "RoleBinding"}


def test_nothing_is_cluster_wide_unless_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert _printed(capsys, "--user", "anna", "--facts") == rbac.facts(ANNA)
    everywhere = _printed(capsys, "--group", "plant", "--all-namespaces")
    assert everywhere == rbac.in_all_namespaces(Subject("Group", "plant"))
    assert {each["kind"] for each in everywhere} == {"ClusterRole", "ClusterRoleBinding"}


def test_all_namespaces_means_the_same_rules_and_those_of_namespaces() -> None:
    everywhere, role = rbac.in_all_namespaces(ANNA), rbac.in_cluster_namespace("a", ANNA)[0]
    assert everywhere[0]["rules"] == role["rules"]
    assert everywhere[1]["roleRef"]["kind"] == "ClusterRole"
    assert [rule["resources"] for rule in everywhere[2]["rules"]] == [["namespaces"]]


@pytest.mark.parametrize("subject", [ANNA, Subject("Group", "plant"), Subject.account("tools/i4q")])
def test_a_binding_names_who_is_meant(subject: Subject) -> None:
    assert rbac.in_cluster_namespace("a", subject)[1]["subjects"] == [subject.reference()]


@pytest.mark.parametrize("text", ["i4q", "/i4q", "tools/", "a/b/c"])
def test_a_service_account_has_a_namespace(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InvalidError):
        Subject.account(text)
    with pytest.raises(SystemExit):
        main(["--service-account", text, "--facts"])
    assert "NAMESPACE/NAME" in capsys.readouterr().err


def test_a_question_without_an_object_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--user", "anna"])
    assert "--namespace" in capsys.readouterr().err


def test_no_rule_reads_secrets_or_takes_everything() -> None:
    texts = [each for each in files(rbac).iterdir() if each.name.endswith(".yaml")]
    rules = [rule for text in texts for each in yamls.load_all(text.read_text()) for rule in each.get("rules", ())]
    assert len(texts) == 4
    assert {word for rule in rules for words in rule.values() for word in words}.isdisjoint(
        {"*", "secrets", "escalate", "bind", "impersonate"}
    )
