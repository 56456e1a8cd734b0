"""What deployments by Git leave in Git and on the hub, on a hub whose clusters never come."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import i4q_ai as i4q
from i4q_ai.errors import DeploymentFailed
from i4q_ai.testing.samples import Samples
from i4q_ai_kubectl.rbac import Subject
from i4q_ai_ocm import rbac
from i4q_ai_ocm.settings import Git, OcmHub
from i4q_ai_ocm.subscribing.things import SUBSCRIPTION
from tests.e2e.ocm.lone_hub import CLUSTERS, LoneHub
from tests.e2e.ocm.test_rights import LIMIT, User, samples
from tests.testbed.crds import subscription_crds
from tests.testbed.kinds import apply_crds

__all__ = ["samples"]

WHERE = i4q.Placement("cnc", i4q.Label("line") == "cnc")
GROUPED = i4q.Placement("cnc", i4q.Label("line") == "cnc", groups={"first": i4q.Name(CLUSTERS[0])})


class Plant:
    """A repository, and a hub that delivers by it.

    Args:
        folder: for both.
        user: of the hub.
    """

    def __init__(self, folder: Path, user: User) -> None:
        self.bare = folder / "plant.git"
        command = ["git", "init", "--quiet", "--bare", "--initial-branch=main", str(self.bare)]
        subprocess.run(command, check=True, timeout=60)
        git = Git(repo=f"file://{self.bare}", path="edge", author="Test <test@example.com>")
        settings = OcmHub(
            kubeconfig=str(user._kubeconfig), replica_sets=True, image=f"registry.invalid/edge@sha256:{'0' * 64}",
            git=git, delivery="subscription",
        )  # fmt: skip
        path = folder / "hub.yaml"
        path.write_text(settings.to_yaml(), encoding="utf-8")
        self.hub = i4q.Hub(f"ocm://{path}", namespace=user.namespace, timeout=LIMIT)
        self.user = user

    def git(self, *arguments: str) -> str:
        """What git says of the repository."""
        command = ["git", "-C", str(self.bare), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    def files(self) -> list[str]:
        """All that is at the head of the branch."""
        return self.git("ls-tree", "-r", "--name-only", "main").split()

    def subscriptions(self) -> list[str]:
        """Names of the Subscriptions on the hub."""
        deadline = self.hub.engine.deadline()
        found = self.user.api.list(SUBSCRIPTION, self.user.namespace, deadline=deadline).items
        return [each["metadata"]["name"] for each in found]


@pytest.fixture
def plant(lone_hub: LoneHub, tmp_path: Path) -> Iterator[Plant]:
    """A new one, for a user with the rights that ship."""
    apply_crds(lone_hub.server, subscription_crds())
    user = User(lone_hub.server, tmp_path)
    subject = Subject("User", user.name)
    for objects in (rbac.in_namespace(user.namespace, subject), rbac.on_hub(subject), rbac.from_git(subject)):
        user.grant(objects)
    made = Plant(tmp_path, user)
    yield made
    made.hub.close()
    user.close()


def test_each_change_is_a_commit_of_one_line(plant: Plant, samples: Samples) -> None:
    deployment = plant.hub.deploy(samples.one, to=WHERE)
    folder = f"edge/{plant.user.namespace}/{deployment.name}/_rest"
    names = ("deployment.yaml", "kustomization.yaml", "poddisruptionbudget.yaml", "service.yaml")
    assert plant.files() == [f"{folder}/{name}" for name in names]
    deployment.update(samples.two)
    assert plant.git("diff", "--numstat", "main^", "main").split()[:2] == ["1", "1"]
    deployment.rollback()
    subject = f"{samples.two.version} → {samples.one.version}"
    assert subject in plant.git("log", "-1", "--format=%s", "main")
    commits = plant.git("rev-list", "--count", "main")
    plant.hub.deploy(samples.one, to=WHERE)
    plant.hub.refresh()
    assert plant.git("rev-list", "--count", "main") == commits
    deployment.delete(timeout=LIMIT)
    assert plant.files() == []
    assert plant.subscriptions() == []
    assert plant.hub.list() == []


def test_groups_come_and_go_with_their_folders(plant: Plant, samples: Samples) -> None:
    deployment = plant.hub.deploy(samples.one, to=GROUPED)
    assert {name.split("/")[3] for name in plant.files()} == {"first", "_rest"}
    assert len(plant.subscriptions()) == 2
    plant.hub.deploy(samples.one, to=WHERE)
    assert {name.split("/")[3] for name in plant.files()} == {"_rest"}
    assert plant.subscriptions() == [f"{deployment.name}-subscription-1"]
    deployment.delete(timeout=LIMIT)


def test_while_git_is_away_nothing_is_told_and_nothing_is_lost(plant: Plant, samples: Samples) -> None:
    away = plant.bare.with_name("away.git")
    plant.bare.rename(away)
    with pytest.raises(DeploymentFailed, match="plant"):
        plant.hub.deploy(samples.one, to=WHERE)
    assert plant.subscriptions() == []
    away.rename(plant.bare)
    plant.hub.refresh()
    (deployment,) = plant.hub.list()
    assert plant.subscriptions() == [f"{deployment.name}-subscription-1"]
    plant.bare.rename(away)
    with pytest.raises(DeploymentFailed, match="plant"):
        deployment.delete(timeout=LIMIT)
    assert plant.subscriptions() == [f"{deployment.name}-subscription-1"]
    away.rename(plant.bare)
    deployment.delete(timeout=LIMIT)
    assert plant.subscriptions() == []
    assert plant.files() == []
