"""Certificates: from the signer's to a root that is trusted, as it stood when the signer's began to be valid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from fnmatch import fnmatchcase

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from i4q_ai.errors import IntegrityError, UntrustedError
from i4q_ai.oci.signing import keys

_LONGEST = 8
_STRONG = (hashes.SHA256, hashes.SHA384, hashes.SHA512, hashes.SHA3_256, hashes.SHA3_384, hashes.SHA3_512)
_KNOWN = (x509.BasicConstraints, x509.KeyUsage, x509.ExtendedKeyUsage, x509.SubjectAlternativeName)
"""The critical extensions that are understood; a certificate with another one means something that nobody checks."""


def load(raw: Sequence[bytes], *, where: str) -> list[x509.Certificate]:
    """Certificates from DER.

    Raises:
        IntegrityError: one is none.
    """
    try:
        return [x509.load_der_x509_certificate(each) for each in raw]
    except ValueError as error:
        raise IntegrityError(f"{where} holds a certificate that cannot be read") from error


def signer_key(chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]) -> ec.EllipticCurvePublicKey:
    """The key of the signer, once its certificate leads to a root.

    Signatures carry no time that could be believed, so validity is judged at the moment from which the signer's own
    certificate is valid: a signature stays good when the certificate has run out.

    Args:
        chain: the signer's certificate, then others that may help.
        roots: that are trusted.

    Raises:
        UntrustedError: it does not, or it may not sign; says why.
    """
    leaf, *others = chain
    at = leaf.not_valid_before_utc
    problems = [problem for problem in (_usage(leaf), _unknown(leaf)) if problem]
    if not keys.can_sign(leaf.public_key()):
        problems.append(f"the key of {_name(leaf)} is of a kind that cannot sign models")
    if not problems:
        problems = _way(leaf, others, roots, at)
    if problems:
        raise UntrustedError("; ".join(dict.fromkeys(problems)))
    key = leaf.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)  # by can_sign
    return key


def identities(certificate: x509.Certificate) -> list[str]:
    """Whose certificate it is: e-mail addresses, URIs and DNS names, and the common name."""
    found: list[str] = []
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        for kind in (x509.RFC822Name, x509.UniformResourceIdentifier, x509.DNSName):
            found += names.get_values_for_type(kind)
    except (x509.ExtensionNotFound, ValueError):
        pass  # it has only its common name then
    found += [str(one.value) for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return found


def is_one_of(certificate: x509.Certificate, globs: Sequence[str]) -> bool:
    """Whether one of its identities is among those that are meant."""
    return any(fnmatchcase(identity, glob) for identity in identities(certificate) for glob in globs)


def _way(
    leaf: x509.Certificate, others: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], at: datetime
) -> list[str]:
    """What is wrong with every way to a root; nothing, if one is right."""
    if leaf in roots:
        return []
    found: list[str] = []
    waiting: list[tuple[x509.Certificate, ...]] = [(leaf,)]
    while waiting:
        way = waiting.pop()
        for issuer, is_root in _issuers(way, others, roots):
            problem = _authority(issuer, len(way) - 1, at)
            if problem:
                found.append(problem)
            elif is_root:
                return []
            elif len(way) < _LONGEST:
                waiting.append((*way, issuer))
    return found or [f"the certificate of {_name(leaf)}, by {leaf.issuer.rfc4514_string()}, leads to no trusted root"]


def _issuers(
    way: Sequence[x509.Certificate], others: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]
) -> Iterator[tuple[x509.Certificate, bool]]:
    for candidate in roots:
        if _issued(way[-1], candidate):
            yield candidate, True
    for candidate in others:
        if candidate not in way and candidate not in roots and _issued(way[-1], candidate):
            yield candidate, False


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        algorithm = certificate.signature_hash_algorithm
        if algorithm is not None and not isinstance(algorithm, _STRONG):
            return False
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def _authority(certificate: x509.Certificate, below: int, at: datetime) -> str:
    """Why it may not stand above a signer; empty if it may.

    Args:
        certificate: of the authority.
        below: how many authorities stand between it and the signer.
        at: when.
    """
    name = _name(certificate)
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        return f"the certificate of {name} was not valid when the signer's was made"
    try:
        extensions = certificate.extensions
        basic = extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, ValueError):
        return f"{name} is no authority"
    if not basic.ca:
        return f"{name} is no authority"
    if basic.path_length is not None and below > basic.path_length:
        return f"{name} may have only {basic.path_length} authorities below it"
    try:
        if not extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign:
            return f"{name} may not sign certificates"
    except x509.ExtensionNotFound:
        pass  # without it, an authority may
    return _unknown(certificate)


def _usage(leaf: x509.Certificate) -> str:
    """Why it may not sign; empty if it may."""
    try:
        extensions = leaf.extensions
    except ValueError:
        return f"the certificate of {_name(leaf)} has extensions that cannot be read"
    for extension in extensions:
        if isinstance(extension.value, x509.KeyUsage) and extension.value.digital_signature:
            return ""
        if isinstance(extension.value, x509.ExtendedKeyUsage) and ExtendedKeyUsageOID.CODE_SIGNING in extension.value:
            return ""
    return f"the certificate of {_name(leaf)} may not be used to sign: neither digitalSignature nor codeSigning"


def _unknown(certificate: x509.Certificate) -> str:
    """Which limit is not understood; empty if there is none."""
    try:
        strange = [one for one in certificate.extensions if _is_strange(one)]
    except ValueError:
        return f"the certificate of {_name(certificate)} has extensions that cannot be read"
    if not strange:
        return ""
    oid = strange[0].oid.dotted_string
    return f"the certificate of {_name(certificate)} is limited in a way that is not understood ({oid})"


def _is_strange(extension: x509.Extension[x509.ExtensionType]) -> bool:
    if isinstance(extension.value, x509.NameConstraints):
        return True
    return extension.critical and not isinstance(extension.value, _KNOWN)


def _name(certificate: x509.Certificate) -> str:
    return repr(certificate.subject.rfc4514_string())
