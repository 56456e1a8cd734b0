"""The rights that ship for a hub are enough for all that the backend does, and each of them is needed."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import i4q_ai as i4q
from i4q_ai.deadline import Deadline
from i4q_ai.deployment import Deployment
from i4q_ai.errors import DeploymentFailed, ForbiddenError
from i4q_ai.kube import Api
from i4q_ai.kube.kinds import key_of
from i4q_ai.testing import samples as making
from i4q_ai.testing.samples import Samples
from i4q_ai_kubectl.rbac import Subject
from i4q_ai_ocm import rbac
from i4q_ai_ocm.following import PROBE
from i4q_ai_ocm.settings import OcmHub
from tests.e2e.ocm.lone_hub import CLUSTERS, LoneHub
from tests.testbed.apiserver import ApiServer
from tests.testbed.registry import Registry

LIMIT = 300.0
"""Seconds that anything may take; far more than it needs."""
WHERE = i4q.Placement("cnc", i4q.Label("line") == "cnc")
NARROWER = i4q.Placement("cnc", (i4q.Label("line") == "cnc") & ~i4q.Label("spare").exists())


class Right(NamedTuple):
    """One verb on one resource."""

    verb: str
    resource: str
    group: str
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.verb}-{self.resource}"

    def rule(self) -> dict[str, Any]:
        """That grants it and nothing else."""
        found: dict[str, Any] = {"apiGroups": [self.group], "resources": [self.resource], "verbs": [self.verb]}
        return {**found, "resourceNames": [*self.names]} if self.names else found


def _rights(objects: Iterable[dict[str, Any]]) -> list[Right]:
    rules = [rule for each in objects for rule in each.get("rules", ())]
    return [
        Right(verb, resource, group, tuple(rule.get("resourceNames", ())))
        for rule in rules for group in rule["apiGroups"] for resource in rule["resources"] for verb in rule["verbs"]
    ]  # fmt: skip


ANYBODY = Subject("User", "anybody")
OF_DEPLOYMENTS = _rights(rbac.in_namespace("any", ANYBODY))
ON_HUB = _rights(rbac.on_hub(ANYBODY))
OF_SCORES = Right("list", "addonplacementscores", "cluster.open-cluster-management.io")
"""Without it placements prefer by no scores, and everything else goes on."""
TO_PROBE = _rights(rbac.probe(ANYBODY))
OF_CLUSTERS = _rights(rbac.clusters(ANYBODY))


class User:
    """A user of a hub with rights in one namespace of it, which are gone with it.

    Args:
        server: of the hub.
        folder: for settings.
    """

    def __init__(self, server: ApiServer, folder: Path) -> None:
        self.name = f"user-{secrets.token_hex(4)}"
        self.namespace = f"of-{self.name}"
        self.subject = Subject("User", self.name)
        self.api = Api.open(kubeconfig=server.kubeconfig)
        self._folder, self._kubeconfig = folder, server.user(self.name)
        self._everywhere: list[dict[str, Any]] = []
        wanted = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        self.api.create(wanted, deadline=_soon())

    def grant(self, objects: list[dict[str, Any]], *, without: Right | None = None) -> None:
        """Give the user rights, but for one, and wait until the API server knows of them."""
        named = [_named(each, self.name) for each in objects]
        for each in named:
            rules = [right.rule() for right in _rights([each]) if right != without]
            self.api.create({**each, **({"rules": rules} if "rules" in each else {})}, deadline=_soon())
            if each["metadata"].get("namespace") != self.namespace:
                self._everywhere.append(each)
        until = _soon()
        with Api.open(kubeconfig=self._kubeconfig) as api:
            # The server's authorizer learns of a new rule a moment later, and tells nobody.
            for role in (each for each in named if "rules" in each):
                asked = [right for right in _rights([role]) if right != without and not right.names]
                for right in asked[-1:]:
                    namespace = role["metadata"].get("namespace")
                    while not api.allowed(right.verb, right.resource, namespace, group=right.group, deadline=until):
                        until.pause(0.05)

    def hub(self, *, without: Right | None = None, follows: bool | None = True) -> i4q.Hub:
        """A hub as the user, with the rights that ship but for one; what finds out about replica sets only if asked."""
        self.grant(rbac.in_namespace(self.namespace, self.subject), without=without)
        self.grant(rbac.on_hub(self.subject), without=without)
        return self.open(follows=follows)

    def open(self, *, follows: bool | None = True, namespace: str = "") -> i4q.Hub:
        """A hub as the user, with the rights that were granted."""
        settings = OcmHub(
            kubeconfig=str(self._kubeconfig), replica_sets=follows, image=f"registry.invalid/edge@sha256:{'0' * 64}"
        )
        path = self._folder / "hub.yaml"
        path.write_text(settings.to_yaml(), encoding="utf-8")
        return i4q.Hub(f"ocm://{path}", namespace=namespace or self.namespace, timeout=LIMIT)

    def close(self) -> None:
        """Take back what was granted, and what it has left on the hub."""
        for each in self._everywhere:
            about = each["metadata"]
            self.api.delete(key_of(each), about.get("namespace"), about["name"], deadline=_soon())
        labels = {"app.kubernetes.io/managed-by": "i4q-ai", "i4q.ai/namespace": self.namespace}
        scores = {"app.kubernetes.io/managed-by": "i4q-ai"}
        for kind, which in (
            ("ManifestWorkReplicaSet", labels),
            ("ManifestWork", labels),
            ("AddOnPlacementScore", scores),
        ):
            for each in self.api.list(kind, None, labels=which, deadline=_soon()).items:
                about = each["metadata"]
                self.api.delete(kind, about["namespace"], about["name"], deadline=_soon())
        self.api.delete("ManifestWorkReplicaSet", "default", PROBE, deadline=_soon())
        self.api.delete("Namespace", None, self.namespace, deadline=_soon())
        self.api.close()


def _soon() -> Deadline:
    return Deadline.after(LIMIT, "a test")


def _named(found: dict[str, Any], suffix: str) -> dict[str, Any]:
    changed = {**found, "metadata": {**found["metadata"], "name": f"{found['metadata']['name']}-{suffix}"}}
    if "roleRef" in found:
        changed["roleRef"] = {**found["roleRef"], "name": f"{found['roleRef']['name']}-{suffix}"}
    return changed


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Samples]:
    """Models in a registry; nobody pulls them."""
    with Registry(tmp_path_factory.mktemp("registry")) as registry, pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "I4Q_PLAIN_HTTP", registry.host)
        yield making.push(tmp_path_factory.mktemp("samples"), f"{registry.host}/rights/")


@pytest.fixture
def user(lone_hub: LoneHub, tmp_path: Path) -> Iterator[User]:
    """A new one, with nothing granted."""
    made = User(lone_hub.server, tmp_path)
    yield made
    made.close()


def _deploy(hub: i4q.Hub, samples: Samples) -> Deployment:
    return hub.deploy(samples.one, to=WHERE)


def _watch(hub: i4q.Hub, samples: Samples) -> None:
    """See a change that comes while one watches."""
    deployment = _deploy(hub, samples)
    statuses = deployment.watch(timeout=LIMIT)
    assert {row.desired for row in next(statuses).clusters} == {samples.one.digest}
    deployment.update(samples.two)
    assert any({row.desired for row in status.clusters} == {samples.two.digest} for status in statuses)


def _watch_on(hub: i4q.Hub, samples: Samples) -> None:
    """Watch until somebody says no; a list that comes before may show all that there is to see."""
    for _ in _deploy(hub, samples).watch(timeout=LIMIT):
        pass


def _change(hub: i4q.Hub, samples: Samples) -> None:
    """Another version, on other clusters."""
    _deploy(hub, samples)
    hub.deploy(samples.two, to=NARROWER)


def _stage(hub: i4q.Hub, samples: Samples) -> None:
    """A roll-out finer than groups: works, which are changed by the next, and are taken away by an order."""
    _deploy(hub, samples)
    for model in (samples.two, samples.three):
        hub.deploy(model, to=WHERE, rollout=i4q.Rollout(max_concurrency=1))
    _deploy(hub, samples)


def _delete(hub: i4q.Hub, samples: Samples) -> None:
    deployment = _deploy(hub, samples)
    deployment.update(samples.two)
    assert deployment.delete(timeout=LIMIT) is None


_BY_VERB = {
    "get": _deploy,
    "list": _delete,
    "create": _change,
    "update": _change,
    "watch": _watch_on,
    "delete": _delete,
}


def test_the_roles_are_enough_for_all_that_a_hub_does(user: User, samples: Samples) -> None:
    user.grant(rbac.probe(user.subject))
    user.grant(rbac.clusters(user.subject))
    with user.hub(follows=None) as hub:
        assert [each.name for each in hub.clusters] == [*CLUSTERS]
        assert hub.plan(samples.one, to=WHERE).changes
        _watch(hub, samples)
        _stage(hub, samples)
        _change(hub, samples)
        deployment = hub.list()[0]
        assert deployment.rollback().history()
        assert deployment.delete(timeout=LIMIT) is None
        _change_clusters(hub)
    ours = {"app.kubernetes.io/managed-by": "i4q-ai"}
    for kind in ("Placement", "ManifestWorkReplicaSet", "ConfigMap", "ControllerRevision"):
        assert not user.api.list(kind, user.namespace, labels=ours, deadline=_soon()).items


def _change_clusters(hub: i4q.Hub) -> None:
    hub.clusters.label("c2", {"spare": "yes"}, refresh=False)
    hub.clusters.label("c2", {"spare": None}, refresh=False)
    hub.scores.publish({"c2": {"accuracy": 97}}, resource=f"score-{secrets.token_hex(3)}", refresh=False)
    name = f"new-{secrets.token_hex(3)}"
    hub.clusters.add(name, labels={"line": "press"}, refresh=False)
    hub.clusters.remove(name, refresh=False)


def _names(error: BaseException, right: Right, namespace: str | None) -> bool:
    place = f"in namespace {namespace}" if namespace else "in all of the cluster"
    return re.search(rf"no right to {right.verb} {right.resource} {place}", str(error)) is not None


@pytest.mark.parametrize("right", OF_DEPLOYMENTS, ids=str)
def test_each_right_in_a_namespace_is_needed(right: Right, user: User, samples: Samples) -> None:
    with user.hub(without=right) as hub, pytest.raises((ForbiddenError, DeploymentFailed)) as caught:
        _BY_VERB[right.verb](hub, samples)
    assert _names(caught.value, right, user.namespace), caught.value


def _use(right: Right, hub: i4q.Hub, samples: Samples) -> None:
    """Do what needs a right on the hub as a whole, and as little else as may be."""
    if (right.verb, right.resource) == ("get", "managedclusters"):
        hub.clusters.label("c1", {"spare": None}, refresh=False)
    elif right.resource == "manifestworks" and right.verb not in ("list", "watch"):
        _stage(hub, samples)
    else:
        _BY_VERB[right.verb](hub, samples)


@pytest.mark.parametrize("right", [right for right in ON_HUB if right != OF_SCORES], ids=str)
def test_each_right_on_the_hub_is_needed(right: Right, user: User, samples: Samples) -> None:
    with user.hub(without=right) as hub, pytest.raises((ForbiddenError, DeploymentFailed)) as caught:
        _use(right, hub, samples)
    places: Iterable[str | None] = [None]
    if right.resource == "manifestworks" and right.verb not in ("list", "watch"):
        places = CLUSTERS
    elif right.names:
        places = right.names  # of a namespace, the API server says that it lies in itself
    assert any(_names(caught.value, right, place) for place in places), caught.value


def test_without_the_right_to_scores_only_they_are_missing(user: User, caplog: pytest.LogCaptureFixture) -> None:
    with user.hub(without=OF_SCORES) as hub:
        assert [each.name for each in hub.clusters] == [*CLUSTERS]
    assert "no right to list addonplacementscores in all of the cluster" in caplog.text


@pytest.mark.parametrize("right", TO_PROBE, ids=str)
def test_each_right_of_the_probe_is_needed(right: Right, user: User, lone_hub: LoneHub, samples: Samples) -> None:
    user.grant(rbac.probe(user.subject), without=right)
    refused = pytest.raises((ForbiddenError, DeploymentFailed))
    # A controller that is quick has noticed before anybody watches.
    with user.hub(follows=None) as hub, lone_hub.halted("work-hub"), refused as caught:
        _deploy(hub, samples)
    assert _names(caught.value, right, None if right.verb == "list" else "default"), caught.value


@pytest.mark.parametrize("right", OF_CLUSTERS, ids=str)
def test_each_right_to_change_clusters_is_needed(right: Right, user: User) -> None:
    user.grant(rbac.clusters(user.subject), without=right)
    with user.hub() as hub, pytest.raises(ForbiddenError) as caught:
        _change_clusters(hub)
    assert (caught.value.verb, caught.value.resource, caught.value.group) == (right.verb, right.resource, right.group)


@pytest.mark.parametrize("may_create", [True, False])
def test_a_missing_namespace_is_made_where_that_is_granted(may_create: bool, user: User, samples: Samples) -> None:
    everywhere, new = rbac.in_all_namespaces(user.subject), f"new-{secrets.token_hex(3)}"
    user.grant(rbac.on_hub(user.subject))
    user.grant(everywhere if may_create else everywhere[:2])
    with user.open(namespace=new) as hub:
        if may_create:
            assert _deploy(hub, samples).delete(timeout=LIMIT) is None
            user.api.delete("Namespace", None, new, deadline=_soon())
        else:
            with pytest.raises(ForbiddenError, match=f"no namespace '{new}', and no right to create it"):
                _deploy(hub, samples)
