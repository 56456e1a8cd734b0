"""The Git server, used by the git program."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.testbed.gitserver import GitServer

_IDENTITY = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.com",
    "GIT_CONFIG_GLOBAL": os.devnull,
}


def _git(folder: Path, *arguments: str) -> str:
    env = {**os.environ, **_IDENTITY}
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_one_pushes_another_clones_and_pulls(git_server: GitServer, tmp_path: Path) -> None:
    url = git_server.create("plant")
    ann, bob = tmp_path / "ann", tmp_path / "bob"
    _git(tmp_path, "clone", "--quiet", url, str(ann))
    _git(ann, "checkout", "--quiet", "-B", "main")
    (ann / "release.yaml").write_text("kind: Release\n")
    (ann / "noise").write_bytes(os.urandom(3_000_000))  # longer than what git sends in one piece
    _git(ann, "add", ".")
    _git(ann, "commit", "--quiet", "--message=first")
    _git(ann, "push", "--quiet", "origin", "main")
    _git(tmp_path, "clone", "--quiet", "--depth=1", url, str(bob))
    assert (bob / "release.yaml").read_text() == "kind: Release\n"

    (bob / "release.yaml").write_text("kind: Other\n")
    _git(bob, "commit", "--quiet", "--all", "--message=second")
    _git(bob, "push", "--quiet")
    _git(ann, "pull", "--quiet", "origin", "main")
    assert (ann / "release.yaml").read_text() == "kind: Other\n"


def test_what_is_not_there_is_an_error(git_server: GitServer, tmp_path: Path) -> None:
    command = ["git", "clone", git_server.url("nothing")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "not found" in done.stderr
