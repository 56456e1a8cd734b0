"""Where in Git: what is a repository, a branch, a path; passwords and ways out are refused."""

from __future__ import annotations

import pytest

from i4q_ai.errors import SchemaError
from i4q_ai.gitops import Source

GOOD = (
    "https://git.example/a/b.git", "https://bot@git.example/b", "ssh://git@git.example:2222/b.git",
    "git@git.example:group/b.git", "git.example:b.git", "file:///srv/b.git", "/srv/b.git", "http://[::1]:80/b.git",
    "https://git.example:8443/a@v1/b",
)  # fmt: skip
BAD = (
    "", "-oProxyCommand=x", "--upload-pack=x", "ext::sh -c x", "b.git", "ftp://git.example/b", "https://git.example/ b",
    "git@git.example:b\n", "../b",
)  # fmt: skip
SECRET = (
    "https://token_secret_0123456789abcdef0123456789@git.example/b",
    "https://bot:secret@git.example/b", "https://:secret@git.example/b", "https://bot:sec/ret@git.example/b",
    "https://bot:sec@ret@git.example/b", "HTTPS://bot:secret@git.example/b", "ssh://git:secret@git.example/b",
)  # fmt: skip


@pytest.mark.parametrize("repo", GOOD)
def test_repositories(repo: str) -> None:
    assert Source(repo=repo).repo == repo


@pytest.mark.parametrize("repo", BAD)
def test_no_repositories(repo: str) -> None:
    with pytest.raises(SchemaError, match="is no repository"):
        Source(repo=repo)


@pytest.mark.parametrize("repo", SECRET)
def test_passwords_are_refused_and_not_repeated(repo: str) -> None:
    with pytest.raises(SchemaError, match="carries a password") as caught:
        Source(repo=repo)
    assert "secret" not in str(caught.value)
    assert "sec" not in str(caught.value).replace("secrets", "")


@pytest.mark.parametrize(
    ("path", "found"),
    [("", ""), ("a", "a"), ("a//b/", "a/b"), ("./a/.", "a"), ("a b/ä", "a b/ä"), (".github/x", ".github/x")],
)
def test_paths(path: str, found: str) -> None:
    assert Source(repo="/r", path=path).path == found


@pytest.mark.parametrize("path", ["/a", "..", "a/..", "a/../b", ".git", "a/.GIT", "a\\b", "a\nb", ".git /x", "git~1/x"])
def test_no_paths(path: str) -> None:
    with pytest.raises(SchemaError):
        Source(repo="/r", path=path)


@pytest.mark.parametrize("branch", ["main", "plant/berlin", "v1.2", "i4q/tool-wear", "ä"])
def test_branches(branch: str) -> None:
    assert Source(repo="/r", branch=branch).branch == branch


@pytest.mark.parametrize(
    "branch",
    ["", "-x", "a..b", "a b", "a~1", "a^", "a:b", "/a", "a/", "a//b", "a.lock", ".a", "a.", "@", "a@{1}", "a\n"],
)
def test_no_branches(branch: str) -> None:
    with pytest.raises(SchemaError, match="is no branch"):
        Source(repo="/r", branch=branch)
