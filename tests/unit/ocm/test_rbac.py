"""The rights that ship for a hub, filled in for somebody."""

from __future__ import annotations

from importlib.resources import files

import pytest

from i4q_ai import yamls
from i4q_ai_kubectl.rbac import Subject
from i4q_ai_ocm import rbac
from i4q_ai_ocm.rbac.__main__ import main

ANNA = Subject("User", "anna")


def _printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, object]]:
    assert main([*arguments]) == 0
    return yamls.load_all(capsys.readouterr().out)


def test_each_option_prints_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    found = _printed(capsys, "--user", "anna", "--namespace", "a", "--namespace", "b", "--hub")
    assert found == [*rbac.in_namespace("a", ANNA), *rbac.in_namespace("b", ANNA), *rbac.on_hub(ANNA)]
    assert _printed(capsys, "--user", "anna", "--probe") == rbac.probe(ANNA)
    assert _printed(capsys, "--user", "anna", "--git") == rbac.from_git(ANNA)
    assert _printed(capsys, "--user", "anna", "--clusters") == rbac.clusters(ANNA)
    assert _printed(capsys, "--user", "anna", "--edge", "a") == rbac.in_edge_namespace("a", ANNA)
    plant = _printed(capsys, "--group", "plant", "--all-namespaces")
    assert plant == rbac.in_all_namespaces(Subject("Group", "plant"))
    assert {each["kind"] for each in plant} == {"ClusterRole", "ClusterRoleBinding"}


def test_all_namespaces_means_the_same_rules_and_those_of_namespaces() -> None:
    everywhere, role = rbac.in_all_namespaces(ANNA), rbac.in_namespace("a", ANNA)[0]
    assert everywhere[0]["rules"] == role["rules"]
    assert [rule["resources"] for rule in everywhere[2]["rules"]] == [["namespaces"]]


def test_the_probe_lies_where_the_backend_makes_it() -> None:
    roles = [each for each in rbac.probe(ANNA) if each["kind"] == "Role"]
    assert [each["metadata"]["namespace"] for each in roles] == ["default"]


def test_every_binding_names_who_is_meant_and_a_role_beside_it() -> None:
    everything = [
        *rbac.in_namespace("a", ANNA), *rbac.on_hub(ANNA), *rbac.probe(ANNA), *rbac.clusters(ANNA),
        *rbac.from_git(ANNA),
        *rbac.in_all_namespaces(ANNA), *rbac.in_edge_namespace("a", ANNA),
    ]  # fmt: skip
    roles = {(each["kind"], each["metadata"]["name"]) for each in everything if "rules" in each}
    bindings = [each for each in everything if "roleRef" in each]
    assert {(each["roleRef"]["kind"], each["roleRef"]["name"]) for each in bindings} == roles
    assert all(each["subjects"] == [ANNA.reference()] for each in bindings)


def test_a_question_without_an_object_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--user", "anna"])
    assert "--hub" in capsys.readouterr().err


def test_no_rule_reads_secrets_or_takes_everything() -> None:
    texts = [each for each in files(rbac).iterdir() if each.name.endswith(".yaml")]
    rules = [rule for text in texts for each in yamls.load_all(text.read_text()) for rule in each.get("rules", ())]
    assert len(texts) == 7
    assert {word for rule in rules for words in rule.values() for word in words}.isdisjoint(
        {"*", "secrets", "escalate", "bind", "impersonate", "execute-as"}
    )
