"""A commit of ours: on what there is, with nothing else touched, whoever else pushes."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest

from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError, EditedError, GitError, InvalidError, NotFoundError, SchemaError
from i4q_ai.gitops import Source, repository
from i4q_ai.gitops.repository import Commit
from tests.e2e.gitops.people import Person, files, git, log, sound
from tests.testbed.gitserver import GitServer


def write(repo: str | Path, deadline: Deadline, path: str = "edges", **how: object) -> Commit:
    folders = how.pop("folders", {"wear": {"a.yaml": "x: 1\n", "b.yaml": "y: 1\n"}})
    branch = how.pop("branch", "main")
    source = Source(repo=str(repo), path=path, branch=str(branch))
    return repository.write(source, folders, message="Line 3", deadline=deadline, **how)  # type: ignore[arg-type]


@pytest.fixture(params=["http", "file", "folder", "library"])
def place(request: pytest.FixtureRequest, url: str, repo: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The repository, by each way that needs no keys."""
    if request.param == "library":
        from i4q_ai.gitops import clients

        monkeypatch.setattr(clients.shutil, "which", lambda _: None)
    return {"http": url, "file": f"file://{repo}", "folder": str(repo), "library": str(repo)}[request.param]


def test_first_commit_of_a_repository(place: str, repo: Path, deadline: Deadline) -> None:
    done = write(place, deadline)
    assert (done.parent, done.branch, done.changed) == ("", "main", ("edges/wear/a.yaml", "edges/wear/b.yaml"))
    assert log(repo) == [done.id]
    assert files(repo) == {"edges/wear/a.yaml": "x: 1", "edges/wear/b.yaml": "y: 1"}
    assert log(repo, "%an <%ae> %cn %s") == ["Ada <ada@plant.example> Ada Line 3"]
    assert repository.ls_remote(place, deadline=deadline)["refs/heads/main"] == done.id
    sound(repo)


def test_the_same_again_is_no_commit(place: str, repo: Path, deadline: Deadline) -> None:
    done = write(place, deadline)
    again = write(place, deadline)
    assert (again.id, again.changed) == (done.id, ())
    assert again.brought == {"wear": done.id}
    assert log(repo) == [done.id]


def test_a_change_and_an_end(place: str, repo: Path, deadline: Deadline) -> None:
    first = write(place, deadline)
    second = write(place, deadline, folders={"wear": {"a.yaml": "x: 2\n"}}, known=first.files)
    assert second.changed == ("edges/wear/a.yaml", "edges/wear/b.yaml")
    third = write(place, deadline, folders={"wear": None})
    assert third.changed == ("edges/wear/a.yaml",)
    assert log(repo) == [third.id, second.id, first.id]
    assert files(repo) == {}
    sound(repo)


def test_reading(place: str, person: Person, deadline: Deadline, tmp_path: Path) -> None:
    person.write_all({"edges/a.yaml": "1\n", "edges/deep/b.yaml": "2\n", "other.txt": "3\n"})
    (person.folder / "edges" / "link").symlink_to("a.yaml")
    first = person.push()
    source = Source(repo=place, path="edges")
    cache = tmp_path / "cache"
    for kept in (None, cache, cache):
        tree = repository.read(source, cache=kept, deadline=deadline)
        assert (tree.commit, tree.files) == (first, {"a.yaml": b"1\n", "deep/b.yaml": b"2\n"})
    person.write_all({"edges/a.yaml": "new\n"})
    second = person.push()
    assert repository.read(source, cache=cache, deadline=deadline).files["a.yaml"] == b"new\n"
    assert repository.read(source, cache=cache, deadline=deadline).commit == second
    assert repository.read(source, commit=first, cache=cache, deadline=deadline).files["a.yaml"] == b"1\n"
    assert repository.read(source, commit=first, deadline=deadline).files["a.yaml"] == b"1\n"


