"""Which entry of a file of credentials fits a repository."""

from __future__ import annotations

import pytest

from i4q_ai.gitops.credentials import Credentials, choose

FILE = """\
https://host:whole@git.example
https://group:inner@git.example/group/
https://one:re%2Fpo@git.example/group/one.git
https://other:port@git.example:8443
http://plain:text@git.example
https://user-only@git.example/user
https://a:b@[broken
nonsense
"""


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://git.example/x.git", ("host", "whole")),
        ("https://git.example/group/two.git", ("group", "inner")),
        ("https://git.example/group/one.git", ("one", "re/po")),
        ("https://git.example/groups/x.git", ("host", "whole")),
        ("https://git.example:8443/x.git", ("other", "port")),
        ("http://git.example/x.git", ("plain", "text")),
        ("https://group@git.example/group/one.git", ("group", "inner")),
        ("https://nobody@git.example/x.git", ("", "")),
        ("https://git.example.evil/x.git", ("", "")),
        ("https://evil/git.example", ("", "")),
    ],
)
def test_the_entry_that_fits_best(url: str, found: tuple[str, str]) -> None:
    assert choose(FILE, url) == Credentials(*found)


def test_nothing_is_shown() -> None:
    assert "whole" not in repr(choose(FILE, "https://git.example/x.git"))
    assert not Credentials()
    assert Credentials(password="token")
