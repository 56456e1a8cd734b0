"""The rights that ship are enough for all that the backend does, and each of them is needed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from i4q_ai.deployment import Deployment
from i4q_ai.errors import DeploymentFailed, ForbiddenError
from i4q_ai.hub import Hub
from i4q_ai.kube import Api
from i4q_ai.kube.kinds import key_of
from i4q_ai.placement import Placement
from i4q_ai.placing.builders import Name
from i4q_ai.status import Phase
from i4q_ai.testing.samples import Samples
from i4q_ai_kubectl import rbac
from i4q_ai_kubectl.rbac import Subject
from tests.e2e.kubectl import story
from tests.e2e.kubectl.crowd import LIMIT, Crowd, open_hub, soon
from tests.testbed.apiserver import ApiServer


class Right(NamedTuple):
    """One verb on one resource."""

    verb: str
    resource: str
    group: str

    def __str__(self) -> str:
        return f"{self.verb}-{self.resource}"

    def rule(self) -> dict[str, Any]:
        """That grants it and nothing else."""
        return {"apiGroups": [self.group], "resources": [self.resource], "verbs": [self.verb]}


def _rights(objects: Iterable[dict[str, Any]]) -> list[Right]:
    rules = [rule for each in objects for rule in each.get("rules", ())]
    return [
        Right(verb, resource, group)
        for rule in rules for group in rule["apiGroups"] for resource in rule["resources"] for verb in rule["verbs"]
    ]  # fmt: skip


ANYBODY = Subject("User", "anybody")
ON_CLUSTER = _rights(rbac.in_cluster_namespace("any", ANYBODY))
AT_HOME = _rights(rbac.in_home_namespace("any", ANYBODY))
LATER = Right("create", "pods/portforward", "")
"""Asked for by Kubernetes 1.35 and later, and by nobody before."""


class Users:
    """Makes users of the API server with rights in the namespaces of a crowd."""

    def __init__(self, apiserver: ApiServer, crowd: Crowd) -> None:
        self._apiserver, self._crowd = apiserver, crowd
        self.name = f"user-of-{crowd.home}"
        self.kubeconfig: Path = apiserver.user(self.name)

    def grant(self, objects: list[dict[str, Any]], *, without: Right | None = None) -> None:
        """Give the user rights, but for one, and wait until the API server knows of them."""
        rights = [right for right in _rights(objects) if right != without]
        for each in objects:
            rules = [right.rule() for right in _rights([each]) if right != without]
            self._crowd.api.create({**each, **({"rules": rules} if "rules" in each else {})}, deadline=soon())
        namespace = objects[0]["metadata"].get("namespace")
        until = soon()
        with Api.open(kubeconfig=self.kubeconfig) as api:
            # The server's authorizer learns of a new rule a moment later, and tells nobody.
            while not all(
                api.allowed(right.verb, right.resource, namespace, group=right.group, deadline=until)
                for right in (rights[0], rights[-1])
            ):
                until.pause(0.05)

    def hub(self, *, lacks_on_cluster: Right | None = None, lacks_at_home: Right | None = None) -> Hub:
        """A hub over cluster "c1" as the user, with the rights that ship."""
        address = self._crowd.make(1, kubeconfig=self.kubeconfig, storage=True)
        subject = Subject("User", self.name)
        self.grant(rbac.in_home_namespace(self._crowd.home, subject), without=lacks_at_home)
        self.grant(rbac.in_cluster_namespace(self._crowd.namespace("c1"), subject), without=lacks_on_cluster)
        return open_hub(address)


@pytest.fixture
def users(apiserver: ApiServer, crowd: Crowd) -> Users:
    """Of the API server."""
    return Users(apiserver, crowd)


def test_the_roles_are_enough_for_all_that_a_hub_does(users: Users, crowd: Crowd, samples: Samples) -> None:
    with users.hub() as hub:
        story.story(hub, samples, crowd, users.kubeconfig)
        assert hub.list() == []
    assert crowd.objects("c1") == {}


_DEPLOYS: dict[str, story.Deploy] = {
    **dict.fromkeys(("configmaps", "controllerrevisions"), story.files),
    **dict.fromkeys(("serviceaccounts", "roles", "rolebindings", "persistentvolumeclaims"), story.workload),
    **dict.fromkeys(("services", "poddisruptionbudgets", "deployments", "pods"), story.server),
    **dict.fromkeys(("pods/log", "pods/portforward"), story.server),
}
"""Resource → what needs rights to it."""


def _use(right: Right, hub: Hub, samples: Samples, crowd: Crowd, users: Users) -> None:
    """Do what needs a right, and as little else as may be."""
    deployment = _DEPLOYS[right.resource](hub, samples)
    if right.resource.startswith("pods/"):
        story.talk_to_pods(crowd, users.kubeconfig)
    if right.verb == "watch":
        story.watch(deployment, samples)
    if right.verb in ("list", "delete"):
        _raise_refusal(deployment)
        deployment.update(samples.two if deployment.kind == "model" else samples.by_path)
        deployment.delete(timeout=LIMIT)


def _raise_refusal(deployment: Deployment) -> None:
    """A cluster that tells nothing for want of a right says so in its row; the others' rows stand beside it."""
    refused = {
        row.cluster: row.message
        for row in deployment.status().clusters
        if (row.phase, row.reason) == (Phase.FAILED, "Forbidden")
    }
    if refused:
        raise DeploymentFailed("status", reasons=refused)


