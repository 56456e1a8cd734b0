"""Servers that want a password, are away, lose answers or refuse; and we ourselves, killed in the middle."""

from __future__ import annotations

import logging
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from i4q_ai.deadline import Deadline
from i4q_ai.errors import DeadlineError, ForbiddenError, GitError, SchemaError, UnreachableError, UnsupportedError
from i4q_ai.gitops import Credentials, Source, repository
from i4q_ai.gitops.repository import Commit
from tests.e2e.gitops.front import Front
from tests.e2e.gitops.people import files, git, log, sound

SECRET = "s3cret/with+odd@signs"


def write(repo: str, deadline: Deadline, text: str = "x: 1\n", **how: object) -> Commit:
    source = Source(repo=repo, path="edges")
    folders = {"wear": {"a.yaml": text}}
    return repository.write(source, folders, message="Line 3", deadline=deadline, **how)  # type: ignore[arg-type]


def at(front: Front) -> str:
    return f"{front.url}/edges.git"


@pytest.fixture
def private(front: Front, repo: Path) -> str:
    """A repository that wants a password."""
    front.password = ("bot", SECRET)
    return at(front)


def test_a_private_repository_is_not_given_away(
    private: str, deadline: Deadline, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for credentials in (None, Credentials("bot", "wrong-" + SECRET)):
        with pytest.raises(ForbiddenError, match="credential helper") as caught:
            write(private, deadline, credentials=credentials)
        assert SECRET not in str(caught.value)
    assert SECRET not in caplog.text
    assert SECRET not in repr(Credentials("bot", SECRET))


def test_credentials_are_given(private: str, repo: Path, deadline: Deadline) -> None:
    ours = Credentials("bot", SECRET)
    done = write(private, deadline, credentials=ours)
    assert repository.read(Source(repo=private, path="edges"), credentials=ours, deadline=deadline).commit == done.id
    assert repository.ls_remote(private, credentials=ours, deadline=deadline)["refs/heads/main"] == done.id


def test_credentials_of_a_file(
    private: str, front: Front, deadline: Deadline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from urllib.parse import quote

    host = front.url.removeprefix("http://")
    kept = tmp_path / "credentials"
    lines = ["https://bot:no@other.example", f"http://bot:no@{host}/others", "broken://[", ""]
    kept.write_text("\n".join([*lines, f"http://bot:{quote(SECRET, safe='')}@{host}/edges.git"]))
    monkeypatch.setenv("I4Q_GIT_CREDENTIALS", str(kept))
    assert write(private, deadline).changed


def test_credentials_of_the_users_git(private: str, deadline: Deadline, settings: Path, tmp_path: Path) -> None:
    helper = tmp_path / "helper"
    helper.write_text(f'#!/bin/sh\ncat >{tmp_path}/asked\necho "username=bot"\necho "password={SECRET}"\n')
    helper.chmod(helper.stat().st_mode | stat.S_IXUSR)
    settings.write_text(settings.read_text() + f"[credential]\n\thelper = {helper}\n")
    assert write(private, deadline).changed
    assert "host=127.0.0.1" in (tmp_path / "asked").read_text()


def test_a_helper_that_wants_to_ask_a_person_asks_nobody(private: str, deadline: Deadline, settings: Path) -> None:
    settings.write_text(settings.read_text() + "[core]\n\taskPass = /bin/cat\n")
    with pytest.raises(ForbiddenError):
        write(private, deadline)


def test_a_password_in_a_url_is_refused() -> None:
    with pytest.raises(SchemaError, match="carries a password") as caught:
        Source(repo=f"https://bot:{SECRET}@git.example/x.git")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("lost", ["git-receive-pack", "git-upload-pack", "info/refs"])
def test_an_answer_is_lost(lost: str, front: Front, repo: Path, deadline: Deadline) -> None:
    first = write(at(front), deadline)
    front.lost = [lost]
    second = write(at(front), deadline, "x: 2\n")
    assert front.lost == []
    assert second.changed == ("edges/wear/a.yaml",)
    assert log(repo) == [second.id, first.id]
    sound(repo)


@pytest.mark.parametrize("broken", ["git-receive-pack", "git-upload-pack", "info/refs"])
def test_a_connection_breaks(broken: str, front: Front, repo: Path, deadline: Deadline) -> None:
    first = write(at(front), deadline)
    front.broken = [broken, broken]
    second = write(at(front), deadline, "x: 2\n")
    assert front.broken == []
    assert log(repo) == [second.id, first.id]


def test_the_answer_to_a_push_is_lost_and_others_push_meanwhile(
    front: Front, repo: Path, deadline: Deadline, tmp_path: Path
) -> None:
    from tests.e2e.gitops.people import Person

    first = write(at(front), deadline)
    person = Person(tmp_path / "person", repo)

    def _push() -> None:
        person.pull()
        person.write(theirs="1")
        person.push()

    front.lost = ["git-receive-pack"]
    asked = len(front.asked)

    def _after_the_push() -> None:
        if any(path.endswith("git-receive-pack") and "service" not in path for path in front.asked[asked:]):
            _push()
        else:
            front.before["info/refs"] = _after_the_push

    front.before["info/refs"] = _after_the_push
    second = write(at(front), deadline, "x: 2\n")
    assert second.changed == ("edges/wear/a.yaml",)
    assert log(repo)[1:] == [second.id, first.id]


def test_the_server_is_away(front: Front, repo: Path) -> None:
    front.status = 503
    with pytest.raises((UnreachableError, DeadlineError)):
        write(at(front), Deadline.after(20, "publishing"))
    front.status = None
    assert write(at(front), Deadline.after(60)).changed


def test_nobody_listens(deadline: Deadline) -> None:
    with pytest.raises((UnreachableError, DeadlineError)) as caught:
        repository.ls_remote("http://127.0.0.1:9/x.git", deadline=deadline)
    assert "127.0.0.1:9" in str(caught.value)


def test_a_server_that_never_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises((DeadlineError, UnreachableError)):
        write(f"http://127.0.0.1:{silent.getsockname()[1]}/x.git", Deadline.after(2, "publishing"))


def test_something_that_is_not_git(front: Front, tmp_path: Path, deadline: Deadline) -> None:
    front.status = 200
    with pytest.raises((GitError, UnreachableError)):
        repository.ls_remote(at(front), deadline=deadline)


def test_objects_by_another_hash_are_refused(tmp_path: Path, deadline: Deadline) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "--object-format=sha256", "other.git")
    for look in (
        lambda: write(str(tmp_path / "other.git"), deadline),
        lambda: repository.ls_remote(str(tmp_path / "other.git"), deadline=deadline),
    ):
        with pytest.raises(UnsupportedError, match="sha256"):
            look()


def test_a_hook_refuses(url: str, repo: Path, deadline: Deadline) -> None:
    hook = repo / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'Line 3 is under maintenance' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(GitError, match="Line 3 is under maintenance"):
        write(url, deadline)
    hook.write_text('#!/bin/sh\nread old new ref\ntest "$ref" = refs/heads/i4q/wear\n')
    with pytest.raises(GitError, match="does not take the commit on 'main'"):
        write(url, deadline)
    assert write(url, deadline, propose="i4q/wear").branch == "i4q/wear"


def test_killed_in_the_middle_of_a_push(front: Front, repo: Path, deadline: Deadline, tmp_path: Path) -> None:
    first = write(at(front), deadline)
    cache = tmp_path / "cache"
    program = (
        "import sys; from pathlib import Path; from i4q_ai.deadline import Deadline\n"
        "from i4q_ai.gitops import Source, repository\n"
        "repository.write(Source(repo=sys.argv[1], path='edges'), {'wear': {'a.yaml': 'x: 2\\n'}}, message='Killed',"
        " cache=Path(sys.argv[2]), deadline=Deadline.after(60))\n"
    )
    for end in ("git-upload-pack", "git-receive-pack"):
        process = subprocess.Popen([sys.executable, "-c", program, at(front), str(cache)], stderr=subprocess.DEVNULL)

        def _kill(pid: int = process.pid) -> None:
            os.kill(pid, signal.SIGKILL)

        front.before[end] = _kill
        assert process.wait(120) == -signal.SIGKILL
    second = write(at(front), deadline, "x: 2\n", cache=cache)
    assert [each for each in log(repo) if each != first.id] == [second.id]
    assert files(repo)["edges/wear/a.yaml"] == "x: 2"
    sound(repo)
    assert git(repo, "count-objects").split()[0].isdigit()
