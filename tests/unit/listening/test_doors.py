"""Doors without sockets: who is let in, for whom it rings, and what a repetition gets."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

import pytest

from i4q_ai.errors import InvalidError
from i4q_ai.listening.deliveries import Seen
from i4q_ai.listening.doors import Doors, secrets_of
from i4q_ai.listening.rules import Listener, Secret
from i4q_ai.listening.senders import Refused, Request
from tests.unit.listening.conftest import URL

SECRET = "s3cret"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\n")
    return path


@pytest.fixture
def rung() -> list[str]:
    return []


@pytest.fixture
def doors(file: Path, rung: list[str]) -> Doors:
    allow = {"names": ["x"], "everywhere": True}
    secret = {"file": str(file)}
    sources = [
        {"name": "plant", "git": {"repo": URL, "path": "a"}, "allow": allow, "hook": "forge"},
        {"name": "other", "git": {"repo": URL.replace("models", "other")}, "allow": allow, "hook": "forge"},
        {"name": "wear", "registry": {"repository": "r.factory/wear"}, "allow": allow, "hook": "registry"},
        {"name": "polled", "git": {"repo": URL, "path": "b"}, "allow": allow},
    ]
    hooks = [
        {"name": "forge", "sender": "github", "secret": secret},
        {"name": "registry", "sender": "registry", "secret": secret},
    ]
    return Doors(Listener.parse({"hooks": hooks, "sources": sources}), rung.append)


def push(repository: str = "plant/models", *, number: int = 1, **headers: str) -> Request:
    body = json.dumps(
        {"ref": "refs/heads/main", "repository": {"full_name": repository}, "after": str(number)}
    ).encode()
    mac = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    told = {"x-hub-signature-256": f"sha256={mac}", "x-github-delivery": str(number), "x-github-event": "push"}
    return Request({**told, **headers}, body)


def status(doors: Doors, path: str, request: Request) -> int:
    with pytest.raises(Refused) as error:
        doors.knock(path, request)
    return error.value.status


def test_it_rings_for_the_sources_that_a_push_is_about(doors: Doors, rung: list[str]) -> None:
    assert doors.knock("/hooks/forge", push()) == ["plant"]
    assert doors.knock("/hooks/forge", push("plant/other", number=2)) == ["other"]
    assert doors.knock("/hooks/forge", push("plant/third", number=3)) == []
    assert doors.knock("/hooks/forge", push(number=4, **{"x-github-event": "ping"})) == []
    assert rung == ["plant", "other"]


def test_a_delivery_comes_once(doors: Doors, rung: list[str]) -> None:
    doors.knock("/hooks/forge", push())
    assert status(doors, "/hooks/forge", push()) == 409
    # GitHub does not sign the id: who repeats a body under another one is known too.
    assert status(doors, "/hooks/forge", push(**{"x-github-delivery": "new"})) == 409
    assert status(doors, "/hooks/forge", push(number=2, **{"x-github-delivery": "1"})) == 409
    assert rung == ["plant"]


@pytest.mark.parametrize("path", ["/", "/hooks/", "/hooks/nothing", "/hooks/forge/", "/forge", "forge"])
def test_there_are_no_other_doors(doors: Doors, path: str) -> None:
    assert status(doors, path, push()) == 404


def test_a_counterfeit_rings_for_nobody_and_is_not_remembered(doors: Doors, rung: list[str]) -> None:
    assert status(doors, "/hooks/forge", push(**{"x-hub-signature-256": "sha256=" + "0" * 64})) == 401
    assert status(doors, "/hooks/registry", push()) == 401
    assert rung == []
    assert doors.knock("/hooks/forge", push()) == ["plant"]


def test_secrets_are_exchanged_without_a_gap(doors: Doors, file: Path) -> None:
    file.write_text(f"new\n{SECRET}\n")
    assert doors.knock("/hooks/forge", push()) == ["plant"]
    file.write_text("new\n")
    assert status(doors, "/hooks/forge", push(number=2)) == 401


def test_without_its_secret_a_door_is_shut(doors: Doors, file: Path, caplog: pytest.LogCaptureFixture) -> None:
    doors.check()
    file.write_text("\n \n")
    assert status(doors, "/hooks/forge", push()) == 503
    assert "holds no secret" in caplog.text
    file.unlink()
    assert status(doors, "/hooks/forge", push()) == 503
    with pytest.raises(InvalidError, match="cannot be read: FileNotFoundError"):
        doors.check()


def test_secrets_of_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidError, match="variable HOOK holds no secret"):
        secrets_of(Secret(env="HOOK"))
    monkeypatch.setenv("HOOK", " abc ")
    assert secrets_of(Secret(env="HOOK")) == (b"abc",)


def test_few_deliveries_are_remembered() -> None:
    seen = Seen(most=2)
    assert [seen.take("a", [str(number)]) for number in (1, 2, 3, 1, 1)] == [True, True, True, True, False]
    assert seen.take("b", ["1"]), "hooks do not know each other's"