def test_what_is_not_there(place: str, person: Person, deadline: Deadline) -> None:
    with pytest.raises(NotFoundError, match="has no branch 'main'"):
        repository.read(Source(repo=place), deadline=deadline)
    person.write(a="1")
    person.push()
    with pytest.raises(NotFoundError, match="did you mean 'main'"):
        repository.read(Source(repo=place, branch="mian"), deadline=deadline)
    with pytest.raises(NotFoundError, match="no folder 'x'"):
        repository.read(Source(repo=place, path="x"), deadline=deadline)
    with pytest.raises(GitError, match="'a' in the repository is a file"):
        repository.read(Source(repo=place, path="a/b"), deadline=deadline)
    with pytest.raises(NotFoundError, match="commit"):
        repository.read(Source(repo=place), commit="1" * 40, deadline=deadline)


def test_no_repository(server: GitServer, deadline: Deadline, tmp_path: Path) -> None:
    for place in (server.url("none"), f"file://{tmp_path}/none", str(tmp_path / "none")):
        with pytest.raises(NotFoundError, match="there is no repository"):
            repository.ls_remote(place, deadline=deadline)
        with pytest.raises(NotFoundError, match="there is no repository"):
            write(place, deadline)


def test_what_others_have_is_kept_byte_for_byte(url: str, repo: Path, person: Person, deadline: Deadline) -> None:
    person.write_all({"run.sh": "#!/bin/sh\n", "edges/README.md": "# ours\n", "edges/wear/notes.md": "by hand\n"})
    (person.folder / "run.sh").chmod(0o755)
    (person.folder / "link").symlink_to("run.sh")
    (person.folder / os.fsdecode(b"n\xe4me.txt")).write_text("latin-1\n")
    git(person.folder, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},module")
    git(person.folder, "add", "--all", ":!module")
    git(person.folder, "commit", "--quiet", "-m", "All sorts")
    git(person.folder, "push", "--quiet", "origin", "main")
    before = git(repo, "ls-tree", "-r", "main").splitlines()
    write(url, deadline)
    after = git(repo, "ls-tree", "-r", "main").splitlines()
    assert set(before) < set(after)
    assert len(after) == len(before) + 2
    write(url, deadline, folders={"wear": None})
    assert git(repo, "ls-tree", "-r", "main").splitlines() == before


def test_a_mode_that_others_gave_our_file_stays(url: str, repo: Path, person: Person, deadline: Deadline) -> None:
    write(url, deadline)
    person.pull()
    (person.folder / "edges" / "wear" / "a.yaml").chmod(0o755)
    person.push()
    write(url, deadline, folders={"wear": {"a.yaml": "x: 2\n", "b.yaml": "y: 1\n"}})
    assert git(repo, "ls-tree", "main", "edges/wear/a.yaml").startswith("100755")


def test_an_edit_of_our_file_is_not_written_over(url: str, repo: Path, person: Person, deadline: Deadline) -> None:
    first = write(url, deadline)
    person.pull()
    person.write_all({"edges/wear/a.yaml": "x: by hand\n"})
    person.push()
    for number in range(60):
        person.write(other=str(number))
        person.push(f"Something else {number}")
    wanted = {"wear": {"a.yaml": "x: 2\n", "b.yaml": "y: 2\n"}}
    for known in (None, first.files):
        with pytest.raises(EditedError, match="force") as caught:
            write(url, deadline, folders=wanted, known=known)
        assert caught.value.files == ("edges/wear/a.yaml",)
    assert files(repo)["edges/wear/a.yaml"] == "x: by hand"
    with pytest.raises(EditedError):
        write(url, deadline, folders={"wear": None})
    write(url, deadline, folders=wanted, force=True)
    assert files(repo)["edges/wear/a.yaml"] == "x: 2"


def test_an_edit_that_is_what_we_want_is_no_trouble(url: str, person: Person, deadline: Deadline) -> None:
    first = write(url, deadline)
    person.pull()
    person.write_all({"edges/wear/a.yaml": "x: 2\n"})
    by_hand = person.push()
    done = write(url, deadline, folders={"wear": {"a.yaml": "x: 2\n", "b.yaml": "y: 1\n"}}, known=first.files)
    assert (done.id, done.changed) == (by_hand, ())


def test_a_deleted_file_is_an_edit_and_a_deleted_folder_is_made_again(
    url: str, repo: Path, person: Person, deadline: Deadline
) -> None:
    first = write(url, deadline)
    person.pull()
    person.write_all({"edges/wear/b.yaml": None})
    person.push()
    with pytest.raises(EditedError):
        write(url, deadline, known=first.files)
    person.write_all({"edges/wear/a.yaml": None, "x": "1"})
    person.push()
    write(url, deadline, known=first.files)
    assert set(files(repo)) == {"edges/wear/a.yaml", "edges/wear/b.yaml", "x"}


