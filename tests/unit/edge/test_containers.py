"""The small parts of the programs that run as containers."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from i4q_ai.edge import fetch, termination, wait
from i4q_ai.edge.account import Account
from i4q_ai.edge.holding import Hold, outstanding
from i4q_ai.edge.paths import socket_path
from i4q_ai.errors import DeadlineError, InvalidError, NotFoundError, ReferenceInvalid, UnreachableError
from i4q_ai.status import Observation, Phase, Report

IN_A_POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "6443"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", b""),
        ("\n\n no such model\nTraceback", b"no such model"),
        ("x" * 5000, b"x" * 4096),
        ("ä" * 2049, "ä".encode() * 2048),
        ("a" + "ä" * 2048, b"a" + "ä".encode() * 2047),
    ],
)
def test_last_words_are_one_line_that_a_kubelet_reads(text: str, message: bytes) -> None:
    assert termination.message(text) == message


def test_last_words_replace_earlier_ones(tmp_path: Path) -> None:
    path = tmp_path / "termination-log"
    path.touch()
    termination.say("waits for the model 'wear'", path)
    termination.say("done", path)
    assert path.read_text() == "done"
    termination.say("", path)
    assert path.read_text() == ""


def test_where_nobody_looks_for_last_words_none_are_left(tmp_path: Path) -> None:
    termination.say("words", tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


def test_an_account_is_read_anew_each_time(tmp_path: Path) -> None:
    account = Account.here(IN_A_POD, tmp_path)
    assert account.server == "https://10.96.0.1:6443"
    with pytest.raises(UnreachableError, match="token"):
        account.token()
    for token in ("first", "second"):
        (tmp_path / "token").write_text(f"{token}\n")
        assert account.token() == token
    assert "second" not in repr(account)


def test_outside_of_a_pod_there_is_no_account(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no pod"):
        Account.here({}, tmp_path)
    with pytest.raises(NotFoundError, match="automountServiceAccountToken"):
        Account.here(IN_A_POD, tmp_path / "nowhere")


def test_models_to_wait_for() -> None:
    assert wait.parse(["wear=http://a/v2/models/wear/", "chatter=https://b/x?y=z"]) == {
        "wear": "http://a/v2/models/wear",
        "chatter": "https://b/x?y=z",
    }


@pytest.mark.parametrize("text", ["wear", "=http://a", "wear=ftp://a", "wear="])
def test_what_is_no_model_to_wait_for(text: str) -> None:
    with pytest.raises(InvalidError, match="NAME=http"):
        wait.parse([text])


def test_a_model_to_wait_for_stands_once() -> None:
    with pytest.raises(InvalidError, match="twice"):
        wait.parse(["wear=http://a", "wear=http://b"])


def test_waiting_tells_what_it_waits_for_when_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["a answers 400", "b answers 503", "a answers 400", "b answers 503", "", "b answers 400", "", ""])
    monkeypatch.setattr(wait, "missing", lambda url: next(answers))
    monkeypatch.setattr(wait, "FIRST_PAUSE", 0.001)
    said: list[str] = []
    wait.until_ready({"wear": "a", "chatter": "b"}, timeout=60, say=said.append)
    assert said == [
        "waits for model 'chatter' (b answers 503), model 'wear' (a answers 400)",
        "waits for model 'chatter' (b answers 400)",
    ]


def test_waiting_gives_up_and_says_what_was_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait, "missing", lambda url: f"{url} answers 404")
    with pytest.raises(DeadlineError, match=r"model 'wear' \(http://a answers 404\); gives up after 0\.01 s"):
        wait.until_ready({"wear": "http://a"}, timeout=0.01, say=lambda _: None)


def test_what_is_fetched_is_named_by_digest(tmp_path: Path) -> None:
    with pytest.raises(ReferenceInvalid, match="no digest"):
        fetch.fetch("registry.factory/models/wear:1", tmp_path)


def report(*phases: Phase, revision: int = 3, message: str = "") -> Report:
    items = tuple(
        Observation(cluster="c", namespace="i4q", name=f"m{number}", kind="model", phase=phase, message=f"is {phase}")
        for number, phase in enumerate(phases)
    )
    return Report(cluster="c", revision=revision, time=datetime.now(UTC), message=message, items=items)


@pytest.mark.parametrize(
    ("seen", "complete", "waits", "failed"),
    [
        (report(Phase.READY, Phase.READY, message="the API is away"), True, "", False),
        (report(Phase.READY), False, "waits for its models", False),
        (report(message="waiting for its model"), False, "waiting for its model", False),
        (report(Phase.READY, revision=2), True, "waits for its models", False),
        (report(Phase.READY, Phase.FETCHING), True, "model 'm1': is Fetching", False),
        (report(Phase.FAILED, Phase.FETCHING), True, "model 'm0': is Failed; model 'm1': is Fetching", True),
        (report(Phase.FAILED, revision=2), True, "model 'm0': is Failed", False),
        (report(Phase.FAILED), False, "model 'm0': is Failed", False),
    ],
)
def test_what_an_init_container_must_wait_for(seen: Report, complete: bool, waits: str, failed: bool) -> None:
    assert outstanding(seen, complete=complete, revision=3) == (waits, failed)


def test_a_hold_says_what_it_waits_for_and_stays_over(tmp_path: Path) -> None:
    words = tmp_path / "termination-log"
    words.touch()
    hold = Hold(words)
    assert not hold.look(report(Phase.FETCHING), complete=True, revision=3)
    assert words.read_text() == "model 'm0': is Fetching"
    assert hold.failure
    assert hold.look(report(Phase.READY), complete=True, revision=3)
    assert hold.look(report(Phase.FETCHING, revision=4), complete=True, revision=4)
    hold.give_up(5)
    assert hold.failure is None


def test_a_hold_that_has_given_up_stays_so(tmp_path: Path) -> None:
    hold = Hold(tmp_path / "nowhere")
    hold.look(report(Phase.FETCHING), complete=True, revision=3)
    hold.give_up(5)
    assert hold.look(report(Phase.READY), complete=True, revision=3)
    assert hold.failure == "model 'm0': is Fetching; gives up after 5 s"


def test_the_socket_lies_in_the_folder_where_nothing_else_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere() -> str:
        raise FileNotFoundError("no usable temporary directory")

    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr("tempfile.gettempdir", nowhere)
    assert socket_path(tmp_path).is_relative_to(tmp_path)