def _names(error: BaseException, right: Right, namespace: str) -> bool:
    told = rf"no right to (grant the right to )?{right.verb} {right.resource} in namespace {namespace}\b"
    return re.search(told, str(error)) is not None


@pytest.mark.parametrize("right", [right for right in ON_CLUSTER if right != LATER], ids=str)
def test_each_right_on_a_cluster_is_needed(right: Right, users: Users, crowd: Crowd, samples: Samples) -> None:
    with users.hub(lacks_on_cluster=right) as hub, pytest.raises((ForbiddenError, DeploymentFailed)) as caught:
        _use(right, hub, samples, crowd, users)
    assert _names(caught.value, right, crowd.namespace("c1")), caught.value


@pytest.mark.parametrize("right", AT_HOME, ids=str)
def test_each_right_at_home_is_needed(right: Right, users: Users, crowd: Crowd, samples: Samples) -> None:
    with users.hub(lacks_at_home=right) as hub, pytest.raises(ForbiddenError) as caught:
        _live(hub, samples)
    assert _names(caught.value, right, crowd.home), caught.value


def _live(hub: Hub, samples: Samples) -> None:
    deployment = story.files(hub, samples)
    story.watch(deployment, samples)
    deployment.delete(timeout=LIMIT)


def test_a_later_kubernetes_asks_for_one_right_more(users: Users, crowd: Crowd, samples: Samples) -> None:
    with users.hub(lacks_on_cluster=LATER) as hub:
        numbers = [int(number) for number in re.findall(r"\d+", hub.clusters.get("c1").kube_version or "")[:2]]
        refused = pytest.raises(ForbiddenError, match="create pods/portforward")
        with refused if numbers >= [1, 35] else nullcontext():
            _use(LATER, hub, samples, crowd, users)


def test_a_right_that_cannot_be_handed_on_is_named(users: Users, crowd: Crowd, samples: Samples) -> None:
    right = Right("watch", "configmaps", "")
    with users.hub(lacks_on_cluster=right) as hub, pytest.raises(DeploymentFailed) as caught:
        story.workload(hub, samples)
    assert f"no right to grant the right to watch configmaps in namespace {crowd.namespace('c1')}" in str(caught.value)


