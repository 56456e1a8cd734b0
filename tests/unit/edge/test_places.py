"""Places to follow: what they are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from i4q_ai.edge.gitpath import is_document
from i4q_ai.edge.places import parse, source
from i4q_ai.errors import I4qError

CACHE = Path("/nowhere")


@pytest.mark.parametrize(
    ("text", "repo", "path", "branch"),
    [
        ("git+https://h/r.git//a/b@stable", "https://h/r.git", "a/b", "stable"),
        ("git+https://h/r.git//a/b", "https://h/r.git", "a/b", "main"),
        ("git+https://h/r.git", "https://h/r.git", "", "main"),
        ("git+https://h/r.git@stable", "https://h/r.git", "", "stable"),
        ("git+https://h:8443/group/r//a@feature/x", "https://h:8443/group/r", "a", "feature/x"),
        ("git+https://h/r//who@home/a@main", "https://h/r", "who@home/a", "main"),
        ("git+ssh://git@h/r.git//a@b", "ssh://git@h/r.git", "a", "b"),
        ("git+file:///srv/inbox/r.git//a@b", "file:///srv/inbox/r.git", "a", "b"),
        ("git+http://[::1]:80/r.git//a", "http://[::1]:80/r.git", "a", "main"),
    ],
)
def test_a_place_in_git(text: str, repo: str, path: str, branch: str) -> None:
    found = source(text)
    assert (found.repo, found.path, found.branch) == (repo, path, branch)
    assert source(parse(text, cache=CACHE).name) == found, "its name says the same"


@pytest.mark.parametrize(
    "text",
    ["git+https://h/r.git//a@b", "oci://registry.factory:5000/edges/line-7:now", "oci:/srv/inbox:now"],
)
def test_a_place_is_called_as_it_is_written(text: str) -> None:
    assert parse(text, cache=CACHE).name == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no place to follow"),
        ("https://h/r.git", "no place to follow"),
        ("git+", "no place in Git"),
        ("git+/srv/r.git", "no place in Git"),
        ("git+ftp://h/r.git", "no repository"),
        ("git+https://h/r.git//a@", "no branch"),
        ("git+https://h/r.git//a@-x", "no branch"),
        ("git+https://h/r.git//../a", "leads out"),
        ("git+https://h/r.git//.git/hooks", "leads out"),
        ("git+https://me:secret@h/r.git", "password"),
        ("oci://h/r@sha256:" + "0" * 64, "no tag"),
        ("oci://h/r", "no tag"),
        ("oci:", "names no folder"),
        ("oci://H/R:now", "no name of a repository"),
    ],
)
def test_what_is_no_place_is_refused(text: str, why: str) -> None:
    with pytest.raises(I4qError, match=why) as refused:
        parse(text, cache=CACHE)
    assert "secret" not in str(refused.value)


def test_documents_lie_at_the_path_and_up_to_two_folders_below() -> None:
    names = ["desired.json", "a/desired.json", "a/b/desired.json", "a/b/c/desired.json", "a/my-desired.json", "a/x"]
    assert [name for name in names if is_document(name)] == names[:3]
