"""Keys: which are taken, and that nothing of a private one is ever shown."""

from __future__ import annotations

import hashlib
import logging
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from i4q_ai.errors import IntegrityError, InvalidError, NotFoundError, UnsupportedError, UntrustedError
from i4q_ai.oci.signing import keys, statement, verifying
from i4q_ai.oci.signing.keys import SigningKey
from i4q_ai.trust import Signer
from tests.testbed.authority import Chain

PAYLOAD = statement.of_files("wear", {"model.onnx": "1" * 64})


@pytest.mark.parametrize("curve", ["P-256", "P-384", "P-521"])
def test_a_signature_is_by_its_key_and_by_no_other(tmp_path: Path, curve: str) -> None:
    secret, public = keys.make(tmp_path, "us", curve=curve)
    _, other = keys.make(tmp_path, "them", curve=curve)
    raw = SigningKey.read(secret).sign(PAYLOAD).dump()
    us, them = Signer(key=public.read_text()), Signer(key=other.read_text())
    assert verifying.verify(raw, {"them": them, "us": us}, where="it").signer == "us"
    with pytest.raises(UntrustedError) as refused:
        verifying.verify(raw, {"them": them}, where="it")
    ours, theirs = (hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in (public, other))
    assert f"signed by key {ours}…" in refused.value.what
    assert f"'them' (key {theirs}…)" in refused.value.hint


def test_a_changed_payload_or_signature_is_noticed(tmp_path: Path) -> None:
    secret, public = keys.make(tmp_path, "us")
    bundle = SigningKey.read(secret).sign(PAYLOAD)
    us = {"us": Signer(key=public.read_text())}
    other = statement.of_files("wear", {"model.onnx": "2" * 64})
    for changed in (
        keys.Bundle(other, bundle.signature, bundle.hint),
        keys.Bundle(bundle.payload, bundle.signature[:-1] + b"\0", bundle.hint),
        keys.Bundle(bundle.payload, b"", bundle.hint),
    ):
        with pytest.raises(UntrustedError):
            verifying.verify(changed.dump(), us, where="it")


def test_a_new_key_is_for_its_owner_alone_and_never_overwritten(tmp_path: Path) -> None:
    secret, public = keys.make(tmp_path, "us")
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    before = secret.read_bytes()
    with pytest.raises(InvalidError, match="never overwritten"):
        keys.make(tmp_path, "us")
    assert secret.read_bytes() == before
    assert public.exists()
    with pytest.raises(InvalidError, match="no curve"):
        keys.make(tmp_path, "other", curve="P-192")


def test_passphrases(tmp_path: Path) -> None:
    secret, _ = keys.make(tmp_path, "us", passphrase="correct horse")
    assert SigningKey.read(secret, passphrase="correct horse").hint
    with pytest.raises(InvalidError, match="is encrypted") as missing:
        SigningKey.read(secret)
    assert "I4Q_PASSPHRASE" in missing.value.hint
    with pytest.raises(InvalidError, match="is the passphrase right"):
        SigningKey.read(secret, passphrase="wrong horse")
    plain, _ = keys.make(tmp_path, "plain")
    with pytest.raises(InvalidError, match="is not encrypted"):
        SigningKey.read(plain, passphrase="needless horse")


def test_nothing_secret_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret, _ = keys.make(tmp_path, "us", passphrase="correct horse")
    read = SigningKey.read(secret, passphrase="correct horse")
    told = [repr(read), str(read)]
    inside = read.private.private_numbers().private_value
    broken = tmp_path / "broken.key"
    broken.write_bytes(secret.read_bytes()[:-60] + b"\n-----END ENCRYPTED PRIVATE KEY-----\n")
    for path, passphrase in ((secret, "wrong horse"), (secret, None), (broken, "correct horse")):
        with pytest.raises(InvalidError) as refused:
            SigningKey.read(path, passphrase=passphrase)
        told += [str(refused.value), repr(refused.value), repr(refused.value.__cause__)]
    text = "\n".join([*told, caplog.text])
    assert "horse" not in text
    assert str(inside) not in text
    assert format(inside, "x") not in text
    assert not any(line in text for line in secret.read_text().splitlines()[1:-1])


def test_other_kinds_of_keys_are_named(tmp_path: Path) -> None:
    for number, key in enumerate(
        (
            rsa.generate_private_key(65537, 2048),
            ed25519.Ed25519PrivateKey.generate(),
            ec.generate_private_key(ec.SECP256K1()),
        )
    ):
        path = tmp_path / f"{number}.key"
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        with pytest.raises(UnsupportedError) as refused:
            SigningKey.read(path)
        assert "P-256" in refused.value.hint
        pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        with pytest.raises(UnsupportedError):
            keys.public(pem, where="it")


def test_files_that_are_no_keys(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing"
    nothing.write_text("hello")
    with pytest.raises(InvalidError, match="no private key"):
        SigningKey.read(nothing)
    with pytest.raises(NotFoundError):
        SigningKey.read(tmp_path / "missing")
    with pytest.raises(InvalidError, match="no public key"):
        keys.public(b"hello", where="it")
    secret, _ = keys.make(tmp_path, "us")
    with pytest.raises(InvalidError) as refused:
        keys.public(secret.read_bytes(), where="it")
    assert "keep it" in refused.value.hint
    large = tmp_path / "large"
    large.write_bytes(b"x" * 100_000)
    with pytest.raises(InvalidError, match="no PEM"):
        SigningKey.read(large)


def test_a_certificate_must_be_of_the_key(tmp_path: Path) -> None:
    key, leaf, between, _ = Chain.make("root", "us@factory").write(tmp_path)
    assert len(SigningKey.read(key, chain=(leaf, between)).certificates) == 2
    with pytest.raises(InvalidError, match="another key"):
        SigningKey.read(key, chain=(between, leaf))
    with pytest.raises(InvalidError, match="no certificates"):
        SigningKey.read(key, chain=(key,))


def test_a_bundle_that_brings_another_certificate_is_refused(tmp_path: Path) -> None:
    chain = Chain.make("root", "us@factory")
    other = Chain.make("root", "us@factory")
    bundle = SigningKey(other.leaf.key).sign(PAYLOAD)
    certificates = tuple(each.certificate.public_bytes(Encoding.DER) for each in (chain.leaf, chain.between))
    forged = keys.Bundle(bundle.payload, bundle.signature, certificates=certificates)
    trusted = {"plant": Signer(root=chain.root_pem.decode(), identities=("*",))}
    with pytest.raises(IntegrityError, match="not by the certificate"):
        verifying.verify(forged.dump(), trusted, where="it")