def test_a_folder_of_others_is_not_taken(url: str, person: Person, deadline: Deadline) -> None:
    person.write_all({"edges/wear/a.yaml": "theirs\n"})
    person.push()
    with pytest.raises(EditedError):
        write(url, deadline)


@pytest.mark.parametrize("kind", ["file", "link", "module", "folder for a file"])
def test_what_is_no_folder_is_refused(
    kind: str, url: str, repo: Path, person: Person, deadline: Deadline, tmp_path: Path
) -> None:
    if kind == "module":
        git(person.folder, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},edges")
    elif kind == "file":
        person.write(edges="a file\n")
    elif kind == "link":
        (person.folder / "edges").symlink_to("/etc")
    else:
        person.write_all({"edges/wear/a.yaml/theirs": "1\n"})
    git(person.folder, *(["add", "--all"] if kind != "module" else ["status"]))
    git(person.folder, "commit", "--quiet", "-m", kind)
    git(person.folder, "push", "--quiet", "origin", "main")
    before = log(repo)
    with pytest.raises((GitError, EditedError)):
        write(url, deadline)
    with pytest.raises(GitError):
        write(url, deadline, force=True)
    assert log(repo) == before


@pytest.mark.parametrize("path", ["../x", "/x", ".git", "a/.git/hooks", "a\\b", ".GIT/x", "a/../../x", "git~1"])
def test_no_way_out(path: str, url: str, deadline: Deadline) -> None:
    with pytest.raises(SchemaError):
        Source(repo=url, path=path)
    with pytest.raises(InvalidError):
        write(url, deadline, folders={path: {"a": "1"}})
    with pytest.raises(InvalidError):
        write(url, deadline, folders={"wear": {path: "1"}})


def test_a_branch_that_is_missing_is_made_of_the_default_one(
    url: str, repo: Path, person: Person, deadline: Deadline
) -> None:
    person.write(a="1")
    head = person.push()
    done = write(url, deadline, branch="plant/berlin")
    assert (done.branch, done.parent) == ("plant/berlin", head)
    assert set(files(repo, "plant/berlin")) == {"a", "edges/wear/a.yaml", "edges/wear/b.yaml"}
    assert set(files(repo)) == {"a"}


def test_the_branch_moves_between_look_and_push(url: str, repo: Path, person: Person, deadline: Deadline) -> None:
    stop = threading.Event()
    pushed: list[str] = []

    def _push() -> None:
        while not stop.is_set() and len(pushed) < 40:
            person.write(theirs=str(len(pushed)))
            git(person.folder, "add", "--all")
            git(person.folder, "commit", "--quiet", "--allow-empty", "-m", f"Theirs {len(pushed)}")
            try:
                git(person.folder, "push", "--quiet", "origin", "main")
            except AssertionError:  # we were faster
                git(person.folder, "pull", "--quiet", "--rebase", "origin", "main")
                git(person.folder, "push", "--quiet", "origin", "main")
            pushed.append(git(person.folder, "rev-parse", "HEAD"))

    person.write(theirs="first")
    person.push()
    others = threading.Thread(target=_push)
    others.start()
    try:
        ours = []
        known: dict[str, dict[str, str]] = {}
        for number in range(6):
            done = write(url, deadline, folders={"wear": {"a.yaml": f"x: {number}\n"}}, known=known)
            known = {name: dict(each) for name, each in done.files.items()}
            ours.append(done.id)
    finally:
        stop.set()
        others.join(120)
    commits = log(repo)
    assert [each for each in reversed(commits) if each in ours] == ours
    assert git(repo, "log", "--format=%P", "main").count(" ") == 0
    assert files(repo)["edges/wear/a.yaml"] == "x: 5"
    sound(repo)


