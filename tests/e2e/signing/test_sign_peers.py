"""What model-signing signs we verify, and what we sign it verifies; its older releases too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from i4q_ai.errors import IntegrityError, UntrustedError
from i4q_ai.oci.signing import folders, keys
from i4q_ai.oci.signing.keys import SigningKey
from i4q_ai.trust import Signer
from tests.testbed.authority import Chain
from tests.testbed.modelsigning import NEWEST, RELEASES, model_signing


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "tool-wear"
    for path in ("a/b.bin", "a/deep/c", "a.txt", "empty", ".gitignore", "weights.onnx"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(b"" if path == "empty" else path.encode() * 1000)
    return folder


@pytest.mark.parametrize("version", RELEASES)
def test_by_key_both_ways(version: str, folder: Path, tmp_path: Path) -> None:
    peer, signature = model_signing(version), folder / "model.sig"
    for curve in ("P-256", "P-384", "P-521") if version == NEWEST else ("P-384",):
        secret, public = keys.make(tmp_path, curve, curve=curve)
        peer.sign(folder, signature, use_elliptic_key_signer={"private_key": str(secret)})
        found = folders.verify(folder, {"us": Signer(key=public.read_text())})
        assert found.signer == "us"
        signature.unlink()
        folders.sign(folder, SigningKey.read(secret))
        if version != NEWEST:
            continue  # older releases do not heed that a signature lists itself as ignored
        assert peer.verify(folder, signature, use_elliptic_key_verifier={"public_key": str(public)}) == ""
        signature.unlink()


def test_what_it_signs_and_somebody_changes_is_refused(folder: Path, tmp_path: Path) -> None:
    secret, public = keys.make(tmp_path, "us")
    signature = tmp_path / "beside.sig"
    model_signing().sign(folder, signature, use_elliptic_key_signer={"private_key": str(secret)})
    us = {"us": Signer(key=public.read_text())}
    (folder / "extra").write_text("x")
    with pytest.raises(IntegrityError, match="'extra' was not signed"):
        folders.verify(folder, us, signature=signature)
    (folder / "extra").unlink()
    (folder / "a" / "b.bin").write_text("x")
    with pytest.raises(IntegrityError, match=r"'a/b\.bin' has changed"):
        folders.verify(folder, us, signature=signature)
    (folder / "a" / "b.bin").unlink()
    with pytest.raises(IntegrityError, match=r"'a/b\.bin' is missing"):
        folders.verify(folder, us, signature=signature)


def test_it_refuses_what_we_signed_and_somebody_changed(folder: Path, tmp_path: Path) -> None:
    secret, public = keys.make(tmp_path, "us")
    signature = folders.sign(folder, SigningKey.read(secret))
    (folder / "a.txt").write_text("x")
    told = model_signing().verify(folder, signature, use_elliptic_key_verifier={"public_key": str(public)})
    assert "a.txt" in told


@pytest.mark.parametrize("version", [NEWEST, "0.3.1"])
def test_shards(version: str, folder: Path, tmp_path: Path) -> None:
    secret, public = keys.make(tmp_path, "us")
    signature = tmp_path / "beside.sig"
    model_signing(version).sign(folder, signature, shard=1000, use_elliptic_key_signer={"private_key": str(secret)})
    us = {"us": Signer(key=public.read_text())}
    assert folders.verify(folder, us, signature=signature).statement.shard == 1000
    with (folder / "weights.onnx").open("r+b") as file:
        file.seek(4500)
        file.write(b"!")
    with pytest.raises(IntegrityError, match=r"'weights\.onnx:4000:5000' has changed"):
        folders.verify(folder, us, signature=signature)


@pytest.mark.parametrize("version", [each for each in RELEASES if each != "0.3.1"])  # which misspells an argument
def test_by_certificate_both_ways(version: str, folder: Path, tmp_path: Path) -> None:
    peer = model_signing(version)
    (folder / ".gitignore").unlink()  # releases before 1.1 look at it when they verify
    chain = Chain.make("plant root", "trainer@factory")
    key, leaf, between, root = chain.write(tmp_path)
    signature = tmp_path / "beside.sig"
    peer.sign(
        folder,
        signature,
        use_certificate_signer={
            "private_key": str(key),
            "signing_certificate": str(leaf),
            "certificate_chain": [str(between)],
        },
    )
    trusted = {"plant": Signer(root=root.read_text(), identities=("trainer@*",))}
    assert folders.verify(folder, trusted, signature=signature).identity.startswith("trainer@factory")
    strangers = {"plant": Signer(root=Chain.make("plant root", "x").root_pem.decode(), identities=("*",))}
    with pytest.raises(UntrustedError, match="leads to no trusted root"):
        folders.verify(folder, strangers, signature=signature)

    signature.unlink()
    folders.sign(folder, SigningKey.read(key, chain=(leaf, between)), to=signature)
    assert peer.verify(folder, signature, use_certificate_verifier={"certificate_chain": [str(root)]}) == ""


def test_our_bundle_has_the_fields_of_theirs(folder: Path, tmp_path: Path) -> None:
    secret, _ = keys.make(tmp_path, "us")
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    model_signing().sign(folder, theirs, use_elliptic_key_signer={"private_key": str(secret)})
    folders.sign(folder, SigningKey.read(secret), to=ours)
    one, other = json.loads(theirs.read_bytes()), json.loads(ours.read_bytes())
    for bundle in (one, other):
        bundle["dsseEnvelope"]["payload"] = bundle["dsseEnvelope"]["signatures"][0]["sig"] = "…"
    assert other == one
