"""An agent that follows a path in Git by itself: a real agent, a real Git server, real commits."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from i4q_ai import Hub, Model, Placement
from i4q_ai.edge import crash
from tests.e2e.edge.cutting import Cable
from tests.e2e.edge.plant import DEADLINE, Plant, ask, multiplier
from tests.e2e.edge.pulled import delivered, follow, gone, report, rolled_back, says
from tests.e2e.edge.repo import Repo, document
from tests.testbed.gitserver import GitServer
from tests.testbed.registry import Registry, registry

__all__ = ["registry"]


@pytest.fixture
def repo(git_server: GitServer, tmp_path: Path) -> Repo:
    return Repo.on(git_server, tmp_path / "clone")


def place(url: str, path: str = "edges", branch: str = "main") -> str:
    return f"git+{url}//{path}@{branch}"


def test_a_commit_is_all_it_takes(plant: Plant, repo: Repo) -> None:
    repo.want("edges/wear", plant.model("5"))
    agent = follow(plant, place(repo.url))
    address = delivered(plant, "wear", "5").address or ""
    assert ask(address, 2) == 10
    commit = repo.want("edges/wear", plant.model("200"))
    assert delivered(plant, "wear", "200").address == address
    assert ask(address, 2) == 400
    assert report(plant).followed == {place(repo.url): commit}
    assert (report(plant).message, report(plant).cluster) == ("", "edge-1")
    repo.git("revert", "--no-edit", "HEAD")
    repo.git("push", "--quiet", "origin", "main")
    delivered(plant, "wear", "5")
    assert ask(address, 2) == 10
    assert agent.poll() is None


def test_what_a_hub_publishes_runs_and_goes_back(
    plant: Plant, repo: Repo, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pushed(version: str) -> Model:
        file = tmp_path / f"model-{version}.onnx"
        file.write_bytes(multiplier(float(version)))
        return Model.from_onnx(file, name="wear", version=version).push(f"{registry.host}/models/wear")

    with Hub(home=tmp_path / "hub") as hub:
        hub.clusters.add("line-7")
        about = {"to": Placement("line"), "repo": repo.url, "path": "edges", "form": "agent", "author": "us <us@plant>"}
        hub.publish(pushed("5"), **about)
        follow(plant, place(repo.url))
        address = delivered(plant, "wear", "5").address or ""
        assert ask(address, 2) == 10
        publication = hub.publish(pushed("200"), **about)
        delivered(plant, "wear", "200")
        assert ask(address, 2) == 400
        assert report(plant).followed == {place(repo.url): publication.commit}
        publication.rollback(author="us <us@plant>")
        delivered(plant, "wear", "5")
        publication.delete(author="us <us@plant>")
        says(plant, "has no desired.json in 'edges'", "stands")
        hub.clusters.remove("line-7")


def test_what_is_not_asked_for_does_not_travel(plant: Plant, repo: Repo, git_server: GitServer) -> None:
    repo.git("--git-dir", str(git_server.path("plant")), "config", "uploadpack.allowFilter", "true")
    (repo.folder / "edges").mkdir()
    (repo.folder / "edges" / "weights.bin").write_bytes(os.urandom(8_000_000))
    (repo.folder / "edges" / "link").symlink_to("/etc")
    repo.want("edges/wear", plant.model("1", flavour="files"))
    follow(plant, place(repo.url))
    delivered(plant, "wear", "1")
    kept = [file.stat().st_size for file in (plant.paths.folder / "git").rglob("*") if file.is_file()]
    assert 0 < sum(kept) < 1_000_000


def test_folders_are_merged_and_a_deleted_file_takes_its_model_away(plant: Plant, repo: Repo) -> None:
    for path, name in (("edges", "wear"), ("edges/chatter", "chatter"), ("edges/heat/first", "heat")):
        repo.want(path, plant.model("1", name=name, flavour="files"))
    for path, name in (("edges/far/too/deep", "deep"), ("elsewhere/cold", "cold")):
        repo.want(path, plant.model("1", name=name, flavour="files"))
    follow(plant, place(repo.url))
    for name in ("wear", "chatter", "heat"):
        delivered(plant, name, "1")
    repo.git("rm", "--quiet", "-r", "edges/chatter")
    repo.push("no chatter any more")
    gone(plant, "chatter")
    assert {item.name for item in report(plant).items} == {"wear", "heat"}


def test_the_last_file_is_taken_for_a_mistake_unless_told_otherwise(plant: Plant, repo: Repo) -> None:
    item = plant.model("1", flavour="files")
    repo.want("edges/wear", item)
    first = follow(plant, place(repo.url))
    delivered(plant, "wear", "1")
    repo.git("mv", "edges", "edge")
    repo.push("a folder gets another name")
    says(plant, "has no desired.json in 'edges'", "stands")
    assert plant.current(item)
    first.send_signal(signal.SIGTERM)
    first.wait(DEADLINE)
    follow(plant, place(repo.url), options=("--allow-empty",))
    gone(plant, "wear")
    says(plant)


def test_a_broken_commit_changes_nothing_and_the_next_one_counts(plant: Plant, repo: Repo) -> None:
    one, two = plant.model("1", flavour="files"), plant.model("2", flavour="files")
    repo.want("edges/wear", one)
    follow(plant, place(repo.url))
    delivered(plant, "wear", "1")
    repo.write("edges/wear/desired.json", document(two).to_json())
    repo.write("edges/chatter/desired.json", "<<<<<<< HEAD")
    broken = repo.push("a conflict that nobody has resolved")
    says(plant, broken[:12], "chatter/desired.json: not JSON", "stands")
    repo.write("edges/chatter/desired.json", '{"cluster": "x", "sinks": []}')
    newer = repo.push("a field of a newer release")
    says(plant, newer[:12], "unknown field 'sinks'")
    assert delivered(plant, "wear", "1"), "a commit counts as a whole"
    repo.git("rm", "--quiet", "-r", "edges/chatter")
    repo.push("as it should be")
    delivered(plant, "wear", "2")
    says(plant)


def test_two_files_that_name_the_same_are_a_broken_commit(plant: Plant, repo: Repo) -> None:
    repo.want("edges/a", plant.model("1", flavour="files"))
    follow(plant, place(repo.url))
    delivered(plant, "wear", "1")
    repo.want("edges/b", plant.model("2", flavour="files"))
    says(plant, "a/desired.json and b/desired.json both name i4q/wear", "follow the folder of one group")


def test_a_forced_push_counts_as_any_other(plant: Plant, repo: Repo) -> None:
    one = plant.model("1", flavour="files")
    repo.want("edges/wear", one)
    repo.want("edges/wear", plant.model("2", flavour="files"))
    follow(plant, place(repo.url))
    delivered(plant, "wear", "2")
    repo.git("checkout", "--quiet", "--orphan", "new")
    repo.git("branch", "-M", "new", "main")
    repo.write("edges/wear/desired.json", document(one).to_json())
    repo.push("another history", "--force")
    delivered(plant, "wear", "1")
    says(plant)


def test_a_branch_that_is_gone_changes_nothing(plant: Plant, repo: Repo) -> None:
    repo.want("edges/wear", plant.model("1", flavour="files"))
    repo.git("branch", "line")
    repo.git("push", "--quiet", "origin", "line")
    follow(plant, place(repo.url, branch="line"))
    delivered(plant, "wear", "1")
    repo.git("push", "--quiet", "origin", ":line")
    says(plant, "has no branch 'line'", "stands")
    repo.want("edges/wear", plant.model("2", flavour="files"))
    repo.git("push", "--quiet", "origin", "main:line")
    delivered(plant, "wear", "2")
    says(plant)


def test_it_works_on_while_the_server_is_away_and_catches_up(plant: Plant, repo: Repo) -> None:
    cable = Cable(repo.url)
    host, port = cable.address
    there = place(f"http://{host}:{port}/plant.git")
    repo.want("edges/wear", plant.model("1"))
    follow(plant, there)
    address = delivered(plant, "wear", "1").address or ""
    cable.cut()
    repo.want("edges/wear", plant.model("2"))
    says(plant, "cannot be followed", "stands")
    assert ask(address, 2) == 2
    plant.kill()
    follow(plant, there)
    says(plant, "cannot be followed", "stands")
    assert ask(address, 2) == 2
    cable.join()
    delivered(plant, "wear", "2")
    assert ask(address, 2) == 4
    says(plant)
    cable.close()


@pytest.mark.parametrize("point", ["desired-read", "after-fetch", "between-links", "before-state"])
def test_killed_in_the_middle_it_loses_nothing(plant: Plant, repo: Repo, point: str) -> None:
    repo.want("edges/wear", plant.model("1", flavour="files"))
    follow(plant, place(repo.url))
    delivered(plant, "wear", "1")
    plant.kill()
    repo.want("edges/wear", plant.model("2", flavour="files"))
    assert follow(plant, place(repo.url), **{crash.VARIABLE: point}).wait(DEADLINE) == -signal.SIGKILL
    follow(plant, place(repo.url))
    delivered(plant, "wear", "2")


def test_a_version_that_failed_is_tried_again_when_it_comes_again(plant: Plant, repo: Repo) -> None:
    good, bad = plant.model("1"), plant.model("2", b"no model at all")
    repo.want("edges/wear", good)
    follow(plant, place(repo.url))
    delivered(plant, "wear", "1")
    repo.want("edges/wear", bad)
    before = rolled_back(plant, "wear")
    repo.want("edges/wear", good)
    delivered(plant, "wear", "1")
    repo.want("edges/wear", bad)
    rolled_back(plant, "wear", before.revision)
    repo.want("edges/wear", plant.model("3"))
    delivered(plant, "wear", "3")


def test_a_place_with_a_mistake_in_it_does_not_empty_the_line(plant: Plant, repo: Repo) -> None:
    item = plant.model("1", flavour="files")
    repo.want("edges/wear", item)
    repo.want("more/chatter", plant.model("1", name="chatter", flavour="files"))
    first = follow(plant, place(repo.url))
    delivered(plant, "wear", "1")
    first.send_signal(signal.SIGTERM)
    first.wait(DEADLINE)
    second = follow(plant, place(repo.url, "edgse"), place(repo.url, "more"))
    says(plant, "has no desired.json in 'edgse'")
    delivered(plant, "chatter", "1")
    assert plant.current(item)
    second.send_signal(signal.SIGTERM)
    second.wait(DEADLINE)
    follow(plant, place(repo.url, "more"))
    gone(plant, "wear")
    delivered(plant, "chatter", "1")


def test_a_signal_lets_it_look_at_once(plant: Plant, repo: Repo) -> None:
    repo.want("edges/wear", plant.model("1", flavour="files"))
    agent = plant.run("--follow", place(repo.url), "--every", "86400")
    delivered(plant, "wear", "1")
    repo.want("edges/wear", plant.model("2", flavour="files"))
    agent.send_signal(signal.SIGHUP)
    delivered(plant, "wear", "2")


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("https://git.factory/plant.git", "no place to follow"),
        ("git+https://us:secret@git.factory/plant.git", "password"),
        ("git+https://git.factory/plant.git//../etc", "leads out"),
        ("oci://registry.factory/edges/line@sha256:" + "0" * 64, "is no tag"),
    ],
)
def test_a_place_that_is_none_is_refused_at_once(
    plant: Plant, capfd: pytest.CaptureFixture[str], told: str, why: str
) -> None:
    assert plant.run("--follow", told).wait(DEADLINE) == 1
    said = capfd.readouterr().err
    assert why in said
    assert "secret" not in said
