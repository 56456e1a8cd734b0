"""`i4q key`, `i4q sign` and `i4q verify`: what they print, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from i4q_ai import Model
from i4q_ai.cli.exits import OK, REFUSED
from i4q_ai.cli.program import run
from tests.testbed.authority import Chain

Said = tuple[int, str, str]


@pytest.fixture
def i4q(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    monkeypatch.chdir(tmp_path)
    for variable in ("I4Q_PASSPHRASE", "I4Q_TRUST"):
        monkeypatch.delenv(variable, raising=False)

    def call(*arguments: str) -> Said:
        code = run(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def reference(tmp_path: Path) -> str:
    file = tmp_path / "limits.txt"
    file.write_text("1")
    return Model.from_files([file], name="limits", version="1").push(f"oci:{tmp_path}/registry").reference or ""


def test_a_pushed_model(i4q: Callable[..., Said], reference: str) -> None:
    assert i4q("key", "us", "--curve", "P-384") == (OK, "us.key\nus.pub\n", "")
    code, out, err = i4q("verify", reference, "--key", "us.pub")
    assert (code, out) == (REFUSED, "")
    assert "is not signed" in err
    assert "hint: i4q sign" in err
    assert i4q("sign", reference, "--key", "us.key") == (OK, f"{reference}\n", "")
    code, out, _ = i4q("verify", reference, "--key", "us.pub", "-o", "json")
    assert (code, json.loads(out)["signer"]) == (OK, "us")


def test_a_folder(i4q: Callable[..., Said], tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "a").write_text("1")
    i4q("key", "us")
    assert i4q("sign", "model", "--key", "us.key")[0] == OK
    assert i4q("verify", "model", "--key", "us.pub")[1].startswith("signed by 'us', key ")
    i4q("sign", "model", "--key", "us.key", "--to", "beside.sig")
    (tmp_path / "model" / "model.sig").unlink()
    assert i4q("verify", "model", "--key", "us.pub", "--signature", "beside.sig")[0] == OK


def test_a_passphrase_comes_from_the_environment_and_is_never_told(
    i4q: Callable[..., Said], reference: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = i4q("key", "us", "--encrypt")
    assert code == REFUSED
    assert "I4Q_PASSPHRASE" in err
    monkeypatch.setenv("I4Q_PASSPHRASE", "correct horse")
    assert i4q("key", "us", "--encrypt")[0] == OK
    assert "ENCRYPTED" in Path("us.key").read_text()
    assert i4q("-v", "-v", "sign", reference, "--key", "us.key")[0] == OK
    monkeypatch.setenv("I4Q_PASSPHRASE", "wrong horse")
    code, out, err = i4q("-v", "-v", "sign", reference, "--key", "us.key")
    assert code == REFUSED
    assert "passphrase" in err
    assert "horse" not in out + err
    monkeypatch.delenv("I4Q_PASSPHRASE")
    assert "nobody is here to ask" in i4q("sign", reference, "--key", "us.key")[2]


def test_certificates(i4q: Callable[..., Said], reference: str, tmp_path: Path) -> None:
    key, leaf, between, root = map(str, Chain.make("plant", "trainer@factory").write(tmp_path))
    assert i4q("sign", reference, "--key", key, "--chain", leaf, "--chain", between)[0] == OK
    code, out, _ = i4q("verify", reference, "--root", root, "--identity", "trainer@*")
    assert code == OK
    assert "trainer@factory" in out
    assert "only nobody may sign" in i4q("verify", reference, "--root", root, "--identity", "nobody")[2]
    assert "'identities' say whom" in i4q("verify", reference, "--root", root)[2]


def test_a_policy(i4q: Callable[..., Said], reference: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = tmp_path / "trust.yaml"
    policy.write_text("apiVersion: i4q-ai/v1\nkind: Trust\nrules:\n  - {signed: false}\n")
    assert "asks for no signature" in i4q("verify", reference, "--trust", str(policy))[1]
    assert "nobody is trusted yet" in i4q("verify", reference)[2]
    monkeypatch.setenv("I4Q_TRUST", str(policy))
    assert i4q("verify", reference)[0] == OK


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("verify", "oci:x", "--key", "us.pub", "--trust", "t.yaml"), "leave out --key"),
        (("verify", "oci:x", "--identity", "x", "--key", "us.pub"), "there is no --root"),
        (("verify", "oci:x", "--signature", "x", "--key", "us.pub"), "is that of a folder"),
        (("sign", "oci:x", "--key", "us.key", "--to", "x"), "is for the signature of a folder"),
        (("sign", "oci:x", "--key", "missing.key"), "no file missing.key"),
        (("verify", "oci:x", "--key", "us.key"), "private key"),
        (("key", "us"), "never overwritten"),
        (("key", "other", "--curve", "P-1"), "no curve"),
    ],
)
def test_what_cannot_be_meant(i4q: Callable[..., Said], arguments: tuple[str, ...], why: str) -> None:
    i4q("key", "us")
    code, out, err = i4q(*arguments)
    assert (code, out) == (3 if "missing" in why else REFUSED, "")
    assert why in err
