"""`hub.publish` on the real controllers: what goes well, and what a plant does to it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import i4q_ai as i4q
from i4q_ai.backends.base import Pulled
from i4q_ai.errors import EditedError, UnreachableError
from i4q_ai.gitops import Credentials
from i4q_ai.published import Rendering
from i4q_ai.status import Phase
from i4q_ai_ocm.settings import Git, OcmHub
from i4q_ai_ocm.subscribing import names
from tests.e2e.gitops.front import in_front
from tests.e2e.gitops.people import Person, git
from tests.e2e.ocm import console
from tests.e2e.ocm.acm_things import until
from tests.testbed import network

if TYPE_CHECKING:
    from i4q_ai.publication import Publication
    from i4q_ai.testing.samples import Samples
    from tests.e2e.ocm.conftest import Label
    from tests.testbed.gitserver import GitServer
    from tests.testbed.images import EdgeImage
    from tests.testbed.subscriptions import Subscriptions

pytestmark = pytest.mark.usefixtures("acm")

WHO = "Trainer <trainer@factory.example>"
SECRET = "git-auth"


@pytest.fixture
def rendering(registry_of_ocm: str, edge_image: EdgeImage) -> Rendering:
    """How objects are written for these edges."""
    return Rendering(edge_image=edge_image.push(registry_of_ocm), plain_http=(registry_of_ocm,))


@pytest.fixture
def opened(
    hub_settings: Path, ocm_namespace: str, tmp_path: Path, hub_git: GitServer
) -> Iterator[Callable[..., i4q.Hub]]:
    """Opens a hub whose clusters take from Git; what it has published is taken away, and nothing is left."""
    assert hub_git  # must outlive what is taken from it
    hubs: list[i4q.Hub] = []

    def opening(**about: Any) -> i4q.Hub:
        path = tmp_path / f"hub-{len(hubs)}.yaml"
        made = OcmHub.from_yaml(hub_settings.read_text()).replace(git=Git(**about))
        path.write_text(made.to_yaml(), encoding="utf-8")
        hubs.append(i4q.Hub(f"ocm://{path}", namespace=ocm_namespace))
        return hubs[-1]

    yield opening
    for hub in hubs:
        for name in [name for each in hub.publications() for name in each.names]:
            hub.publication(name).delete(author=WHO, force=True)
            until(lambda name=name: _pulled(hub, name), lambda found: not found)  # type: ignore[misc]  # noqa: B023
        hub.close()


def _pulled(hub: i4q.Hub, name: str) -> Mapping[str, Pulled]:
    found = hub.engine.fleet.pulled(hub.namespace, name, deadline=hub.engine.deadline())
    return {each.cluster: each for each in found}


def rows(publication: Publication) -> dict[str, Pulled]:
    """Cluster → what it says of a publication of one deployment."""
    (status,) = publication.status()
    return {each.cluster: each for each in status.clusters}


def ready(publication: Publication, commit: str, *clusters: str) -> None:
    """Wait until these clusters, and no others, have a commit."""
    wanted = dict.fromkeys(clusters, (Phase.READY, commit))
    until(
        lambda: rows(publication),
        lambda found: {cluster: (each.phase, each.commit) for cluster, each in found.items()} == wanted,
    )


def said(acm: Subscriptions, edge: str, namespace: str) -> Mapping[str, Any]:
    """What the program on an edge says; nothing while it does not answer."""
    path = f"/api/v1/namespaces/{namespace}/services/workload-line:8000/proxy/"
    try:
        answer: dict[str, Any] = json.loads(acm.management.edges[edge].kubectl("get", "--raw", path))
    except RuntimeError:
        return {}
    return answer


def sees(acm: Subscriptions, edge: str, namespace: str, factor: float) -> int:
    """Wait until the program sees a version of the model; its process."""
    found = until(lambda: said(acm, edge, namespace), lambda found: found.get("factor") == factor)
    return int(found["pid"])


def test_a_model_and_its_program_are_published_changed_reverted_and_gone(
    opened: Callable[..., i4q.Hub], acm: Subscriptions, hub_git: GitServer, line: Label, cnc: i4q.Placement,
    samples: Samples, rendering: Rendering,
) -> None:  # fmt: skip
    hub, repo = opened(), hub_git.create("plant")
    line("edge-1", "cnc")
    about: dict[str, Any] = {"to": cnc, "repo": repo, "path": "edges", "rendering": rendering, "author": WHO}
    hub.publish(samples.by_url, **about)
    model = hub.publish(samples.one, **about)
    first = model.commit
    pid = sees(acm, "edge-1", hub.namespace, 1.0)
    ready(model, first, "edge-1")
    assert hub.publish(samples.two, **about).commit == model.commit != first
    assert git(hub_git.path("plant"), "diff", "--numstat", first, "main").split()[:2] == ["1", "1"]
    assert sees(acm, "edge-1", hub.namespace, 2.0) == pid
    ready(model, model.commit, "edge-1")
    line("edge-2", "cnc")  # a late joiner, and nobody does anything
    until(lambda: rows(model), lambda found: found.keys() == {"edge-1", "edge-2"})
    ready(model, model.commit, "edge-1", "edge-2")
    model.rollback(author=WHO)
    assert git(hub_git.path("plant"), "log", "-1", "--format=%s", "main").startswith("Revert ")
    assert sees(acm, "edge-1", hub.namespace, 1.0) == pid, "the program was never touched"
    for name in ("line", "wear"):
        hub.publication(name).delete(author=WHO)
    assert hub.publications() == []
    kinds = "deployments,services,poddisruptionbudgets"
    look = ("get", kinds, "-n", hub.namespace, "-o", "name")
    for edge in ("edge-1", "edge-2"):
        until(lambda edge=edge: acm.management.edges[edge].kubectl(*look), lambda found: not found)  # type: ignore[misc]
    assert git(hub_git.path("plant"), "ls-tree", "-r", "--name-only", "main") == ""


def test_what_people_do_to_the_branch(
    opened: Callable[..., i4q.Hub], acm: Subscriptions, hub_git: GitServer, line: Label, cnc: i4q.Placement,
    samples: Samples, rendering: Rendering, tmp_path: Path,
) -> None:  # fmt: skip
    """They commit beside it, break our file, delete one, force another history: all is seen, nothing is lost.

    As kustomization: of plain files, the controllers take one that they cannot read for one that is gone.
    """
    hub, repo = opened(), hub_git.create("plant")
    line("edge-1", "cnc")
    edge = acm.management.edges["edge-1"]
    about: dict[str, Any] = {"to": cnc, "repo": repo, "rendering": rendering, "author": WHO, "form": "kustomize"}
    model = hub.publish(samples.one, **about)
    ready(model, model.commit, "edge-1")
    person = Person(tmp_path / "person", repo)
    person.pull()
    person.write(README="by hand\n")
    beside = person.push()
    model = hub.publish(samples.two, **about)
    assert git(hub_git.path("plant"), "rev-parse", "main~1") == beside
    ready(model, model.commit, "edge-1")

    person.pull()
    person.write_all({"wear/service.yaml": "kind: [Service\n"})
    person.push("break it")
    assert [each.path for each in model.drift()] == ["wear/service.yaml"]
    with pytest.raises(EditedError, match="changed by others"):
        hub.publish(samples.one, **about)
    sync(acm, hub.namespace)
    found = until(lambda: rows(model), lambda found: found["edge-1"].phase is Phase.FAILED)
    assert "service.yaml" in found["edge-1"].message
    assert edge.kubectl("get", "service/model-wear", "-n", hub.namespace, "-o", "name"), "what ran goes on"

    listed = (person.folder / "wear" / "kustomization.yaml").read_text(encoding="utf-8")
    person.write_all({"wear/service.yaml": None, "wear/kustomization.yaml": listed.replace("- service.yaml\n", "")})
    person.push("take it away")
    sync(acm, hub.namespace)
    look = ("get", "services", "-n", hub.namespace, "-o", "name")
    until(lambda: edge.kubectl(*look), lambda found: not found)
    assert [each.path for each in model.drift()] == ["wear/kustomization.yaml", "wear/service.yaml"]

    git(person.folder, "reset", "--quiet", "--hard", beside)
    git(person.folder, "push", "--quiet", "--force", "origin", "main")
    model = hub.publish(samples.three, force=True, **about)
    ready(model, model.commit, "edge-1")
    assert git(hub_git.path("plant"), "rev-parse", "main~1") == beside
    until(lambda: edge.kubectl(*look), lambda found: bool(found))
    assert model.drift() == []


def sync(acm: Subscriptions, namespace: str) -> None:
    """What the console's button does: clusters look now."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    kind, mark = "subscriptions.apps.open-cluster-management.io", f"{console.APPS}/manual-refresh-time={now}"
    acm.hub.kubectl("annotate", kind, "--all", "-n", namespace, mark, "--overwrite")