def test_two_of_us_at_once(url: str, repo: Path, deadline: Deadline) -> None:
    write(url, deadline, folders={"first": {"a": "0"}})
    failed: list[BaseException] = []

    def _write(name: str) -> None:
        try:
            for number in range(4):
                write(url, deadline, folders={name: {"a": f"{number}\n"}})
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=_write, args=(f"line-{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not failed
    assert len(log(repo)) == 1 + 3 * 4
    assert {name: text for name, text in files(repo).items() if "line" in name} == {
        f"edges/line-{number}/a": "3" for number in range(3)
    }


def test_force_pushed(url: str, repo: Path, person: Person, deadline: Deadline, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    person.write(a="1")
    person.push()
    first = write(url, deadline, cache=cache)
    person.write(a="other")
    git(person.folder, "commit", "--quiet", "--amend", "--all", "-m", "Rewritten")
    git(person.folder, "push", "--quiet", "--force", "origin", "main")
    tree = repository.read(Source(repo=url), cache=cache, deadline=deadline)
    assert tree.files == {"a": b"other"}
    done = write(url, deadline, cache=cache, known=first.files)
    assert done.id != first.id
    assert set(files(repo)) == {"a", "edges/wear/a.yaml", "edges/wear/b.yaml"}
    sound(repo)


def test_proposing(url: str, repo: Path, person: Person, deadline: Deadline) -> None:
    person.write(a="1")
    head = person.push()
    done = write(url, deadline, propose="i4q/wear")
    assert (done.branch, done.parent) == ("i4q/wear", head)
    assert log(repo) == [head]
    again = write(url, deadline, propose="i4q/wear")
    assert (again.id, again.changed) == (done.id, ())
    other = write(url, deadline, propose="i4q/wear", folders={"wear": {"a.yaml": "x: 9\n"}})
    assert log(repo, branch="i4q/wear") == [other.id, head]
    git(person.folder, "fetch", "--quiet", "origin")
    git(person.folder, "checkout", "--quiet", "-B", "review", "origin/i4q/wear")
    git(person.folder, "commit", "--quiet", "--allow-empty", "-m", "A remark")
    git(person.folder, "push", "--quiet", "origin", "review:i4q/wear")
    with pytest.raises(ConflictError, match="has commits of others"):
        write(url, deadline, propose="i4q/wear")


def test_a_proposal_is_merged(url: str, repo: Path, person: Person, deadline: Deadline) -> None:
    person.write(a="1")
    person.push()
    done = write(url, deadline, propose="i4q/wear")
    git(person.folder, "fetch", "--quiet", "origin")
    git(person.folder, "merge", "--quiet", "--no-ff", "-m", "Merge", "origin/i4q/wear")
    git(person.folder, "push", "--quiet", "origin", "main")
    merged = write(url, deadline)
    assert (merged.changed, merged.brought) == ((), {"wear": done.id})


def test_a_server_that_can_leaves_files_out(
    url: str, repo: Path, person: Person, deadline: Deadline, tmp_path: Path
) -> None:
    git(repo, "config", "uploadpack.allowFilter", "true")
    large = "".join(hashlib.sha256(str(number).encode()).hexdigest() for number in range(50_000))
    person.write_all({"large.txt": large, "edges/small.txt": "1\n"})
    person.push()
    cache = tmp_path / "cache"
    write(url, deadline, cache=cache)
    assert repository.read(Source(repo=url, path="edges"), cache=cache, deadline=deadline).files["small.txt"] == b"1\n"
    assert sum(path.stat().st_size for path in cache.rglob("*") if path.is_file()) < len(large) / 10
    assert files(repo)["large.txt"] == large
    read = repository.read(Source(repo=url), cache=cache, deadline=deadline)
    assert read.files["large.txt"] == large.encode()
    sound(repo)


def test_a_damaged_cache_is_fetched_anew(url: str, repo: Path, deadline: Deadline, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    done = write(url, deadline, cache=cache)
    write(url, deadline, cache=cache, folders={"wear": {"a.yaml": "x: 2\n"}})
    source = Source(repo=url, path="edges/wear")
    repository.read(source, cache=cache, deadline=deadline)
    packs = [path for path in cache.rglob("*") if path.is_file() and "objects" in path.parts]
    assert packs
    for path in packs:
        path.chmod(0o600)
        path.write_bytes(b"not what it was")
    assert repository.read(source, cache=cache, deadline=deadline).files == {"a.yaml": b"x: 2\n"}
    assert log(repo)[1:] == [done.id]
