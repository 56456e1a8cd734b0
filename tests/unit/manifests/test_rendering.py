"""What follows from an item: which objects, where it answers, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from i4q_ai.desired import Desired, Item
from i4q_ai.errors import InvalidError, UnsupportedError
from i4q_ai.manifests import address, in_order, key_of, kinds, object_name, objects
from i4q_ai.manifests.order import ORDER
from i4q_ai.trust import Trust, TrustRule
from tests.unit.manifests.cases import CASES, MOUNTS, SITE, USERS_IMAGE, container, model, workload


@pytest.mark.parametrize("case", CASES)
def test_what_can_be_left_behind_covers_what_is_made(case: str) -> None:
    item, site = CASES[case]
    assert {each["kind"] for each in objects(item, site)} <= kinds(item)
    assert kinds(item) <= set(ORDER)


@pytest.mark.parametrize("case", CASES)
def test_no_object_stands_twice_and_each_comes_after_what_it_needs(case: str) -> None:
    made = objects(*CASES[case])
    assert len({key_of(each) for each in made}) == len(made)
    assert made == in_order(reversed(made))
    assert [each["kind"] for each in made] == sorted((each["kind"] for each in made), key=ORDER.index)


@pytest.mark.parametrize("case", CASES)
def test_it_answers_where_its_service_is(case: str) -> None:
    item, site = CASES[case]
    services = [each for each in objects(item, site) if each["kind"] == "Service"]
    where = address(item, site)
    assert (where is not None) == bool(services)
    for each in services:
        host = f"{each['metadata']['name']}.{each['metadata']['namespace']}.svc"
        assert where == f"http://{host}:{each['spec']['ports'][0]['port']}"


def test_nothing_has_no_kinds() -> None:
    assert kinds(None) == set()


def test_a_workload_is_told_where_the_objects_of_its_models_are() -> None:
    item = workload(uses={"tool-wear": "url", "chatter": "path"})
    made = {each["kind"]: each for each in objects(item, SITE)}
    spec = made["Deployment"]["spec"]["template"]["spec"]
    variables = {each["name"]: each.get("value") for each in spec["containers"][0]["env"]}
    asked = objects(model("tool-wear"), SITE)
    service = next(each["metadata"]["name"] for each in asked if each["kind"] == "Service")
    assert variables["MODEL_TOOL_WEAR_URL"] == f"http://{service}.factory.svc:8080/v2/models/tool-wear"
    (wanted,) = objects(model("chatter", flavour="files"), SITE)
    assert wanted["metadata"]["name"] in made["Role"]["rules"][0]["resourceNames"]
    assert variables["MODEL_CHATTER_PATH"].endswith("/models/factory/chatter")


def test_a_variable_of_the_user_never_replaces_one_of_ours() -> None:
    item = container(port=9000, env={"PORT": "1", "PYTHONUNBUFFERED": ""})
    (made,) = (each for each in objects(item, SITE) if each["kind"] == "Deployment")
    variables = {each["name"]: each["value"] for each in made["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert variables == {"HOST": "0.0.0.0", "PORT": "9000", "PYTHONUNBUFFERED": ""}


def test_the_config_map_of_a_model_as_files_is_a_desired_state() -> None:
    item = model(flavour="files")
    (made,) = objects(item, SITE)
    assert made["metadata"]["name"] == object_name("model", item.name)
    assert Desired.from_json(made["data"]["desired.json"]).models == (item,)


@pytest.mark.parametrize("item", [model(flavour="chart"), model(flavour="chart", references=("x@y",))])
def test_a_flavour_without_objects_is_refused(item: Item) -> None:
    with pytest.raises(UnsupportedError, match="'tool-wear' cannot be delivered as chart"):
        objects(item, SITE)


@pytest.mark.parametrize("item", [model(references=("oci:/home/me/models@sha256:1",)), workload(references=("oci:x",))])
def test_what_lies_on_this_machine_is_refused(item: Item) -> None:
    with pytest.raises(InvalidError, match=r"lies in a folder of this machine, oci:.*push it to a registry"):
        objects(item, SITE)


@pytest.mark.parametrize(
    "item",
    [model(), model(flavour="image", image=USERS_IMAGE), workload(), container(uses={"a": "url"})],
)
def test_without_an_edge_image_what_needs_it_is_refused(item: Item) -> None:
    with pytest.raises(InvalidError, match=r"cluster 'edge-1' has no edge image .*i4q image build"):
        objects(item, replace(MOUNTS, image=""))


@pytest.mark.parametrize("item", [container(), model(flavour="files")])
def test_without_an_edge_image_the_rest_goes(item: Item) -> None:
    assert objects(item, replace(SITE, image=""))


@pytest.mark.parametrize("item", [model(), workload()], ids=["model", "workload"])
def test_what_an_edge_must_judge_comes_by_init_container_also_where_nodes_mount(item: Item) -> None:
    trust = Trust(rules=(TrustRule(signed=False, formats=("onnx",)),))
    for site in (SITE, MOUNTS):
        made = objects(item.replace(trust=trust), site)
        (pod,) = [each["spec"]["template"]["spec"] for each in made if each["kind"] == "Deployment"]
        assert not any("image" in volume for volume in pod["volumes"])
        (fetch,) = [each for each in pod["initContainers"] if "i4q_ai.edge.fetch" in each["command"]]
        told = fetch["command"][fetch["command"].index("--trust") + 1]
        assert Trust.from_json(told, where="--trust") == trust
    mounted = objects(item, MOUNTS)
    (pod,) = [each["spec"]["template"]["spec"] for each in mounted if each["kind"] == "Deployment"]
    assert any("image" in volume for volume in pod["volumes"])


def test_the_agent_beside_a_workload_is_told_whom_to_trust() -> None:
    trust = Trust(rules=(TrustRule(signed=False),))
    (config_map,) = objects(model(flavour="files", trust=trust), SITE)
    assert Desired.from_json(config_map["data"]["desired.json"]).models[0].trust == trust
