"""Bundles: what one looks like, and what is none."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai.errors import IntegrityError, UnsupportedError
from i4q_ai.oci.signing import bundle as bundles
from i4q_ai.oci.signing.bundle import Bundle, parse


@given(st.binary(), st.binary(), st.text("0123456789abcdef", max_size=64), st.lists(st.binary(), max_size=3))
def test_round_trip(payload: bytes, signature: bytes, hint: str, certificates: list[bytes]) -> None:
    made = Bundle(payload, signature, "" if certificates else hint, tuple(certificates))
    assert parse(made.dump(), where="it") == made


def test_the_form_is_version_0_3_of_sigstore() -> None:
    assert json.loads(Bundle(b"{}", b"\1", "ab").dump()) == {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"tlogEntries": [], "publicKey": {"hint": "ab"}},
        "dsseEnvelope": {
            "payload": "e30=",
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"sig": "AQ==", "keyid": ""}],
        },
    }
    chain = json.loads(Bundle(b"{}", b"\1", certificates=(b"\2",)).dump())["verificationMaterial"]
    assert chain == {"tlogEntries": [], "x509CertificateChain": {"certificates": [{"rawBytes": "Ag=="}]}}


def data(**changes: Any) -> bytes:
    made = json.loads(Bundle(b"{}", b"\1", "ab").dump())
    for path, value in changes.items():
        *parents, last = path.split("__")
        inside = made
        for parent in parents:
            inside = inside[parent]
        inside[last] = value
    return json.dumps(made).encode()


def test_the_key_that_an_old_bundle_brings_along_is_not_looked_at() -> None:
    raw = data(verificationMaterial={"publicKey": {"rawBytes": base64.b64encode(b"key").decode(), "keyDetails": "X"}})
    assert parse(raw, where="it") == Bundle(b"{}", b"\1")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"null",
        data(mediaType="text/plain"),
        data(dsseEnvelope__signatures=[]),
        data(dsseEnvelope__signatures=[{"sig": "AQ=="}, {"sig": "AQ=="}]),
        data(dsseEnvelope__payload="not base64!"),
        data(dsseEnvelope__payload=7),
        data(verificationMaterial={}),
        data(verificationMaterial={"x509CertificateChain": {"certificates": []}}),
        data(verificationMaterial={"x509CertificateChain": {"certificates": [{"rawBytes": "AQ=="}] * 17}}),
    ],
)
def test_what_is_no_signature(raw: bytes) -> None:
    with pytest.raises(IntegrityError, match="it"):
        parse(raw, where="it")


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (data(dsseEnvelope__payloadType="text/plain"), "text/plain"),
        (data(verificationMaterial={"certificate": {"rawBytes": "AQ=="}}), "public service"),
        (json.dumps({"mediaType": bundles.MEDIA_TYPE, "messageSignature": {}}).encode(), "bare message"),
    ],
)
def test_what_is_another_kind_of_signature(raw: bytes, why: str) -> None:
    with pytest.raises(UnsupportedError, match=why):
        parse(raw, where="it")


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_read(raw: bytes) -> None:
    with pytest.raises((IntegrityError, UnsupportedError)):
        parse(raw, where="it")
