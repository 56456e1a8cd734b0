"""What a hub is told so that clusters take from Git, and what is left of it: on a hub whose clusters never come."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import i4q_ai as i4q
from i4q_ai.backends.base import Subscription
from i4q_ai.deadline import Deadline
from i4q_ai.errors import NotFoundError, OwnedError, UnsupportedError
from i4q_ai.status import Phase
from i4q_ai_kubectl.rbac import Subject
from i4q_ai_ocm import OcmBackend, rbac
from i4q_ai_ocm.settings import Git, OcmHub
from i4q_ai_ocm.subscribing.things import APPLICATION, CHANNEL, PLACEMENT, RULE, SUBSCRIPTION
from tests.e2e.ocm.lone_hub import CLUSTERS, LoneHub
from tests.e2e.ocm.test_rights import User
from tests.testbed.crds import subscription_crds
from tests.testbed.kinds import apply, apply_crds

REPO = "https://git.invalid/plant/models.git"
WHERE = i4q.Placement("cnc", i4q.Label("line") == "cnc")
COMMIT, OTHER = "a" * 40, "b" * 40
KINDS = (SUBSCRIPTION, APPLICATION, PLACEMENT, RULE, "ManifestWorkReplicaSet")


@pytest.fixture(scope="module")
def server(lone_hub: LoneHub) -> LoneHub:
    """With the kinds of delivery from Git; none of its controllers."""
    apply_crds(lone_hub.server, subscription_crds())
    return lone_hub


@pytest.fixture
def user(server: LoneHub, tmp_path: Path) -> Iterator[User]:
    """Somebody with the rights that ship, and no other."""
    made = User(server.server, tmp_path)
    for objects in (
        rbac.in_namespace(made.namespace, made.subject),
        rbac.on_hub(made.subject),
        rbac.from_git(made.subject),
    ):
        made.grant(objects)
    yield made
    made.close()


class Told:
    """A hub, and what is asked of it."""

    def __init__(self, user: User, folder: Path, git: Git, **more: Any) -> None:
        settings = OcmHub(kubeconfig=str(user._kubeconfig), replica_sets=True, git=git, **more)
        path = folder / "acm.yaml"
        path.write_text(settings.to_yaml(), encoding="utf-8")
        self.backend = OcmBackend(str(path))
        self.api, self.namespace = user.api, user.namespace

    def wanted(self, **changes: Any) -> Subscription:
        """What is asked for."""
        fields: dict[str, Any] = {
            "namespace": self.namespace, "name": "tool-wear", "repo": REPO, "folders": {"*": "edge/tool-wear"},
            "placement": WHERE, "commit": COMMIT,
        }  # fmt: skip
        return Subscription(**{**fields, **changes})

    def follow(self, **changes: Any) -> None:
        """Tell the hub."""
        self.backend.fleet.subscribe(self.wanted(**changes), deadline=soon())

    def leave(self, name: str = "tool-wear") -> None:
        """Tell it no more."""
        self.backend.fleet.unsubscribe(self.namespace, name, deadline=soon())

    def found(self, kind: str, namespace: str | None = "") -> list[dict[str, Any]]:
        """Objects as an administrator sees them."""
        return list(self.api.list(kind, self.namespace if namespace == "" else namespace, deadline=soon()).items)

    def left(self) -> list[str]:
        """What is there of all kinds that are written."""
        return [f"{each['kind']} {each['metadata']['name']}" for kind in KINDS for each in self.found(kind)]

    def marks(self) -> dict[str, str]:
        """The annotations of the one Subscription."""
        (found,) = self.found(SUBSCRIPTION)
        return dict(found["metadata"]["annotations"])


def soon() -> Deadline:
    """A deadline by which a call has long been done."""
    return Deadline.after(120)


@pytest.fixture
def told(user: User, tmp_path: Path) -> Iterator[Told]:
    """A hub as somebody with the rights that ship; nothing of ours is left on it."""
    made = Told(user, tmp_path, Git())
    yield made
    made.leave()
    assert made.left() == []
    assert ours(made) == []
    made.backend.close()


def ours(told: Told) -> list[str]:
    """Channels of ours, anywhere."""
    labels = {"app.kubernetes.io/managed-by": "i4q-ai"}
    return [each["metadata"]["name"] for each in told.api.list(CHANNEL, None, labels=labels, deadline=soon()).items]


def test_all_that_the_console_makes_is_there_and_all_of_it_goes(told: Told) -> None:
    told.follow()
    assert told.left()[:3] == [
        "Subscription tool-wear-subscription-1",
        "Application tool-wear",
        "Placement tool-wear-placement-1",
    ]
    assert ours(told) == ["ggitinvalid-plant-models"]
    told.leave()
    assert told.left() == []
    assert ours(told) == []
    told.leave()


def test_clusters_look_at_once_when_there_is_something_new_and_only_then(told: Told) -> None:
    refresh = "apps.open-cluster-management.io/manual-refresh-time"
    told.follow()
    assert refresh not in told.marks()
    told.follow()
    assert refresh not in told.marks()
    told.follow(commit=OTHER)
    first = told.marks()[refresh]
    told.follow(commit=OTHER)
    assert told.marks()[refresh] == first
    told.follow(commit=COMMIT)
    assert told.marks()[refresh] > first


def test_a_pin_moves_on_and_what_others_have_written_stays(told: Told) -> None:
    pin = "apps.open-cluster-management.io/git-desired-commit"
    told.follow(pinned=True)
    assert told.marks()[pin] == COMMIT
    (found,) = told.found(SUBSCRIPTION)
    marks = {**found["metadata"]["annotations"], "note": "of a person"}
    marks["apps.open-cluster-management.io/git-current-commit"] = COMMIT
    told.api.replace({**found, "metadata": {**found["metadata"], "annotations": marks}}, deadline=soon())
    told.follow(commit=OTHER)
    after = told.marks()
    assert after[pin] == OTHER  # no work agent takes an annotation away
    assert after["note"] == "of a person"
    assert after["apps.open-cluster-management.io/git-current-commit"] == COMMIT


def test_groups_that_are_no_more_go(told: Told) -> None:
    grouped = i4q.Placement("cnc", WHERE.rule, groups={"first": i4q.Name(CLUSTERS[0])})
    told.follow(placement=grouped, folders={"first": "a", "*": "b"})
    names = {"tool-wear-subscription-1", "tool-wear-subscription-first"}
    assert {each["metadata"]["name"] for each in told.found(SUBSCRIPTION)} == names
    told.follow()
    (found,) = told.found(SUBSCRIPTION)
    assert found["metadata"]["name"] == "tool-wear-subscription-1"
    assert len(told.found(PLACEMENT)) == len(told.found("ManifestWorkReplicaSet")) == 1


def test_a_publication_is_not_a_deployments_to_change(told: Told, user: User, tmp_path: Path) -> None:
    told.follow()
    by_git = tmp_path / "by-git"
    by_git.mkdir()
    other = Told(user, by_git, Git(repo=REPO), delivery="subscription")
    with pytest.raises(OwnedError, match="is a publication already"):
        other.backend.fleet.check(WHERE, namespace=told.namespace, name="tool-wear", deadline=soon())
    other.backend.fleet.check(WHERE, namespace=told.namespace, name="another", deadline=soon())
    other.backend.close()


def test_a_channel_is_shared_until_the_last_one_leaves(told: Told) -> None:
    told.follow()
    told.follow(name="other")
    told.leave("other")
    assert ours(told) == ["ggitinvalid-plant-models"]
    told.leave()
    assert ours(told) == []


def test_repositories_that_the_console_calls_alike_have_channels_of_their_own(told: Told) -> None:
    told.follow(repo="https://git.invalid/a.b")
    told.follow(name="other", repo="https://git.invalid/ab")
    paths = {each["spec"]["pathname"] for each in told.found(CHANNEL, None)}
    assert paths >= {"https://git.invalid/a.b", "https://git.invalid/ab"}
    told.leave("other")


def test_a_channel_of_others_is_taken_and_left(told: Told, server: LoneHub) -> None:
    theirs = {"apiVersion": "apps.open-cluster-management.io/v1", "kind": "Channel"}
    spec = {"type": "git", "pathname": "https://git.invalid/theirs.git"}
    apply(server.server, {**theirs, "metadata": {"name": "theirs", "namespace": told.namespace}, "spec": spec})
    told.follow(repo=spec["pathname"])
    (found,) = told.found(SUBSCRIPTION)
    assert found["spec"]["channel"] == f"{told.namespace}/theirs"
    told.leave()
    (left,) = told.found(CHANNEL)
    assert left["spec"] == spec
    told.api.delete(CHANNEL, told.namespace, "theirs", deadline=soon())


def test_clusters_that_have_not_come_say_so(told: Told) -> None:
    told.follow()
    found = {each.cluster: each for each in told.backend.fleet.pulled(told.namespace, "tool-wear", deadline=soon())}
    assert set(found) <= set(CLUSTERS)
    assert {each.phase for each in found.values()} <= {Phase.PENDING}


def test_without_settings_for_git_it_is_refused(user: User, tmp_path: Path) -> None:
    path = tmp_path / "plain.yaml"
    path.write_text(OcmHub(kubeconfig=str(user._kubeconfig), replica_sets=True).to_yaml(), encoding="utf-8")
    backend = OcmBackend(str(path))
    assert not backend.capabilities.gitops
    wanted = Subscription(namespace=user.namespace, name="a", repo=REPO, folders={"*": "a"}, placement=WHERE)
    with pytest.raises(UnsupportedError, match=r"git: \{\}"):
        backend.fleet.subscribe(wanted, deadline=soon())
    backend.close()


def test_a_secret_is_named_and_must_be_there(user: User, tmp_path: Path, server: LoneHub) -> None:
    told = Told(user, tmp_path, Git(secret="git-auth"))
    about = {"namespace": "ggitinvalid-plant-models-ns", "name": "git-auth"}
    secret: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "metadata": about}
    reader = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "i4q-secrets"}}
    user.grant([
        {**reader, "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]},
        {
            **reader, "kind": "ClusterRoleBinding", "subjects": [Subject("User", user.name).reference()],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "i4q-secrets"},
        },
    ])  # fmt: skip
    with pytest.raises(NotFoundError, match="no Secret") as caught:
        told.follow()
    assert "accessToken" in caught.value.hint
    assert told.left() == []
    apply(server.server, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": about["namespace"]}})
    apply(server.server, {**secret, "stringData": {"token": "hunter2"}})
    with pytest.raises(UnsupportedError, match="has token") as refused:
        told.follow()
    assert "hunter2" not in str(refused.value)
    apply(server.server, {**secret, "stringData": {"user": "bot", "accessToken": "hunter2"}})
    told.follow()
    (channel,) = (each for each in told.found(CHANNEL, None) if each["spec"]["pathname"] == REPO)
    assert channel["spec"]["secretRef"] == {"name": "git-auth"}
    assert "hunter2" not in json.dumps([*map(told.found, KINDS)])
    told.leave()
    told.api.delete("Secret", about["namespace"], about["name"], deadline=soon())
    told.backend.close()


def test_an_old_hub_has_rules(user: User, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    told = Told(user, tmp_path, Git(placement_rules=True))
    with caplog.at_level(logging.WARNING):
        told.follow()
    assert "PlacementRule" in caplog.text
    assert [each["metadata"]["name"] for each in told.found(RULE)] == ["tool-wear-placement-1"]
    assert told.found(PLACEMENT) == []
    told.leave()
    assert told.left() == []
    told.backend.close()
