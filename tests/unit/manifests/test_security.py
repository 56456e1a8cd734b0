"""What holds for every object of every case: no rights that are not needed, nothing that stops others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from i4q_ai.manifests import Object, objects
from tests.unit.manifests.cases import CASES, EDGE_IMAGE

TOKENS = "/var/run/secrets/kubernetes.io/serviceaccount"
AGENTS = {"agent", "models"}
PODS = [case for case in CASES if case != "files"]


def deployment(case: str) -> Object:
    (found,) = (each for each in objects(*CASES[case]) if each["kind"] == "Deployment")
    return found


def pod(case: str) -> dict[str, Any]:
    spec: dict[str, Any] = deployment(case)["spec"]["template"]["spec"]
    return spec


def containers(case: str) -> Iterator[dict[str, Any]]:
    yield from (*pod(case).get("initContainers", ()), *pod(case)["containers"])


@pytest.mark.parametrize("case", PODS)
def test_pods_run_as_nobody_in_particular(case: str) -> None:
    context = pod(case)["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod(case))


@pytest.mark.parametrize("case", PODS)
def test_containers_have_no_rights(case: str) -> None:
    for each in containers(case):
        context = each["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert not context.get("privileged", False)


@pytest.mark.parametrize("case", PODS)
def test_our_own_image_cannot_be_written_and_has_a_fixed_user(case: str) -> None:
    for each in containers(case):
        if each["image"] == EDGE_IMAGE:
            assert each["securityContext"]["readOnlyRootFilesystem"] is True
            assert each["securityContext"]["runAsUser"] == each["securityContext"]["runAsGroup"] != 0


@pytest.mark.parametrize("case", PODS)
def test_every_container_says_what_it_needs(case: str) -> None:
    for each in containers(case):
        assert set(each["resources"]["requests"]) == {"cpu", "memory"}


@pytest.mark.parametrize("case", PODS)
def test_no_container_but_the_agent_has_a_token(case: str) -> None:
    assert pod(case)["automountServiceAccountToken"] is False, "it would reach the user's container as well"
    tokens = {
        volume["name"]
        for volume in pod(case)["volumes"]
        if any("serviceAccountToken" in source for source in volume.get("projected", {}).get("sources", ()))
    }
    for each in containers(case):
        has = {mount["mountPath"] for mount in each["volumeMounts"] if mount["name"] in tokens}
        assert has == ({TOKENS} if each["name"] in AGENTS else set()), each["name"]


@pytest.mark.parametrize("case", CASES)
def test_the_rights_of_an_agent_are_about_its_own_config_maps(case: str) -> None:
    roles = [each for each in objects(*CASES[case]) if each["kind"] == "Role"]
    for role in roles:
        for rule in role["rules"]:
            assert rule["resources"] == ["configmaps"]
            assert rule["resourceNames"], "a rule without names is about all of them"
            assert set(rule["verbs"]) <= {"get", "list", "watch", "patch"}
    assert bool(roles) == ("serviceAccountName" in pod(case) if case in PODS else False)


@pytest.mark.parametrize("case", PODS)
def test_a_model_and_code_are_mounted_read_only(case: str) -> None:
    for each in pod(case)["containers"]:
        for mount in each["volumeMounts"]:
            if mount["name"] in ("model", "code") or (mount["name"] == "edge" and each["name"] == "workload"):
                assert mount["readOnly"] is True


@pytest.mark.parametrize("case", PODS)
def test_no_pod_goes_before_the_next_is_ready(case: str) -> None:
    strategy, shares = deployment(case)["spec"]["strategy"], "path" in getattr(CASES[case][0], "uses", {}).values()
    if shares:
        assert strategy == {"type": "Recreate"}, "two pods cannot share what one of them writes"
    else:
        assert strategy["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


@pytest.mark.parametrize("case", PODS)
def test_a_server_that_goes_is_held_until_nobody_asks_it_and_then_drains(case: str) -> None:
    for each in pod(case)["containers"]:
        if "--drain" in each.get("command", ()):
            drain = int(each["command"][each["command"].index("--drain") + 1])
            hold = int(each["lifecycle"]["preStop"]["exec"]["command"][-1].partition("sleep(")[2].rstrip(")"))
            assert 0 < hold < hold + drain < pod(case)["terminationGracePeriodSeconds"]


@pytest.mark.parametrize("case", CASES)
def test_selectors_select_what_is_labelled_so_and_only_this_deployment(case: str) -> None:
    item, site = CASES[case]
    for each in objects(item, site):
        spec = each.get("spec", {})
        chosen = spec.get("selector", {})
        chosen = chosen.get("matchLabels", chosen)
        if chosen:
            labels = deployment(case)["spec"]["template"]["metadata"]["labels"]
            assert chosen.items() <= labels.items()
            assert {item.namespace, item.name, site.hub} <= set(chosen.values())


@pytest.mark.parametrize("case", CASES)
def test_every_object_lies_in_the_namespace_of_the_site_and_says_whose_it_is(case: str) -> None:
    item, site = CASES[case]
    for each in objects(item, site):
        assert each["metadata"]["namespace"] == site.namespace
        assert each["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "i4q-ai"
        assert each["metadata"]["labels"]["i4q.ai/hub"] == site.hub
        assert each["metadata"]["annotations"]["i4q.ai/digest"] == item.digest


@pytest.mark.parametrize("case", PODS)
def test_the_template_of_a_pod_does_not_change_with_the_revision(case: str) -> None:
    item, site = CASES[case]
    later = [each for each in objects(item.replace(revision=99), site) if each["kind"] == "Deployment"]
    assert later[0]["spec"] == deployment(case)["spec"]


@pytest.mark.parametrize("case", PODS)
def test_mounts_have_their_volumes_and_containers_their_own_names(case: str) -> None:
    volumes = [volume["name"] for volume in pod(case)["volumes"]]
    names = [each["name"] for each in containers(case)]
    assert len(set(volumes)) == len(volumes)
    assert len(set(names)) == len(names)
    assert {mount["name"] for each in containers(case) for mount in each["volumeMounts"]} == set(volumes)
