"""Folders: what counts as a file, and what has changed since."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from i4q_ai.errors import IntegrityError, InvalidError, NotFoundError, UntrustedError
from i4q_ai.oci.signing import folders, keys
from i4q_ai.oci.signing.keys import SigningKey
from i4q_ai.trust import Signer, Trust, TrustRule


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return SigningKey.read(keys.make(tmp_path, "us")[0])


@pytest.fixture
def us(key: SigningKey) -> dict[str, Signer]:
    return {"us": Signer(key=keys.pem(key.private.public_key()).decode())}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / ".git").mkdir()
    for path in ("model.onnx", "deep/er/labels.txt", ".git/HEAD", ".hidden"):
        (folder / path).write_text(path)
    return folder


def test_sign_and_verify(folder: Path, key: SigningKey, us: dict[str, Signer]) -> None:
    assert folders.sign(folder, key) == folder / "model.sig"
    found = folders.verify(folder, us)
    assert set(found.statement.resources) == {"model.onnx", "deep/er/labels.txt", ".hidden"}
    assert found.statement.ignored == ("model.sig",)
    folders.sign(folder, key)  # again, over the last one
    (folder / ".git" / "HEAD").write_text("changed")
    assert folders.verify(folder, us).signer == "us"


def test_a_signature_elsewhere(folder: Path, tmp_path: Path, key: SigningKey, us: dict[str, Signer]) -> None:
    folders.sign(folder, key, to=tmp_path / "beside.sig")
    assert folders.verify(folder, us, signature=tmp_path / "beside.sig").statement.ignored == ()
    with pytest.raises(UntrustedError, match="no signature"):
        folders.verify(folder, us)
    (folder / "model.sig").write_text("a stray file")
    with pytest.raises(IntegrityError, match=r"'model\.sig' was not signed"):
        folders.verify(folder, us, signature=tmp_path / "beside.sig")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda folder: (folder / "model.onnx").write_text("other"), r"'model\.onnx' has changed"),
        (lambda folder: (folder / ".hidden").unlink(), r"'\.hidden' is missing"),
        (lambda folder: (folder / "deep" / "new").write_text("x"), "'deep/new' was not signed"),
        (lambda folder: (folder / "model.onnx").rename(folder / "other.onnx"), "is missing.*was not signed"),
    ],
)
def test_changes(folder: Path, key: SigningKey, us: dict[str, Signer], change: object, what: str) -> None:
    folders.sign(folder, key)
    change(folder)  # type: ignore[operator]
    with pytest.raises(IntegrityError, match=what):
        folders.verify(folder, us)


def test_links_and_other_things_are_not_signed(folder: Path, key: SigningKey, us: dict[str, Signer]) -> None:
    folders.sign(folder, key)
    (folder / "link").symlink_to("/etc/passwd")
    for job in (lambda: folders.sign(folder, key), lambda: folders.verify(folder, us)):
        with pytest.raises(InvalidError, match="is a link"):
            job()
    (folder / "link").unlink()
    os.mkfifo(folder / "pipe")
    with pytest.raises(InvalidError, match="neither a file nor a folder"):
        folders.sign(folder, key)


def test_nothing_to_sign(tmp_path: Path, key: SigningKey) -> None:
    with pytest.raises(NotFoundError):
        folders.sign(tmp_path / "missing", key)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidError, match="no file to sign"):
        folders.sign(tmp_path / "empty", key)


def test_a_policy_for_folders(folder: Path, key: SigningKey, us: dict[str, Signer]) -> None:
    class Evil:
        def __reduce__(self) -> object:
            return os.system, ("true",)

    (folder / "model.pkl").write_bytes(pickle.dumps(Evil()))
    folders.sign(folder, key)
    strict, loose = (Trust(signers=us, rules=(TrustRule(pickle=pickles),)) for pickles in (False, True))
    with pytest.raises(UntrustedError, match=r"model\.pkl can run code"):
        folders.check(folder, strict)
    found = folders.check(folder, loose)
    assert found is not None
    assert found.signer == "us"
    (folder / "model.pkl").unlink()
    assert folders.check(folder, Trust(rules=(TrustRule(signed=False),))) is None
