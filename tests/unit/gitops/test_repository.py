"""The door to Git, before a server that does not answer: how often it is asked."""

from __future__ import annotations

from typing import Any

import pytest

from i4q_ai.deadline import Deadline
from i4q_ai.errors import UnreachableError
from i4q_ai.gitops import remote, repository
from i4q_ai.retrying import TRIES, TransientError


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The repositories that were asked, none of which answers; nobody waits between two tries."""
    found: list[str] = []

    def _away(repo: str, **_: Any) -> Any:
        found.append(repo)
        raise TransientError(UnreachableError(f"{repo} does not answer"))

    monkeypatch.setattr(remote, "Remote", _away)
    monkeypatch.setattr(Deadline, "pause", lambda _self, _seconds: None)
    return found


@pytest.mark.parametrize(("about", "times"), [({}, TRIES), ({"tries": 1}, 1), ({"tries": 2}, 2)])
def test_a_server_that_does_not_answer_is_asked_so_often(asked: list[str], about: dict[str, int], times: int) -> None:
    with pytest.raises(UnreachableError, match="does not answer"):
        repository.ls_remote("/srv/plant.git", deadline=Deadline.after(60), **about)
    assert asked == ["/srv/plant.git"] * times
