"""The file or layer that a signature is: a Sigstore bundle, version 0.3. Pure; what it reads, it does not trust."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from i4q_ai.errors import IntegrityError, UnsupportedError
from i4q_ai.oci.media import canonical
from i4q_ai.oci.signing.statement import PAYLOAD_TYPE

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
LARGEST = 64 * 1024 * 1024
"""Bytes; a statement about a hundred thousand files has far fewer."""
_MOST_CERTIFICATES = 16
_PREFIX = "application/vnd.dev.sigstore.bundle"


@dataclass(frozen=True)
class Bundle:
    """A signature with what it is over.

    Args:
        payload: the statement, as it was signed.
        signature: over its encoding; ECDSA, DER.
        hint: which key made it, as the signer says; never trusted.
        certificates: DER, the signer's first; none where it is a key alone.
    """

    payload: bytes
    signature: bytes
    hint: str = ""
    certificates: tuple[bytes, ...] = ()

    def dump(self) -> bytes:
        """The bytes of the file."""
        material: dict[str, Any] = {"tlogEntries": []}
        if self.certificates:
            chain = [{"rawBytes": _text(each)} for each in self.certificates]
            material["x509CertificateChain"] = {"certificates": chain}
        else:
            material["publicKey"] = {"hint": self.hint}
        envelope = {
            "payload": _text(self.payload),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": _text(self.signature), "keyid": ""}],
        }
        return canonical({"mediaType": MEDIA_TYPE, "verificationMaterial": material, "dsseEnvelope": envelope})


def parse(raw: bytes, *, where: str) -> Bundle:
    """Read a bundle.

    Args:
        raw: the bytes of the file.
        where: the file or reference, for errors.

    Raises:
        UnsupportedError: it is a bundle, of another kind than can be checked here.
        IntegrityError: it is none.
    """
    try:
        data = json.loads(raw)
        kind = data["mediaType"]
        if not isinstance(kind, str) or not kind.startswith(_PREFIX):
            raise IntegrityError(f"{where} is no signature: it says that it is {str(kind)[:100]!r}")
        if "dsseEnvelope" not in data:
            raise UnsupportedError(f"{where} is a signature over a bare message, without a statement")
        envelope, material = data["dsseEnvelope"], data["verificationMaterial"]
        if envelope["payloadType"] != PAYLOAD_TYPE:
            raise UnsupportedError(f"{where} is a signature over {str(envelope['payloadType'])[:100]!r}")
        signatures = envelope["signatures"]
        if not isinstance(signatures, list) or len(signatures) != 1:
            raise IntegrityError(f"{where}: a bundle holds one signature")
        hint, certificates = _material(material, where)
        return Bundle(_bytes(envelope["payload"]), _bytes(signatures[0]["sig"]), hint, certificates)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise IntegrityError(f"{where} is no signature that can be read") from error


def _material(material: dict[str, Any], where: str) -> tuple[str, tuple[bytes, ...]]:
    if "x509CertificateChain" in material:
        listed: Sequence[Any] = material["x509CertificateChain"]["certificates"]
        if not 0 < len(listed) <= _MOST_CERTIFICATES:
            raise IntegrityError(f"{where}: a chain has 1 to {_MOST_CERTIFICATES} certificates, not {len(listed)}")
        return "", tuple(_bytes(each["rawBytes"]) for each in listed)
    if "publicKey" in material:
        # Before model-signing 1.1 the key itself stood here. Who wants to be believed must not bring the key along.
        return str(material["publicKey"].get("hint", ""))[:200], ()
    if "certificate" in material:
        raise UnsupportedError(
            f"{where} was signed by Sigstore's public service, which cannot be asked from everywhere",
            hint="sign with a key or with a certificate of your own root",
        )
    raise IntegrityError(f"{where} does not say what it was signed with")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("no base64") from error
