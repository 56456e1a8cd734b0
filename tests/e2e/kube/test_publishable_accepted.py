"""What is published, judged by those who apply it: a real API server, kustomize and helm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from i4q_ai import yamls
from i4q_ai.manifests import Object, in_order, rendered
from tests.testbed.apiserver import ApiServer
from tests.testbed.helm import Helm, helm
from tests.unit.manifests.cases import CASES, SITE, workload

__all__ = ["helm"]

JUDGED = (
    "server-init-container",
    "server-image-volume",
    "files",
    "image",
    "workload-url-and-path",
    "workload-path-claim",
)
QUOTED = workload(env={"TEMPLATE": "{{ .Values.none }} {{- end }}", "MORE": '{{ "{{" }}'}, port=9000)


def put(folder: Path, case: str, form: Any, namespace: str) -> Path:
    item, site = CASES[case]
    for path, text in rendered(item, replace(site, namespace=namespace), form=form).items():
        (folder / form / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / form / path).write_text(text, encoding="utf-8")
    return folder / form


def plain(case: str, namespace: str) -> list[Object]:
    item, site = CASES[case]
    files = rendered(item, replace(site, namespace=namespace), form="manifests")
    return in_order(yamls.load(text) for text in files.values())


@pytest.mark.parametrize("case", JUDGED)
def test_an_api_server_takes_the_objects(apiserver: ApiServer, kube_namespace: str, tmp_path: Path, case: str) -> None:
    folder = put(tmp_path, case, "manifests", kube_namespace)
    told = apiserver.kubectl("apply", "--dry-run=server", "--validate=strict", "-n", kube_namespace, "-f", folder)
    assert told.count("(server dry run)") == len(plain(case, kube_namespace))


@pytest.mark.parametrize("case", JUDGED)
def test_kustomize_renders_the_same(apiserver: ApiServer, tmp_path: Path, case: str) -> None:
    told = apiserver.kubectl("kustomize", put(tmp_path, case, "kustomize", "any"))
    assert in_order(yamls.load_all(told, where="kustomize")) == plain(case, "any")


@pytest.mark.parametrize("case", JUDGED)
def test_helm_renders_the_same(helm: Helm, tmp_path: Path, case: str) -> None:
    folder = put(tmp_path, case, "chart", "any")
    helm("lint", "--strict", folder)
    told = helm("template", "any", folder)
    assert in_order(each for each in yamls.load_all(told, where="helm") if each) == plain(case, "any")


def test_helm_leaves_alone_what_only_looks_like_its_own(helm: Helm, tmp_path: Path) -> None:
    for path, text in rendered(QUOTED, SITE, form="chart").items():
        (tmp_path / "chart" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "chart" / path).write_text(text, encoding="utf-8")
    told = yamls.load_all(helm("template", "any", tmp_path / "chart"), where="helm")
    expected = [yamls.load(text) for text in rendered(QUOTED, SITE, form="manifests").values()]
    assert in_order(each for each in told if each) == in_order(expected)