def test_a_private_repository_that_is_away_for_a_while(
    opened: Callable[..., i4q.Hub], acm: Subscriptions, hub_git: GitServer, line: Label, cnc: i4q.Placement,
    samples: Samples, rendering: Rendering,
) -> None:  # fmt: skip
    hub_git.create("plant")
    line("edge-1", "cnc")
    with in_front(hub_git.url("plant").rsplit("/", 1)[0], address=network.HUB) as front:
        front.password = ("bot", "s3cret-of-the-plant")
        repo = f"{front.url}/plant.git"
        _secret(acm, repo, *front.password)
        hub = opened(secret=SECRET)
        about: dict[str, Any] = {
            "to": cnc, "repo": repo, "rendering": rendering, "author": WHO, "credentials": Credentials(*front.password),
        }  # fmt: skip
        model = hub.publish(samples.one, **about)
        ready(model, model.commit, "edge-1")
        assert "s3cret" not in json.dumps(model.published["wear"].dump())
        assert "s3cret" not in acm.hub.kubectl(
            "get", "subscriptions.apps.open-cluster-management.io", "-A", "-o", "json"
        )

        front.status = 503
        with pytest.raises(UnreachableError):
            hub.publish(samples.two, **about)
        edge = acm.management.edges["edge-1"]
        assert edge.kubectl("get", "service/model-wear", "-n", hub.namespace, "-o", "name"), "what ran goes on"
        front.status = None
        model = hub.publish(samples.two, **about)
        ready(model, model.commit, "edge-1")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("I4Q_GIT_CREDENTIALS", str(_stored(front.url, front.password)))
            hub.publication("wear").delete(author=WHO)
        until(lambda: _pulled(hub, "wear"), lambda found: not found)
    acm.hub.kubectl("delete", "namespace", _channel_namespace(repo), "--wait=false", "--ignore-not-found")


