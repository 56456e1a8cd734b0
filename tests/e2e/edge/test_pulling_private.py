"""A Git server that wants a password, or is up to no good; and a machine that cannot keep what is said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.edge.plant import Plant
from tests.e2e.edge.pulled import delivered, follow, says
from tests.e2e.edge.repo import Repo
from tests.e2e.gitops.front import Front, in_front
from tests.testbed.gitserver import GitServer

SECRET, NEXT = "a-very-secret-token", "another-secret-token"


@pytest.fixture
def front(git_server: GitServer) -> Iterator[Front]:
    with in_front(git_server.url("x").rpartition("/")[0]) as running:
        yield running


@pytest.fixture
def repo(git_server: GitServer, tmp_path: Path) -> Repo:
    return Repo.on(git_server, tmp_path / "clone")


def test_a_private_repository_and_a_password_that_changes(
    plant: Plant, repo: Repo, front: Front, tmp_path: Path
) -> None:
    front.password = ("bot", SECRET)
    file = tmp_path / "git-credentials"
    host = front.url.removeprefix("http://")

    def know(secret: str) -> None:
        file.write_text(f"http://bot:{secret}@{host}\n")

    know(NEXT)
    repo.want("edges/wear", plant.model("1", flavour="files"))
    agent = follow(plant, f"git+{front.url}/plant.git//edges@main", I4Q_GIT_CREDENTIALS=str(file))
    says(plant, "cannot be followed", "credentials")
    know(SECRET)
    delivered(plant, "wear", "1")
    front.password = ("bot", NEXT)
    says(plant, "cannot be followed", "stands")
    know(NEXT)
    repo.want("edges/wear", plant.model("2", flavour="files"))
    delivered(plant, "wear", "2")
    says(plant)
    told = [plant.paths.status.read_text(), plant.log(), *(each.read_text() for each in plant.paths.sources.iterdir())]
    told += [file.read_text(errors="replace") for file in (plant.paths.folder / "git").rglob("*") if file.is_file()]
    assert not any(secret in text for text in told for secret in (SECRET, NEXT))
    assert agent.poll() is None


@pytest.mark.parametrize("status", [404, 429, 500, 503])
def test_a_server_that_refuses_changes_nothing(plant: Plant, repo: Repo, front: Front, status: int) -> None:
    repo.want("edges/wear", plant.model("1", flavour="files"))
    agent = follow(plant, f"git+{front.url}/plant.git//edges@main")
    delivered(plant, "wear", "1")
    front.status = status
    says(plant, "cannot be followed", "stands")
    repo.want("edges/wear", plant.model("2", flavour="files"))
    front.status = None
    delivered(plant, "wear", "2")
    says(plant)
    assert agent.poll() is None


def test_answers_that_are_lost_in_the_middle_are_asked_for_again(plant: Plant, repo: Repo, front: Front) -> None:
    front.lost += ["/git-upload-pack"] * 3
    front.broken += ["/info/refs"] * 3
    repo.want("edges/wear", plant.model("1", flavour="files"))
    follow(plant, f"git+{front.url}/plant.git//edges@main")
    delivered(plant, "wear", "1")
    says(plant)


def test_a_place_that_cannot_be_kept_is_told(plant: Plant, repo: Repo) -> None:
    repo.want("edges/wear", plant.model("1", flavour="files"))
    plant.paths.folder.mkdir()
    (plant.paths.folder / "git").write_text("a file where a folder should be")
    follow(plant, f"git+{repo.url}//edges@main")
    says(plant, "cannot be followed", "cannot keep what is fetched")
    (plant.paths.folder / "git").unlink()
    delivered(plant, "wear", "1")
    says(plant)
