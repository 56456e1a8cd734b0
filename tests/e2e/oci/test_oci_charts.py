"""Charts, judged by helm: linted, pushed, pulled, and rendered to the very objects that a hub would apply."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from i4q_ai import yamls
from i4q_ai.errors import VersionExistsError
from i4q_ai.manifests import Object, Site, chart, in_order, unmanaged
from i4q_ai.oci.consumers import charting
from tests.testbed.helm import Helm, helm
from tests.testbed.registry import Registry
from tests.unit import things
from tests.unit.manifests.cases import EDGE_IMAGE, LONGEST

__all__ = ["helm"]

MODEL = things.model()
SITE = Site(cluster="any", namespace="any", hub="any", image=EDGE_IMAGE, plain_http=("registry:5000",), replicas=2)
VALUES = ["--set", "plainHTTP={registry:5000},replicas=2"]
KUBE = ["--kube-version", "1.34.4"]
"""For what is rendered without a cluster: a helm built from its module alone takes an old one."""


def _rendered(said: str) -> list[Object]:
    return in_order(yamls.load_all(said, where="helm"))


def _expected(model: Any, **site: Any) -> list[Object]:
    return unmanaged.objects(model, replace(SITE, **site), unmanaged.Owner("Helm", "wear"))


@pytest.fixture
def archive(tmp_path: Path) -> str:
    return charting.write(chart(MODEL, image=EDGE_IMAGE), tmp_path / "wear.tgz")


def test_helm_has_no_objection(helm: Helm, archive: str) -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", archive)
    assert yamls.load(helm("show", "chart", archive))["appVersion"] == "1"


@pytest.mark.parametrize(
    ("version", "mode", "mounted"),
    [
        ("1.34.4", "auto", False),
        ("1.35.0", "auto", True),
        ("1.36.1-gke.7", "auto", True),
        ("1.33.0", "always", True),
        ("1.36.0", "never", False),
    ],
)
def test_it_renders_the_objects_of_a_server(helm: Helm, archive: str, version: str, mode: str, mounted: bool) -> None:
    said = helm("template", "wear", archive, "--kube-version", version, "--set", f"imageVolumes={mode}", *VALUES)
    assert _rendered(said) == _expected(MODEL, image_volumes=mounted)


def test_values_of_a_site(helm: Helm, archive: str) -> None:
    image = EDGE_IMAGE.replace("registry.example", "mirror.plant:5000")
    given = f"image={image},model.repository=mirror.plant:5000/models/wear,pullSecrets={{one,two}}"
    said = helm("template", "wear", archive, *KUBE, *VALUES, "--set", given, "--set-string", "requests.cpu=2")
    site = replace(SITE, image=image, pull_secrets=("one", "two"), requests={"cpu": "2", "memory": "192Mi"})
    where = f"mirror.plant:5000/models/wear@{MODEL.digest}"
    assert _rendered(said) == unmanaged.objects(MODEL, site, unmanaged.Owner("Helm", "wear"), reference=where)


def test_a_name_as_long_as_can_be_and_one_that_yaml_takes_for_something_else(helm: Helm, tmp_path: Path) -> None:
    for name in (LONGEST, "123", "0x1f", "null", "1e3"):
        model = things.model(name, description="says: # {{ no more }} 'than' \"this\"\nand that")
        path = charting.write(chart(model, image=EDGE_IMAGE), tmp_path / f"{name}.tgz")
        assert _rendered(helm("template", "wear", path, *KUBE, *VALUES)) == _expected(model)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([*KUBE, "--set", "image=registry.example/edge:1"], r"image: Does not match pattern"),
        ([*KUBE, "--set", "replica=1"], "replica is not allowed"),
        (["--set", "imageVolumes=always", "--kube-version", "1.32.9"], "needs Kubernetes 1.33"),
        (["--kube-version", "1.26.0"], "incompatible with Kubernetes"),
    ],
)
def test_helm_refuses_what_cannot_be_meant(helm: Helm, archive: str, given: list[str], told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        helm("template", "wear", archive, *given)


def test_helm_pulls_the_same_bytes(helm: Helm, registry: Registry, tmp_path: Path) -> None:
    made = chart(MODEL, image=EDGE_IMAGE, version="1.0.0+edge.2")
    where = charting.write(made, f"oci://{registry.host}/charts")
    assert where.startswith(f"oci://{registry.host}/charts/tool-wear@sha256:")
    assert charting.write(made, f"oci://{registry.host}/charts/") == where
    source = f"oci://{registry.host}/charts/tool-wear"
    helm("pull", source, "--version", "1.0.0+edge.2", "--plain-http", "--destination", tmp_path)
    (pulled,) = tmp_path.glob("*.tgz")
    assert pulled.read_bytes() == charting.archive(made)
    (tmp_path / "by-digest").mkdir()
    helm("pull", where, "--plain-http", "--destination", tmp_path / "by-digest")
    (pulled,) = (tmp_path / "by-digest").iterdir()
    assert pulled.read_bytes() == charting.archive(made)
    said = helm("template", "wear", source, "--version", "1.0.0+edge.2", "--plain-http", *KUBE, *VALUES)
    assert _rendered(said) == _expected(MODEL)


def test_a_version_never_changes(registry: Registry) -> None:
    where = f"oci://{registry.host}/charts"
    charting.write(chart(MODEL, image=EDGE_IMAGE), where)
    with pytest.raises(VersionExistsError, match=r"tool-wear:1\.0\.0 exists with other content"):
        charting.write(chart(MODEL, image=EDGE_IMAGE.replace("edge", "other")), where)


def test_helm_pushes_the_same_config(helm: Helm, registry: Registry, archive: str) -> None:
    """What helm itself makes of the file differs in its time stamp alone."""
    import json

    import requests

    helm("push", archive, f"oci://{registry.host}/theirs", "--plain-http")
    charting.write(chart(MODEL, image=EDGE_IMAGE), f"oci://{registry.host}/ours")
    accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    theirs, ours = (
        requests.get(f"{registry.url}/v2/{name}/tool-wear/manifests/1.0.0", headers=accept, timeout=30).json()
        for name in ("theirs", "ours")
    )
    created = theirs["annotations"].pop("org.opencontainers.image.created")
    assert created
    assert ours["annotations"] == theirs["annotations"]
    assert ours["layers"] == theirs["layers"]
    config, other = (
        json.loads(requests.get(f"{registry.url}/v2/{name}/blobs/{each['config']['digest']}", timeout=30).content)
        for name, each in (("theirs/tool-wear", theirs), ("ours/tool-wear", ours))
    )
    assert config == other
