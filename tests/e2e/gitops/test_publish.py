"""`hub.publish`: what stands in Git then, what a new version changes of it, and how to go back."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from i4q_ai import Hub, Label, Placement
from i4q_ai.backends.subscriptions import Pulled, Subscription
from i4q_ai.deadline import Deadline
from i4q_ai.errors import EditedError, GitError, InvalidError, NotFoundError, OwnedError, RuleError, VersionExistsError
from i4q_ai.model import Model
from i4q_ai.placement import Group
from i4q_ai.published import Rendering
from i4q_ai.release import Placed, Release
from i4q_ai.status import Phase
from tests.e2e.gitops.people import Person, files, git, log, sound
from tests.unit import things
from tests.unit.memory import MemoryBackend

IMAGE = f"registry.example/i4q/edge@{things.digest('edge')}"
CNC = Placement("cnc", Label("line") == "cnc")
LINES = Placement("lines", groups=(Group(name="cnc", rule=Label("line") == "cnc"),))
FORMS = ("manifests", "kustomize", "chart", "agent")


@pytest.fixture
def hub(memory: MemoryBackend) -> Hub:
    return Hub("memory://")


@pytest.fixture
def to(url: str) -> dict[str, Any]:
    """Where everything is published."""
    return {"repo": url, "path": "edges", "rendering": Rendering(edge_image=IMAGE)}


def changes(repo: Path, commit: str) -> list[str]:
    """The lines that a commit takes away and adds."""
    lines = git(repo, "show", "--format=", "--unified=0", commit).splitlines()
    return [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]


@pytest.mark.parametrize("form", FORMS)
def test_a_new_version_changes_one_line(form: Any, hub: Hub, repo: Path, to: dict[str, Any]) -> None:
    first = hub.publish(things.model(), to=CNC, form=form, **to)
    assert all(name.startswith("edges/tool-wear/") for name in files(repo))
    second = hub.publish(things.model(version="2"), to=CNC, form=form, **to)
    gone, come = changes(repo, second.commit)
    assert (gone[0], come[0]) == ("-", "+")
    assert f"tool-wear:1@{things.digest('tool-wear1')}" in gone
    assert f"tool-wear:2@{things.digest('tool-wear2')}" in come
    assert [first.names, second.names] == [("tool-wear",), ("tool-wear",)]
    assert len(log(repo)) == 2
    sound(repo)


def test_what_a_commit_says(hub: Hub, repo: Path, to: dict[str, Any]) -> None:
    hub.publish(things.model(), to=CNC, author="Bo Ek <bo@plant.example>", **to)
    hub.publish(things.model(version="2"), to=CNC, **to)
    hub.publish(things.model(version="3"), to=CNC, message="For the night shift", **to)
    assert log(repo, "%s") == ["For the night shift", "tool-wear: 1 → 2", "Publish tool-wear 1 to cnc"]
    assert log(repo, "%an") == ["Ada", "Ada", "Bo Ek"]
    assert git(repo, "log", "-1", "--format=%(trailers:key=I4q-Version,valueonly)", "main~1").strip() == (
        f"tool-wear 2 {things.digest('tool-wear2')}"
    )


def test_the_same_again_is_no_commit(hub: Hub, repo: Path, to: dict[str, Any]) -> None:
    first = hub.publish(things.model(), to=CNC, **to).commit
    assert hub.publish(things.model(), to=CNC, **to).commit == first
    assert log(repo) == [first]


def test_a_crash_between_push_and_record_is_mended(
    hub: Hub, memory: MemoryBackend, repo: Path, person: Person, to: dict[str, Any]
) -> None:
    first = hub.publish(things.model(), to=CNC, **to).commit
    memory.store.records.clear()
    person.pull()
    person.write(theirs="1")
    person.push()
    assert hub.publish(things.model(), to=CNC, **to).commit == first
    assert len(log(repo)) == 2


def test_versions_by_group(hub: Hub, repo: Path, to: dict[str, Any]) -> None:
    versions = {"cnc": things.model(version="2")}
    hub.publish(things.model(), to=LINES, versions=versions, form="agent", **to)
    assert set(files(repo)) == {"edges/tool-wear/cnc/desired.json", "edges/tool-wear/_rest/desired.json"}
    hub.publish(things.model(), to=LINES, form="agent", **to)
    assert set(files(repo)) == {"edges/tool-wear/desired.json"}


def test_a_release_is_one_commit(hub: Hub, repo: Path, to: dict[str, Any]) -> None:
    def release(version: str) -> Release:
        return Release(
            models=(things.model("wear", version), things.model("chatter")),
            workloads=(things.workload("line", uses={"wear": "url"}),),
            placements=(CNC,),
            deployments=(
                Placed(model="wear", to="cnc"),
                Placed(model="chatter", to="cnc"),
                Placed(workload="line", to="cnc"),
            ),
        )

    first = hub.publish(release("1"), **to)
    assert first.names == ("wear", "chatter", "line")
    assert len(log(repo)) == 1
    assert {name.split("/")[1] for name in files(repo)} == {"wear", "chatter", "line"}
    assert log(repo, "%s") == ["Publish 3 deployments"]
    second = hub.publish(release("2"), **to)
    assert len(changes(repo, second.commit)) == 2
    assert hub.publication("chatter").commit == first.published["chatter"].commit == log(repo)[1]
    second.rollback()
    assert len(log(repo)) == 3
    assert git(repo, "diff", "main", "main~2") == ""
    with pytest.raises(InvalidError, match="says itself"):
        hub.publish(release("3"), to=CNC, **to)


def test_rollback_is_a_revert(hub: Hub, repo: Path, to: dict[str, Any]) -> None:
    publication = hub.publish(things.model(), to=CNC, **to)
    first = publication.commit
    second = hub.publish(things.model(version="2"), to=CNC, **to).commit
    publication.rollback()
    third = publication.commit
    assert log(repo) == [third, second, first]
    assert git(repo, "diff", first, third) == ""
    assert log(repo, "%s")[0] == 'Revert "tool-wear: 1 → 2"'
    assert f"This reverts commit {second}." in git(repo, "log", "-1", "--format=%b", "main")
    assert publication.published["tool-wear"].spec.version_text() == "1"
    publication.rollback()
    assert publication.published["tool-wear"].spec.version_text() == "2"
    publication.rollback(to=first[:10])
    assert publication.published["tool-wear"].spec.version_text() == "1"
    with pytest.raises(NotFoundError, match="no commit 123"):
        publication.rollback(to="123")


def test_there_is_nothing_to_go_back_to(hub: Hub, to: dict[str, Any]) -> None:
    publication = hub.publish(things.model(), to=CNC, **to)
    with pytest.raises(NotFoundError, match="delete it instead"):
        publication.rollback()


def test_rollback_where_the_commit_is_gone(hub: Hub, repo: Path, person: Person, to: dict[str, Any]) -> None:
    publication = hub.publish(things.model(), to=CNC, **to)
    before = files(repo)
    hub.publish(things.model(version="2"), to=CNC, **to)
    person.pull()
    git(person.folder, "checkout", "--quiet", "--orphan", "new")
    git(person.folder, "commit", "--quiet", "-m", "All in one")
    git(person.folder, "push", "--quiet", "--force", "origin", "new:main")
    git(repo, "reflog", "expire", "--expire=now", "--all")
    git(repo, "gc", "--quiet", "--prune=now")
    publication.rollback(force=True)
    assert files(repo) == before


def test_drift(hub: Hub, repo: Path, person: Person, to: dict[str, Any]) -> None:
    publication = hub.publish(things.model(), to=CNC, **to)
    assert publication.drift() == []
    person.pull()
    text = (person.folder / "edges/tool-wear/service.yaml").read_text()
    person.write_all(
        {
            "edges/tool-wear/service.yaml": text.replace("port: 8080", "port: 80"),
            "edges/tool-wear/README.md": "# Ours\n",
            "edges/tool-wear/poddisruptionbudget.yaml": None,
            "edges/notes.txt": "by hand\n",
        }
    )
    person.push()
    deleted, changed = publication.drift()
    assert (deleted.path, deleted.deleted) == ("edges/tool-wear/poddisruptionbudget.yaml", True)
    assert changed.path == "edges/tool-wear/service.yaml"
    assert "-    port: 8080" in changed.diff.replace("  - port", "    port") or "port: 80" in changed.diff
    next_one = things.model(version="2")
    for refused in (lambda: hub.publish(next_one, to=CNC, **to), publication.delete):
        with pytest.raises(EditedError, match=r"service\.yaml"):
            refused()
    hub.publish(next_one, to=CNC, force=True, **to)
    assert publication.drift() == []
    kept = {name: text for name, text in files(repo).items() if name.endswith((".md", ".txt"))}
    assert kept == {"edges/tool-wear/README.md": "# Ours", "edges/notes.txt": "by hand"}


def test_delete(hub: Hub, repo: Path, person: Person, to: dict[str, Any]) -> None:
    publication = hub.publish(things.model(), to=CNC, **to)
    other = hub.publish(things.model("chatter"), to=CNC, **to)
    assert [each.name for each in hub.publications()] == ["chatter", "tool-wear"]
    publication.delete()
    assert log(repo, "%s")[0] == "Remove tool-wear"
    assert {name.split("/")[1] for name in files(repo)} == {"chatter"}
    assert [each.name for each in hub.publications()] == ["chatter"]
    with pytest.raises(NotFoundError, match="there is no publication"):
        publication.status()
    with pytest.raises(NotFoundError, match="did you mean 'chatter'"):
        hub.publication("chater")
    other.delete()
    assert files(repo) == {}


def test_what_stands_in_a_repository_that_is_gone_for_good(hub: Hub, repo: Path, to: dict[str, Any]) -> None:
    publication = hub.publish(things.model(), to=CNC, **to)
    shutil.rmtree(repo)
    with pytest.raises(NotFoundError, match="no repository"):
        publication.delete()
    publication.delete(keep_files=True)
    assert hub.publications() == []


def test_a_form_stays_what_it_was(hub: Hub, repo: Path, to: dict[str, Any]) -> None:
    hub.publish(things.model(), to=CNC, **{**to, "form": "kustomize"})
    hub.publish(things.model(version="2"), to=CNC, **{**to, "form": None})
    hub.publish(things.model("chatter"), to=CNC, **{**to, "form": None})
    kinds = {name.split("/")[1] for name in files(repo) if name.endswith("kustomization.yaml")}
    assert kinds == {"tool-wear"}


def test_proposing_then_merging(
    hub: Hub, memory: MemoryBackend, repo: Path, person: Person, to: dict[str, Any]
) -> None:
    person.write(a="1")
    person.push()
    publication = hub.publish(things.model(), to=CNC, propose="i4q/tool-wear", **to)
    (status,) = publication.status()
    assert (status.proposed, status.clusters) == ("i4q/tool-wear", ())
    assert publication.commit == log(repo, branch="i4q/tool-wear")[0]
    assert publication.drift() == []
    git(person.folder, "fetch", "--quiet", "origin")
    git(person.folder, "merge", "--quiet", "--no-ff", "-m", "Merge", "origin/i4q/tool-wear")
    git(person.folder, "push", "--quiet", "origin", "main")
    merged = hub.publish(things.model(), to=CNC, **to)
    (status,) = merged.status()
    assert status.proposed == ""
    assert len(log(repo)) == 3
    with pytest.raises(InvalidError, match="cannot be proposed to itself"):
        hub.publish(things.model(), to=CNC, propose="main", **to)


def test_nothing_is_touched_when_it_is_refused(hub: Hub, memory: MemoryBackend, repo: Path, to: dict[str, Any]) -> None:
    model = things.model()
    nowhere = Placement("nowhere", Label("line") == "none")
    refused: list[tuple[type[Exception], Any]] = [
        (InvalidError, lambda: hub.publish(Model(name="wear", version="1"), to=CNC, **to)),
        (InvalidError, lambda: hub.publish(model, **to)),
        (InvalidError, lambda: hub.publish(things.model(reference=f"oci:/srv/x@{things.digest('x')}"), to=CNC, **to)),
        (RuleError, lambda: hub.publish(model, to=nowhere, **to)),
        (InvalidError, lambda: hub.publish(model, to=CNC, form="terraform", **to)),
        (InvalidError, lambda: hub.publish(model, to=CNC, **{**to, "rendering": None})),
        (InvalidError, lambda: hub.publish(model, to=CNC, **{**to, "rendering": Rendering(edge_image="edge:1")})),
        (InvalidError, lambda: hub.publish(model, to=CNC, **{**to, "path": "../up"})),
        (InvalidError, lambda: hub.publish(model, to=CNC, **{**to, "repo": "https://u:p@git.example/x"})),
        (InvalidError, lambda: hub.publish(model, to=CNC, author="nobody", **to)),
        (InvalidError, lambda: hub.publish(Release(), **to)),
    ]
    for kind, call in refused:
        with pytest.raises(kind):
            call()
    assert memory.store.records == {}
    assert git(repo, "for-each-ref") == ""


def test_owners_places_and_versions(hub: Hub, memory: MemoryBackend, repo: Path, to: dict[str, Any]) -> None:
    hub.publish(things.model(), to=CNC, **to)
    other = Hub("memory://", owner="somebody-else")
    with pytest.raises(OwnedError, match="belongs to 'i4q'"):
        other.publish(things.model(version="2"), to=CNC, **to)
    for change in ("rollback", "delete"):
        with pytest.raises(OwnedError):
            getattr(other.publication("tool-wear"), change)()
    with pytest.raises(OwnedError, match="is published to"):
        hub.publish(things.model(), to=CNC, **{**to, "path": "elsewhere"})
    changed = things.model(reference=f"registry.example/models/tool-wear@{things.digest('changed')}")
    with pytest.raises(VersionExistsError):
        hub.publish(changed, to=CNC, **to)
    assert len(log(repo)) == 1


def test_two_hubs_do_not_take_each_others_folders(hub: Hub, memory: MemoryBackend, to: dict[str, Any]) -> None:
    hub.publish(things.model(), to=CNC, **to)
    other = Hub("memory://", namespace="another")
    for version in ("1", "2"):
        with pytest.raises(OwnedError, match="was published by 'i4q/i4q'"):
            other.publish(things.model(version=version), to=CNC, **to)
    other.publish(things.model(version="2"), to=CNC, force=True, **to)
    with pytest.raises(OwnedError, match="was published by 'another/i4q'"):
        hub.publish(things.model(version="3"), to=CNC, **to)


def test_which_commit_a_cluster_runs_by_its_digest(hub: Hub, memory: MemoryBackend, to: dict[str, Any]) -> None:
    first = hub.publish(things.model(), to=CNC, **to).commit
    publication = hub.publish(things.model(version="2"), to=CNC, **to)
    (status,) = publication.status()
    assert status.clusters == ()
    assert "no cluster has been seen with it" in str(status)
    hub.deploy(things.model(), to=CNC)
    (status,) = publication.status()
    assert [(each.cluster, each.commit) for each in status.clusters] == [("edge-1", first), ("edge-2", first)]
    assert f"edge-1   Pending  {first[:12]}  " in str(status)
    assert str(status).splitlines()[-1].endswith("runs version 1")
    assert not status.delivered
    hub.deploy(things.model(version="2"), to=CNC)
    (status,) = publication.status()
    assert {(each.phase, each.commit) for each in status.clusters} == {(Phase.READY, publication.commit)}
    assert status.delivered


def test_a_hub_that_can_is_told(
    hub: Hub, memory: MemoryBackend, to: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str, Subscription] = {}
    checked: list[str] = []

    def _check(subscription: Subscription, *, deadline: Deadline) -> None:
        checked.append(subscription.name)
        if subscription.name == "forbidden":
            raise InvalidError("not here")

    def _pulled(namespace: str, name: str, *, deadline: Deadline) -> list[Pulled]:
        return [Pulled(cluster="edge-1", phase=Phase.READY, commit=told[name].commit)]

    monkeypatch.setattr(memory, "capabilities", replace(memory.capabilities, gitops=True))
    monkeypatch.setattr(memory.fleet, "check_subscription", _check)
    monkeypatch.setattr(memory.fleet, "subscribe", lambda each, *, deadline: told.update({each.name: each}))
    monkeypatch.setattr(memory.fleet, "unsubscribe", lambda _namespace, name, *, deadline: told.pop(name, None))
    monkeypatch.setattr(memory.fleet, "pulled", _pulled)
    versions = {"cnc": things.model(version="2")}
    publication = hub.publish(things.model(), to=LINES, versions=versions, **to)
    subscription = told["tool-wear"]
    assert subscription.folders == {"cnc": "edges/tool-wear/cnc", "*": "edges/tool-wear/_rest"}
    assert (subscription.repo, subscription.branch) == (to["repo"], "main")
    assert subscription.commit == publication.commit
    (status,) = publication.status()
    assert status.delivered
    with pytest.raises(InvalidError, match="not here"):
        hub.publish(things.model("forbidden"), to=CNC, **to)
    hub.publish(things.model("later"), to=CNC, propose="later", **to)
    hub.publish(things.model("on-a-machine"), to=CNC, form="agent", **to)
    assert set(told) == {"tool-wear"}
    with pytest.raises(OwnedError, match="published to Git"):
        hub.deploy(things.model(), to=CNC)
    publication.delete()
    assert told == {}
    hub.deploy(things.model("by-hub"), to=CNC)
    with pytest.raises(OwnedError, match="deployed by this hub"):
        hub.publish(things.model("by-hub"), to=CNC, **to)


def test_a_refusing_server_leaves_no_record(hub: Hub, memory: MemoryBackend, repo: Path, to: dict[str, Any]) -> None:
    hook = repo / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(GitError):
        hub.publish(things.model(), to=CNC, **to)
    assert memory.store.records == {}
