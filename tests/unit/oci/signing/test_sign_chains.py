"""Certificates: which chains lead to a root, judged when the signer's certificate began."""

from __future__ import annotations

import datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from i4q_ai.errors import IntegrityError, UntrustedError
from i4q_ai.oci.signing import chains, statement, verifying
from i4q_ai.oci.signing.keys import SigningKey
from i4q_ai.trust import Signer
from tests.testbed.authority import NOW, Chain, Holder, authority, signer

DAY = datetime.timedelta(days=1)


def key_of(leaf: Holder, *others: Holder, roots: tuple[Holder, ...]) -> ec.EllipticCurvePublicKey:
    chain = [each.certificate for each in (leaf, *others)]
    return chains.signer_key(chain, [each.certificate for each in roots])


@pytest.fixture(scope="module")
def top() -> Holder:
    return authority("root")


@pytest.fixture(scope="module")
def between(top: Holder) -> Holder:
    return authority("between", top)


def test_a_chain_leads_to_its_root_whatever_its_order(top: Holder, between: Holder) -> None:
    lower = authority("lower", between)
    leaf = signer("us@factory", lower)
    assert key_of(leaf, lower, between, roots=(top,)) == leaf.key.public_key()
    assert key_of(leaf, between, lower, roots=(authority("other"), top)) == leaf.key.public_key()
    assert key_of(signer("us", top), roots=(top,))
    assert key_of(leaf, lower, roots=(between,))  # an authority in between may be what is trusted


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_all_curves(top: Holder, curve: ec.EllipticCurve) -> None:
    leaf = signer("us", top, curve=curve)
    assert key_of(leaf, roots=(top,)) == leaf.key.public_key()


def test_validity_is_judged_when_the_signers_certificate_began(top: Holder) -> None:
    ran_out = signer("us", top, begins=NOW - 20 * DAY, days=1)
    assert key_of(ran_out, roots=(top,)) == ran_out.key.public_key()
    old_root = authority("root", begins=NOW - 900 * DAY, days=800)
    late = signer("us", old_root, begins=NOW - 50 * DAY)
    with pytest.raises(UntrustedError, match="was not valid when the signer's was made"):
        key_of(late, roots=(old_root,))
    early = signer("us", top, begins=NOW - 31 * DAY)  # the root began a day later
    with pytest.raises(UntrustedError, match="was not valid"):
        key_of(early, roots=(top,))


def test_no_root_no_trust(top: Holder, between: Holder) -> None:
    leaf = signer("us", between)
    for others, roots in (((), (top,)), ((between,), ()), ((between,), (authority("root"),))):
        with pytest.raises(UntrustedError, match="leads to no trusted root"):
            key_of(leaf, *others, roots=roots)


def test_a_root_of_the_same_name_and_another_key_is_another(top: Holder) -> None:
    leaf = signer("us", authority("root"))
    with pytest.raises(UntrustedError, match="leads to no trusted root"):
        key_of(leaf, roots=(top,))


def test_who_may_not_sign_certificates(top: Holder) -> None:
    person = signer("person", top)
    with pytest.raises(UntrustedError, match="is no authority"):
        key_of(signer("us", person), person, roots=(top,))
    limited = authority("limited", top, uses=("crl_sign",))
    with pytest.raises(UntrustedError, match="may not sign certificates"):
        key_of(signer("us", limited), limited, roots=(top,))
    short = authority("short", top, path_length=0)
    lower = authority("lower", short)
    assert key_of(signer("us", short), short, roots=(top,))
    with pytest.raises(UntrustedError, match="only 0 authorities below"):
        key_of(signer("us", lower), lower, short, roots=(top,))


def test_who_may_not_sign_models(top: Holder) -> None:
    with pytest.raises(UntrustedError, match="neither digitalSignature nor codeSigning"):
        key_of(signer("us", top, uses=("key_encipherment",)), roots=(top,))
    with pytest.raises(UntrustedError, match="neither digitalSignature nor codeSigning"):
        key_of(signer("us", top, uses=None), roots=(top,))
    assert key_of(signer("us", top, uses=None, code=True), roots=(top,))
    with pytest.raises(UntrustedError, match="cannot sign models"):
        key_of(signer("us", top, curve=ec.SECP256K1()), roots=(top,))


def test_a_limit_that_is_not_understood_is_a_refusal(top: Holder) -> None:
    with pytest.raises(UntrustedError, match=r"not understood \(1\.2\.3\.4\)"):
        key_of(signer("us", top, critical="1.2.3.4"), roots=(top,))
    odd = authority("odd", top, critical="1.2.3.4")
    with pytest.raises(UntrustedError, match="not understood"):
        key_of(signer("us", odd), odd, roots=(top,))


def test_authorities_that_sign_each_other_are_no_endless_loop(top: Holder) -> None:
    first = authority("first")
    second = authority("second", first)
    leaf = signer("us", second)
    crowd = [authority("second", first) for _ in range(12)]
    with pytest.raises(UntrustedError):
        key_of(leaf, first, second, *crowd, roots=(top,))


def test_identities() -> None:
    chain = Chain.make("root", "trainer@factory")
    assert chains.identities(chain.leaf.certificate) == ["trainer@factory", "trainer@factory"]
    payload = statement.of_files("wear", {"model.onnx": "1" * 64})
    raw = SigningKey(chain.leaf.key, (chain.leaf.certificate, chain.between.certificate)).sign(payload).dump()
    root = chain.root_pem.decode()
    good = Signer(root=root, identities=("nobody@factory", "trainer@*"))
    assert verifying.verify(raw, {"plant": good}, where="it").identity == "trainer@factory, trainer@factory"
    with pytest.raises(UntrustedError, match=r"only nobody@factory may sign") as refused:
        verifying.verify(raw, {"plant": Signer(root=root, identities=("nobody@factory",))}, where="it")
    assert "certificate trainer@factory" in refused.value.what
    assert "certificates for nobody@factory" in refused.value.hint


def test_a_chain_is_no_key_and_a_key_is_no_chain() -> None:
    chain = Chain.make("root", "us")
    payload = statement.of_files("wear", {"model.onnx": "1" * 64})
    root = Signer(root=chain.root_pem.decode(), identities=("*",))
    with pytest.raises(UntrustedError):
        verifying.verify(SigningKey(chain.leaf.key).sign(payload).dump(), {"plant": root}, where="it")


def test_bytes_that_are_no_certificate() -> None:
    leaf = Chain.make("root", "us").leaf.certificate.public_bytes(Encoding.DER)
    with pytest.raises(IntegrityError, match="it holds a certificate"):
        chains.load([leaf, leaf[:-5]], where="it")
