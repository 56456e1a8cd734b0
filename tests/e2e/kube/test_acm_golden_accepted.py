"""The golden files for delivery from Git, and others' samples, shown to a real API server with the real kinds."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from i4q_ai import yamls
from i4q_ai.errors import InvalidError
from i4q_ai.kube import Api
from i4q_ai_ocm.subscribing import looks
from i4q_ai_ocm.subscribing.reading import read_applications
from tests.e2e.kube.conftest import Soon
from tests.testbed.apiserver import ApiServer
from tests.testbed.crds import hub_crds, subscription_crds

TESTS = Path(__file__).parents[2]
GOLDEN = sorted((TESTS / "golden" / "acm").glob("*.yaml"))
FOLDER = TESTS / "unit" / "ocm" / "subscribing" / "samples"
SAMPLES = sorted(FOLDER.rglob("*.yaml"))
BESIDE = {"Namespace", "Secret", "ConfigMap"}
NOT_SERVED = {
    ("cluster.open-cluster-management.io/v1alpha1", "Placement"),
    ("cluster.open-cluster-management.io/v1beta1", "ManagedClusterSetBinding"),
}
"""Versions of kinds that hubs have no more."""


@pytest.fixture(scope="module")
def kinds(apiserver: ApiServer) -> None:
    """The kinds of hubs, served."""
    for path in [*hub_crds(), *subscription_crds()]:
        apiserver.kubectl("apply", "--server-side", "-f", path)
    apiserver.wait("--for=condition=Established", "crd", "--all")


@pytest.fixture(scope="module")
def space(apiserver: ApiServer) -> Iterator[str]:
    """A namespace for what is made."""
    name = f"golden-{secrets.token_hex(4)}"
    apiserver.kubectl("create", "namespace", name)
    yield name
    apiserver.kubectl("delete", "namespace", name, "--wait=false")


def documents(file: Path) -> list[dict[str, Any]]:
    """What stands in a file."""
    return yamls.load_all(file.read_text(encoding="utf-8"), where=file.name)


def moved(found: Iterable[Mapping[str, Any]], namespace: str) -> list[dict[str, Any]]:
    """The objects that are not of every Kubernetes, in another namespace."""
    wanted = [dict(copy.deepcopy(each)) for each in found if each["kind"] not in BESIDE]
    for each in wanted:
        each["metadata"]["namespace"] = namespace
    return [each for each in wanted if (each["apiVersion"], each["kind"]) not in NOT_SERVED]


@pytest.mark.usefixtures("kinds")
@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.stem)
def test_the_api_server_takes_every_object(golden: Path, api: Api, space: str, soon: Soon) -> None:
    for wanted in moved(documents(golden), space):
        kept = api.apply(wanted, manager="i4q-ai", dry_run=True, deadline=soon())
        assert kept["spec"] == wanted["spec"]  # no default was left to the server, and nothing was dropped


@pytest.mark.usefixtures("kinds")
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: str(sample.relative_to(FOLDER)))
def test_it_takes_what_was_read_and_written_again(sample: Path, api: Api, space: str, soon: Soon) -> None:
    for wanted in moved(read_applications(documents(sample)).objects(), space):
        written = {**wanted, "metadata": {key: value for key, value in wanted["metadata"].items() if key != "uid"}}
        api.apply(written, manager="i4q-ai", dry_run=True, deadline=soon())


@pytest.mark.usefixtures("kinds")
def test_it_takes_a_look(api: Api, space: str, soon: Soon) -> None:
    wanted = looks.look(space, "look", "placement", "subscription", labels={"i4q.ai/looks-at": "a"})
    kept = api.apply(wanted, manager="i4q-ai", dry_run=True, deadline=soon())
    assert kept["spec"] == wanted["spec"]


@pytest.mark.usefixtures("kinds")
def test_that_server_would_object(api: Api, space: str, soon: Soon) -> None:
    (golden,) = (each for each in GOLDEN if each.stem == "application")
    unknown = moved(documents(golden), space)[-1]
    unknown["spec"]["pacement"] = {}
    with pytest.raises(InvalidError, match="pacement"):
        api.apply(unknown, manager="i4q-ai", dry_run=True, deadline=soon())
