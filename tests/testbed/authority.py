"""Chains of certificates for signers: a root, one in between, and whoever signs; each as wrong as a test wants it."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.datetime(2026, 6, 1, tzinfo=datetime.UTC)
_DAY = datetime.timedelta(days=1)
_USES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


@dataclass(frozen=True)
class Holder:
    """Somebody with a certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def authority(name: str, issuer: Holder | None = None, **about: Any) -> Holder:
    """A certificate that may sign others.

    Args:
        name: its common name.
        issuer: whose certificate signs it; itself if not given.
        about: path_length, begins, days, uses.
    """
    return _issue(name, issuer, ca=True, **{"uses": ("key_cert_sign", "crl_sign"), **about})


def signer(name: str, issuer: Holder, **about: Any) -> Holder:
    """A certificate that may sign models.

    Args:
        name: its common name, and its e-mail address if it is one.
        issuer: whose certificate signs it.
        about: begins, days, uses, code, curve, critical.
    """
    return _issue(name, issuer, ca=False, **about)


def _issue(
    name: str,
    issuer: Holder | None,
    *,
    ca: bool,
    path_length: int | None = None,
    begins: datetime.datetime = NOW - 30 * _DAY,
    days: int = 3650,
    uses: tuple[str, ...] | None = ("digital_signature",),
    code: bool = False,
    curve: ec.EllipticCurve | None = None,
    critical: str = "",
) -> Holder:
    key = ec.generate_private_key(curve or ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + days * _DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if uses is not None:
        told = dict.fromkeys(_USES, False) | dict.fromkeys(uses, True)
        builder = builder.add_extension(x509.KeyUsage(**told), critical=True)
    if code:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
    if "@" in name:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(name)]), critical=False)
    if critical:
        strange = x509.UnrecognizedExtension(x509.ObjectIdentifier(critical), b"\x05\x00")
        builder = builder.add_extension(strange, critical=True)
    signed_by = issuer.key if issuer else key
    return Holder(key, builder.sign(signed_by, hashes.SHA256()))


@dataclass(frozen=True)
class Chain:
    """A root, one in between and a signer."""

    root: Holder
    between: Holder
    leaf: Holder

    @classmethod
    def make(cls, root: str, name: str, **about: Any) -> Chain:
        """A good one; `about` is the signer's."""
        top = authority(root)
        between = authority(f"{root}, signers", top, path_length=0)
        return cls(top, between, signer(name, between, **about))

    @property
    def root_pem(self) -> bytes:
        return self.root.pem

    def write(self, folder: Path) -> tuple[Path, Path, Path, Path]:
        """Paths of the signer's key, its certificate, the one in between, and the root."""
        contents = {
            "leaf.key": self.leaf.key_pem, "leaf.pem": self.leaf.pem,
            "between.pem": self.between.pem, "root.pem": self.root.pem,
        }  # fmt: skip
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        key, leaf, between, root = (folder / name for name in contents)
        return key, leaf, between, root