def test_the_hub_is_away_for_a_while(
    opened: Callable[..., i4q.Hub], acm: Subscriptions, hub_git: GitServer, line: Label, cnc: i4q.Placement,
    samples: Samples, rendering: Rendering,
) -> None:  # fmt: skip
    hub, repo = opened(), hub_git.create("plant")
    line("edge-1", "cnc")
    about: dict[str, Any] = {"to": cnc, "repo": repo, "rendering": rendering, "author": WHO}
    model = hub.publish(samples.one, **about)
    ready(model, model.commit, "edge-1")
    server = acm.hub.processes["kube-apiserver"]
    server.kill()
    try:
        with pytest.raises(UnreachableError):
            hub.publish(samples.two, **about)
        assert len(git(hub_git.path("plant"), "log", "--format=%H", "main").split()) == 1, "nothing was pushed"
    finally:
        server.restart()
        acm.hub.wait_ready()
        for process in (*acm.processes.values(), *acm.management.processes.values()):
            if not process.running:
                process.restart()
    model = hub.publish(samples.two, **about)
    ready(model, model.commit, "edge-1")


def _channel_namespace(repo: str) -> str:
    return names.channel_namespace(names.channel("Git", repo))


def _secret(acm: Subscriptions, repo: str, user: str, token: str) -> None:
    """As an administrator makes it beside the channel that will be."""
    namespace = _channel_namespace(repo)
    acm.hub.kubectl("create", "namespace", namespace)
    literal = (f"--from-literal=user={user}", f"--from-literal=accessToken={token}")
    acm.hub.kubectl("create", "secret", "generic", SECRET, "-n", namespace, *literal)


def _stored(url: str, password: tuple[str, str]) -> Path:
    scheme, _, host = url.partition("://")
    path = Path(os.environ["I4Q_CACHE"]) / "git-credentials"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{scheme}://{':'.join(password)}@{host}\n")
    return path
