"""The folder for kustomize, judged by the kustomize of kubectl and by a real API server."""

from __future__ import annotations

from pathlib import Path

import pytest

from i4q_ai import yamls
from i4q_ai.manifests import Object, Site, in_order, kustomize, unmanaged
from tests.testbed.apiserver import ApiServer
from tests.unit import things
from tests.unit.manifests.cases import EDGE_IMAGE

MODEL = things.model()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path, text in kustomize(MODEL, image=EDGE_IMAGE, pull_secrets=("one",), plain_http=("registry:5000",)).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def _expected(*, image_volumes: bool) -> list[Object]:
    site = Site(
        cluster="any",
        namespace="any",
        hub="any",
        image=EDGE_IMAGE,
        image_volumes=image_volumes,
        pull_secrets=("one",),
        plain_http=("registry:5000",),
    )
    return unmanaged.objects(MODEL, site, unmanaged.Owner("kustomize", MODEL.name))


@pytest.mark.parametrize(("path", "mounted"), [("base", False), ("overlays/image-volumes", True)])
def test_kustomize_renders_the_objects_of_a_server(
    apiserver: ApiServer, kube_namespace: str, folder: Path, path: str, mounted: bool
) -> None:
    rendered = apiserver.kubectl("kustomize", folder / path)
    assert in_order(yamls.load_all(rendered, where="kustomize")) == _expected(image_volumes=mounted)
    told = apiserver.kubectl("apply", "--dry-run=server", "-n", kube_namespace, "-k", folder / path)
    assert told.count("created (server dry run)") == 3


def test_an_overlay_of_the_users_own(apiserver: ApiServer, folder: Path) -> None:
    own = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": "line",
        "resources": ["../base"],
        "replicas": [{"name": "model-tool-wear", "count": 3}],
        "images": [{"name": EDGE_IMAGE.partition("@")[0], "newName": "mirror.plant/edge"}],
    }
    (folder / "line").mkdir()
    (folder / "line" / "kustomization.yaml").write_text(yamls.dump(own))
    found = yamls.load_all(apiserver.kubectl("kustomize", folder / "line"), where="kustomize")
    (deployment,) = (each for each in found if each["kind"] == "Deployment")
    assert deployment["spec"]["replicas"] == 3
    pod = deployment["spec"]["template"]["spec"]
    images = {each["image"] for each in (*pod["containers"], *pod["initContainers"])}
    assert images == {EDGE_IMAGE.replace("registry.example/i4q/edge", "mirror.plant/edge")}
    assert {each["metadata"]["namespace"] for each in found} == {"line"}
