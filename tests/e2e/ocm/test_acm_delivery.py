"""Deployments that go through Git: pushed by the hub's user, taken by the edges, and reported back."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import i4q_ai as i4q
from i4q_ai.errors import DeploymentFailed, UnsupportedError
from i4q_ai.status import Phase
from i4q_ai_ocm.settings import Git, OcmHub
from tests.e2e.ocm.acm_things import PATIENCE, until

if TYPE_CHECKING:
    from i4q_ai.testing.samples import Samples
    from tests.testbed.gitserver import GitServer
    from tests.testbed.subscriptions import Subscriptions

pytestmark = pytest.mark.usefixtures("acm")


@pytest.fixture
def by_git(
    hub_settings: Path, registry_of_ocm: str, ocm_namespace: str, hub_git: GitServer, tmp_path: Path
) -> Iterator[i4q.Hub]:
    """A hub that delivers by Git; what a test leaves there is taken away."""
    git = Git(repo=hub_git.create("plant"), path="edge", author="Test <test@example.com>")
    settings = OcmHub.from_yaml(hub_settings.read_text()).replace(git=git, delivery="subscription")
    path = tmp_path / "acm.yaml"
    path.write_text(settings.to_yaml(), encoding="utf-8")
    with i4q.Hub(f"ocm://{path}", namespace=ocm_namespace) as hub:
        yield hub
        for deployment in hub.list():
            assert deployment.delete(timeout=PATIENCE) is None, "the test leaves something behind"


@pytest.fixture
def where(acm: Subscriptions) -> i4q.Placement:
    """The first two edges, of which the first is a group of its own."""
    first, second, *_ = sorted(acm.agents)
    return i4q.Placement("two", i4q.Name(first, second), groups={"canary": i4q.Name(first)})


def git(server: GitServer, *arguments: str) -> str:
    """What git says of the repository."""
    command = ["git", "-C", str(server.path("plant")), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def versions(deployment: i4q.Deployment) -> dict[str, tuple[Phase, str]]:
    """Cluster → how it is, and which version runs."""
    return {row.cluster: (row.phase, row.version) for row in deployment.status().clusters}


def test_a_deployment_goes_there_and_back_by_commits(
    by_git: i4q.Hub, samples: Samples, acm: Subscriptions, hub_git: GitServer
) -> None:
    first, second, *_ = sorted(acm.agents)
    where = i4q.Placement("two", i4q.Name(first, second))
    deployment = by_git.deploy(samples.one, to=where).wait(timeout=PATIENCE)
    one, two = samples.one.version, samples.two.version
    assert versions(deployment) == dict.fromkeys((first, second), (Phase.READY, one))
    deployment.update(samples.two).wait(timeout=PATIENCE)
    assert versions(deployment) == dict.fromkeys((first, second), (Phase.READY, two))
    assert git(hub_git, "diff", "--numstat", "HEAD^", "HEAD").split()[:2] == ["1", "1"]
    assert f"{one} → {two}" in git(hub_git, "log", "-1", "--format=%s")
    deployment.rollback().wait(timeout=PATIENCE)
    assert versions(deployment) == dict.fromkeys((first, second), (Phase.READY, one))
    deployment.delete(timeout=PATIENCE)
    assert git(hub_git, "ls-tree", "-r", "--name-only", "HEAD").split() == []
    for edge in (first, second):
        look = ["get", "deployments,services", "-n", by_git.namespace, "-o", "name"]
        until(lambda edge=edge, look=look: acm.management.edges[edge].kubectl(*look), lambda found: not found)  # type: ignore[misc]
    kinds = "subscriptions.apps.open-cluster-management.io,placements,manifestworkreplicasets,applications.app.k8s.io"
    assert acm.hub.kubectl("get", kinds, "-n", by_git.namespace, "-o", "name").split() == []


def test_a_roll_out_goes_group_by_group(
    by_git: i4q.Hub, samples: Samples, where: i4q.Placement, acm: Subscriptions
) -> None:
    first, second, *_ = sorted(acm.agents)
    staged = i4q.Rollout(strategy="staged")
    deployment = by_git.deploy(samples.one, to=where, rollout=staged)
    told = acm.hub.kubectl("get", "subscriptions.apps.open-cluster-management.io", "-n", by_git.namespace, "-o", "name")
    assert [name.rpartition("-")[2] for name in told.split()] == ["canary"]
    deployment.wait(timeout=PATIENCE)
    one = samples.one.version
    assert versions(deployment) == dict.fromkeys((first, second), (Phase.READY, one))


def test_what_is_finer_than_groups_is_refused_before_anything_is_pushed(
    by_git: i4q.Hub, samples: Samples, where: i4q.Placement, hub_git: GitServer
) -> None:
    with pytest.raises(UnsupportedError, match="finer than the groups"):
        by_git.deploy(samples.one, to=where, rollout=i4q.Rollout(max_concurrency=1))
    with pytest.raises(UnsupportedError, match="files"):
        by_git.deploy(samples.one, to=where, flavour="files")
    assert by_git.list() == []
    assert git(hub_git, "branch", "--list") == ""


def test_what_somebody_has_changed_in_git_is_not_overwritten(
    by_git: i4q.Hub, samples: Samples, where: i4q.Placement, hub_git: GitServer, tmp_path: Path
) -> None:
    plain = i4q.Placement("two", where.rule)
    deployment = by_git.deploy(samples.one, to=plain).wait(timeout=PATIENCE)
    clone = tmp_path / "clone"
    me = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com"]
    subprocess.run(["git", "clone", "-q", hub_git.url("plant"), str(clone)], check=True, timeout=60)
    (file,) = clone.rglob("deployment.yaml")
    file.write_text(file.read_text().replace("replicas: 1", "replicas: 2", 1), encoding="utf-8")
    for command in (["commit", "-q", "-a", "-m", "By hand"], ["push", "-q"]):
        subprocess.run(["git", "-C", str(clone), *me, *command], check=True, timeout=60, capture_output=True)
    with pytest.raises(DeploymentFailed, match=r"deployment\.yaml"):
        deployment.update(samples.two)
    assert "replicas: 2" in git(hub_git, "show", f"HEAD:{file.relative_to(clone)}")
    subprocess.run(
        ["git", "-C", str(clone), *me, "revert", "--no-edit", "HEAD"], check=True, timeout=60, capture_output=True
    )
    subprocess.run(["git", "-C", str(clone), "push", "-q"], check=True, timeout=60, capture_output=True)
    by_git.refresh()
    deployment.wait(timeout=PATIENCE)
    assert {version for _, version in versions(deployment).values()} == {samples.two.version}