def test_a_status_says_which_right_is_missing_until_it_is_there(users: Users, crowd: Crowd, samples: Samples) -> None:
    missing = Right("create", "services", "")
    with users.hub(lacks_on_cluster=missing) as hub:
        with pytest.raises(DeploymentFailed):
            story.server(hub, samples)
        row = hub.get(story.SERVER).status().clusters[0]
        users.grant(_one_more(missing, rbac.in_cluster_namespace(crowd.namespace("c1"), Subject("User", users.name))))
        hub.refresh()
        assert ("Deployment", f"model-{story.SERVER}") in crowd.objects("c1")
    assert (row.phase, row.reason) == (Phase.FAILED, "Forbidden")
    assert f"no right to create services in namespace {crowd.namespace('c1')}" in row.message
    assert "apiGroups" in row.message, "the rule that is missing, ready to be copied"


def test_without_facts_only_they_are_missing(users: Users, crowd: Crowd) -> None:
    with users.hub() as hub:
        assert hub.clusters.get("c1").kube_version
    assert crowd.ledger("c1")["facts"]["missing"] == ["list nodes"]


def test_facts_are_read_with_their_cluster_role(users: Users, crowd: Crowd) -> None:
    with users.hub() as hub, everywhere(crowd, rbac.facts(Subject("User", users.name))) as objects:
        users.grant(objects)
        hub.clusters.join("c2", kubeconfig=users.kubeconfig, namespace=crowd.namespace("c1"))
    assert "missing" not in crowd.ledger("c2")["facts"] or crowd.ledger("c2")["facts"]["missing"] == []


def test_a_missing_namespace_is_told(users: Users, crowd: Crowd, samples: Samples) -> None:
    gone = crowd.namespace("gone")
    with users.hub() as hub:
        hub.clusters.join("c2", kubeconfig=users.kubeconfig, namespace=gone)
        with pytest.raises(DeploymentFailed) as caught:
            hub.deploy(samples.one, to=Placement("where", Name("c2")))
    assert f"in namespace {gone}" in str(caught.value)
    assert "maybe there is no such namespace" in str(caught.value)
    assert f"python -m i4q_ai_kubectl.rbac --namespace {gone}" in str(caught.value)


@pytest.mark.parametrize("may_create", [True, False])
def test_a_missing_namespace_is_made_where_that_is_granted(
    may_create: bool, users: Users, crowd: Crowd, samples: Samples
) -> None:
    new = crowd.namespace("new")
    with users.hub() as hub, everywhere(crowd, rbac.in_all_namespaces(Subject("User", users.name))) as objects:
        users.grant(objects[:2])
        if may_create:
            users.grant(objects[2:])
        hub.clusters.join("c2", kubeconfig=users.kubeconfig, namespace=new)
        crowd.names = (*crowd.names, "new")
        if may_create:
            hub.deploy(samples.one, to=Placement("where", Name("c2")))
            assert ("Deployment", "model-wear") in crowd.objects("new")
        else:
            with pytest.raises(
                DeploymentFailed, match=f"no namespace '{new}', and no right to create it.*create it, or"
            ):
                hub.deploy(samples.one, to=Placement("where", Name("c2")))


def _one_more(right: Right, objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Role and binding for one right, beside the ones that are there."""
    role, binding = (_named(each, "more") for each in objects)
    return [{**role, "rules": [right.rule()]}, binding]


@contextmanager
def everywhere(crowd: Crowd, objects: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Cluster-wide objects under names of this test alone; they are gone afterwards."""
    named = [_named(each, crowd.home) for each in objects]
    try:
        yield named
    finally:
        for each in named:
            crowd.api.delete(key_of(each), None, each["metadata"]["name"], deadline=soon())


def _named(found: dict[str, Any], suffix: str) -> dict[str, Any]:
    changed = {**found, "metadata": {**found["metadata"], "name": f"{found['metadata']['name']}-{suffix}"}}
    if "roleRef" in found:
        changed["roleRef"] = {**found["roleRef"], "name": f"{found['roleRef']['name']}-{suffix}"}
    return changed
