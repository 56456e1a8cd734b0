"""Commits are signed where the user's git signs them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from i4q_ai.deadline import Deadline
from i4q_ai.errors import GitError
from i4q_ai.gitops import Source, repository
from tests.e2e.gitops.people import git, log, sound


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A key of ssh without a passphrase."""
    if shutil.which("ssh-keygen") is None:
        pytest.skip("no ssh-keygen")
    path = tmp_path / "key"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ada@plant.example", "-f", str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path


def signs_with(settings: Path, key: Path) -> None:
    settings.write_text(
        settings.read_text() + f"\tsigningKey = {key}.pub\n[gpg]\n\tformat = ssh\n[commit]\n\tgpgSign = true\n"
    )


def test_signed_by_a_key_of_ssh(url: str, repo: Path, deadline: Deadline, settings: Path, key: Path) -> None:
    signs_with(settings, key)
    source = Source(repo=url, path="edges")
    for text in ("1\n", "2\n"):
        repository.write(
            source, {"wear": {"a": text}}, message="Line 3", author="Bo Ek <bo@plant.example>", deadline=deadline
        )
    allowed = key.with_suffix(".allowed")
    allowed.write_text(f"ada@plant.example {key.with_suffix('.pub').read_text()}")
    for commit in log(repo):
        git(repo, "-c", f"gpg.ssh.allowedSignersFile={allowed}", "verify-commit", commit)
    assert set(log(repo, "%G? %an %cn")) <= {"G Bo Ek Ada", "U Bo Ek Ada", "N Bo Ek Ada"}
    sound(repo)


def test_a_key_that_is_not_there(url: str, repo: Path, deadline: Deadline, settings: Path, tmp_path: Path) -> None:
    signs_with(settings, tmp_path / "none")
    with pytest.raises(GitError, match="git cannot sign the commit"):
        repository.write(Source(repo=url), {"wear": {"a": "1"}}, message="Line 3", deadline=deadline)
    assert repository.ls_remote(url, deadline=deadline) == {}


def test_by_ssh(repo: Path, deadline: Deadline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ssh would run over there runs here, by a program that stands for it."""
    fake = tmp_path / "ssh"
    fake.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/asked\nfor last; do :; done\neval "exec $last"\n')
    fake.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", f"{fake} -o BatchMode=yes")
    for place in (f"ssh://git@git.plant.example:2222{repo}", f"git@git.plant.example:{repo}"):
        source = Source(repo=place, path=place[:3])
        done = repository.write(source, {"wear": {"a": "1\n"}}, message="Line 3", deadline=deadline)
        assert repository.read(source, deadline=deadline).files == {"wear/a": b"1\n"}
        assert repository.ls_remote(place, deadline=deadline)["refs/heads/main"] == done.id
    asked = (tmp_path / "asked").read_text()
    assert "-p 2222 -o SendEnv=GIT_PROTOCOL git@git.plant.example git-receive-pack" in asked
    sound(repo)
