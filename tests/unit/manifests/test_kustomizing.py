"""A folder for kustomize: a base that fetches, and an overlay that mounts; kustomize itself judges it in tests/e2e."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import pytest

from i4q_ai import yamls
from i4q_ai.errors import InvalidError
from i4q_ai.manifests import kustomize, unmanaged
from i4q_ai.manifests.naming import MANAGED_BY, MANAGER
from i4q_ai.model import Model
from tests.unit import things
from tests.unit.manifests.cases import EDGE_IMAGE, MOUNTS, SITE

MODEL = things.model()


def _read(files: dict[str, str]) -> dict[str, Any]:
    return {path: yamls.load(text) for path, text in files.items()}


def test_every_file_that_is_named_is_there() -> None:
    files = _read(kustomize(MODEL, image=EDGE_IMAGE))
    for path, content in files.items():
        if path.endswith("kustomization.yaml"):
            folder = PurePosixPath(path).parent
            named = [*content["resources"], *(patch["path"] for patch in content.get("patches", ()))]
            assert {str(folder / name) for name in named if "/" not in name} <= set(files)


def test_the_base_holds_the_objects_of_a_server() -> None:
    files = _read(kustomize(MODEL, image=EDGE_IMAGE, pull_secrets=("registry",), plain_http=("registry:5000",)))
    pod = files["base/deployment.yaml"]["spec"]["template"]["spec"]
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    (fetch,) = pod["initContainers"]
    assert MODEL.reference in fetch["command"]
    assert {"name": "I4Q_PLAIN_HTTP", "value": "registry:5000"} in fetch["env"]
    assert files["base/service.yaml"]["metadata"]["name"] == "model-tool-wear"


def test_no_hub_takes_them_for_its_own() -> None:
    for site in (SITE, MOUNTS):
        for each in unmanaged.objects(MODEL, site, unmanaged.Owner("kustomize", "tool-wear")):
            text = yamls.dump(each)
            assert f"{MANAGED_BY}: {MANAGER}" not in text
            assert "i4q.ai/hub" not in text
            assert "namespace" not in each["metadata"]


def test_a_service_finds_its_pods() -> None:
    service, budget, deployment = unmanaged.objects(MODEL, SITE, unmanaged.Owner("helm", "wear"))
    pods = deployment["spec"]["template"]["metadata"]["labels"]
    for selector in (
        service["spec"]["selector"],
        budget["spec"]["selector"]["matchLabels"],
        deployment["spec"]["selector"]["matchLabels"],
    ):
        assert selector == {"i4q.ai/deployment": "tool-wear", "app.kubernetes.io/instance": "wear"}
        assert selector.items() <= pods.items()


def test_the_overlay_makes_of_the_base_what_nodes_mount() -> None:
    files = _read(kustomize(MODEL, image=EDGE_IMAGE))
    (patch,) = files["overlays/image-volumes/kustomization.yaml"]["patches"]
    assert patch["target"] == {"kind": "Deployment", "name": "model-tool-wear"}
    pod = files["base/deployment.yaml"]["spec"]["template"]["spec"]
    for each in files["overlays/image-volumes/deployment.yaml"]:
        key = each["path"].rpartition("/")[2]
        if each["op"] == "remove":
            del pod[key]
        else:
            pod[key] = each["value"]
    owner = unmanaged.Owner("kustomize", MODEL.name)
    (*_, mounted) = unmanaged.objects(MODEL, MOUNTS, owner)
    assert pod == mounted["spec"]["template"]["spec"]


def test_what_no_cluster_could_fetch_is_refused() -> None:
    with pytest.raises(InvalidError, match="push it first"):
        kustomize(Model(name="x", version="1"), image=EDGE_IMAGE)
    with pytest.raises(InvalidError, match="names no digest"):
        kustomize(MODEL, image="edge:1")
