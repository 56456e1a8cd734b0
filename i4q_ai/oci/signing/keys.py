"""Keys: elliptic curves P-256, P-384 and P-521, as PEM; private ones may be encrypted. Secrets are never shown."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from i4q_ai.errors import InvalidError, NotFoundError, StorageError, UnsupportedError
from i4q_ai.oci.signing.bundle import Bundle
from i4q_ai.oci.signing.statement import encoded

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
}
_CURVES: dict[str, ec.EllipticCurve] = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
_LARGEST = 64 * 1024


@dataclass(frozen=True)
class SigningKey:
    """A private key, with the certificates that say whose it is.

    Args:
        private: the key; not shown.
        certificates: the signer's, then those between it and a root; none for a key alone.
    """

    private: ec.EllipticCurvePrivateKey = field(repr=False)
    certificates: tuple[x509.Certificate, ...] = ()

    @classmethod
    def read(cls, path: Path, *, passphrase: str | None = None, chain: Sequence[Path] = ()) -> SigningKey:
        """Read a PEM file.

        Args:
            path: of the private key.
            passphrase: if it is encrypted.
            chain: PEM files with certificates, the signer's first.

        Raises:
            NotFoundError: there is no such file.
            InvalidError: it is no private key, the passphrase is missing or wrong, or the certificate is another key's.
            UnsupportedError: it is a key of another kind.
        """
        private = _private(read(path), passphrase, str(path))
        certificates = tuple(one for file in chain for one in read_certificates(read(file), where=str(file)))
        if certificates and certificates[0].public_key() != private.public_key():
            raise InvalidError(
                f"the first certificate of {chain[0]} is of another key than {path}",
                hint="the signer's certificate stands first, then those that signed it",
            )
        return cls(private, certificates)

    @property
    def hint(self) -> str:
        """Which key it is, for whoever looks for it; no secret."""
        return hint(self.private.public_key())

    def sign(self, payload: bytes) -> Bundle:
        """The bundle of a statement."""
        signature = self.private.sign(encoded(payload), ec.ECDSA(_hash(self.private.public_key())))
        chain = tuple(each.public_bytes(Encoding.DER) for each in self.certificates)
        return Bundle(payload, signature, "" if chain else self.hint, chain)


def make(folder: Path, name: str, *, curve: str = "P-256", passphrase: str | None = None) -> tuple[Path, Path]:
    """Make a pair of keys: `NAME.key`, which only you can read, and `NAME.pub`.

    Raises:
        InvalidError: one of them is there already, or there is no such curve.
        StorageError: they cannot be written.
    """
    if curve not in _CURVES:
        raise InvalidError(f"{curve!r} is no curve that model signing knows", hint=", ".join(_CURVES))
    private = ec.generate_private_key(_CURVES[curve])
    protection: KeySerializationEncryption = NoEncryption()
    if passphrase:
        protection = BestAvailableEncryption(passphrase.encode())
    secret, public = folder / f"{name}.key", folder / f"{name}.pub"
    _write(secret, private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection), 0o600)
    _write(public, pem(private.public_key()), 0o644)
    return secret, public


def _write(path: Path, data: bytes, mode: int) -> None:
    import os

    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
    except FileExistsError as error:
        raise InvalidError(f"{path} is there already, and a key is never overwritten", hint="another name") from error
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error


def read(path: Path) -> bytes:
    """A small PEM file.

    Raises:
        NotFoundError: there is no such file.
        StorageError: it cannot be read.
        InvalidError: it is far too large.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no file {path}") from error
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > _LARGEST:
        raise InvalidError(f"{path} is no PEM file: it has more than {_LARGEST} bytes")
    return data


def public(data: bytes, *, where: str) -> ec.EllipticCurvePublicKey:
    """A public key from PEM.

    Raises:
        InvalidError: it is none.
        UnsupportedError: it is one of another kind.
    """
    try:
        key = load_pem_public_key(data)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        hint = "this is a private key: keep it, and give the public one" if b"PRIVATE KEY" in data else "PEM"
        raise InvalidError(f"{where} holds no public key", hint=hint) from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in _HASHES:
        raise _unsupported(where)
    return key


def read_certificates(data: bytes, *, where: str) -> list[x509.Certificate]:
    """Certificates from PEM.

    Raises:
        InvalidError: there are none.
    """
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError as error:
        raise InvalidError(f"{where} holds no certificates", hint="PEM, -----BEGIN CERTIFICATE-----") from error


def pem(key: ec.EllipticCurvePublicKey) -> bytes:
    """A public key as PEM."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def hint(key: ec.EllipticCurvePublicKey) -> str:
    """Which key it is: the sha256 of its PEM, as model signing writes it."""
    return hashlib.sha256(pem(key)).hexdigest()


def is_by(bundle: Bundle, key: ec.EllipticCurvePublicKey) -> bool:
    """Whether a key made the signature of a bundle."""
    try:
        key.verify(bundle.signature, encoded(bundle.payload), ec.ECDSA(_hash(key)))
    except InvalidSignature:
        return False
    return True


def can_sign(key: object) -> bool:
    """Whether signatures can be made with a key of this kind."""
    return isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _HASHES


def _hash(key: ec.EllipticCurvePublicKey) -> hashes.HashAlgorithm:
    return _HASHES[key.curve.name]


def _private(data: bytes, passphrase: str | None, where: str) -> ec.EllipticCurvePrivateKey:
    secret = passphrase.encode() if passphrase else None
    try:
        key = load_pem_private_key(data, secret)
    except TypeError:
        encrypted = secret is None
    except (ValueError, UnsupportedAlgorithm):
        if b"PRIVATE KEY" not in data:
            raise InvalidError(f"{where} holds no private key", hint="PEM, -----BEGIN PRIVATE KEY-----") from None
        # The cause is left out: what the library says of a key might hold a part of it.
        raise InvalidError(
            f"the private key in {where} cannot be read" + ("; is the passphrase right?" if secret else "")
        ) from None
    else:
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name not in _HASHES:
            raise _unsupported(where)
        return key
    if encrypted:
        raise InvalidError(
            f"the private key in {where} is encrypted", hint="give its passphrase, in I4Q_PASSPHRASE or when asked"
        ) from None
    raise InvalidError(f"the private key in {where} is not encrypted", hint="leave out the passphrase") from None


def _unsupported(where: str) -> UnsupportedError:
    return UnsupportedError(
        f"{where} holds a key that model signing does not know", hint="an elliptic curve: P-256, P-384 or P-521"
    )
