"""Who made a signature, of those who are trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography import x509

from i4q_ai.errors import IntegrityError, InvalidError, UntrustedError
from i4q_ai.oci.signing import bundle as bundles
from i4q_ai.oci.signing import chains, keys, statement
from i4q_ai.oci.signing.bundle import Bundle
from i4q_ai.oci.signing.statement import Statement
from i4q_ai.trust import Signer


@dataclass(frozen=True)
class Signature:
    """A signature that is right.

    Args:
        signer: the name of who made it, in the trust policy.
        identity: which key, or whose certificate.
        statement: what was signed.
        raw: the bundle.
    """

    signer: str
    identity: str
    statement: Statement
    raw: bytes = field(default=b"", repr=False)


def verify(raw: bytes, signers: Mapping[str, Signer], *, where: str) -> Signature:
    """Find out who of those who are trusted made a signature; only then is it read.

    Args:
        raw: the bundle.
        signers: name → who.
        where: the file or reference, for errors.

    Raises:
        UntrustedError: none of them did; says who did, who is trusted, and what to do.
        IntegrityError: it is no signature.
        UnsupportedError: it is one of a kind that is not checked here.
    """
    bundle = bundles.parse(raw, where=where)
    problems: list[str] = []
    found = _by_chain(bundle, signers, problems, where) if bundle.certificates else _by_key(bundle, signers)
    if found is None:
        raise UntrustedError(
            "; ".join((f"{where} is signed by {whose(bundle)}, who is not trusted", *problems)),
            hint=f"trusted {'is' if len(signers) == 1 else 'are'} {shown(signers)}; "
            "sign with one of these, or add the signer to the trust policy",
        )
    return Signature(*found, statement.parse(bundle.payload), raw)


def whose(bundle: Bundle) -> str:
    """Who a bundle says has signed it, for people; not checked."""
    if not bundle.certificates:
        return f"key {bundle.hint[:16]}…" if bundle.hint else "a key that it does not name"
    try:
        leaf = chains.load(bundle.certificates[:1], where="")[0]
    except IntegrityError:
        return "a certificate that cannot be read"
    return f"certificate {', '.join(chains.identities(leaf)) or 'without a name'}"


def shown(signers: Mapping[str, Signer]) -> str:
    """Who is trusted, for people."""
    return ", ".join(f"'{name}' ({_about(signer)})" for name, signer in signers.items()) or "nobody"


def _about(signer: Signer) -> str:
    if signer.key is None:
        return f"certificates for {', '.join(signer.identities)}"
    try:
        return f"key {keys.hint(keys.public(signer.key.encode(), where='it'))[:16]}…"
    except InvalidError:
        return "a key that cannot be read"


def _by_key(bundle: Bundle, signers: Mapping[str, Signer]) -> tuple[str, str] | None:
    for name, signer in signers.items():
        if signer.key is None:
            continue
        key = keys.public(signer.key.encode(), where=f"signer '{name}'")
        if keys.is_by(bundle, key):
            return name, f"key {keys.hint(key)[:16]}…"
    return None


def _by_chain(bundle: Bundle, signers: Mapping[str, Signer], problems: list[str], where: str) -> tuple[str, str] | None:
    chain = chains.load(bundle.certificates, where=where)
    for name, signer in signers.items():
        if signer.root is None:
            continue
        try:
            key = chains.signer_key(chain, _roots(name, signer.root))
        except UntrustedError as error:
            problems.append(f"by '{name}', {error.what}")
            continue
        if not chains.is_one_of(chain[0], signer.identities):
            problems.append(f"by '{name}', only {', '.join(signer.identities)} may sign")
            continue
        if not keys.is_by(bundle, key):
            raise IntegrityError(f"{where}: the signature is not by the certificate that it brings along")
        return name, ", ".join(chains.identities(chain[0])) or "a certificate without a name"
    return None


def _roots(name: str, pem: str) -> list[x509.Certificate]:
    return keys.read_certificates(pem.encode(), where=f"signer '{name}'")
