"""Signatures: statements about files, who made them, and the policy that says whether that is enough.

In the format of OpenSSF Model Signing (a Sigstore bundle around an in-toto statement), by keys and by certificates.
Cheap to import; what a call needs is imported by the call.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from i4q_ai.errors import InvalidError
from i4q_ai.model import Model
from i4q_ai.trust import Trust
from i4q_ai.workload import Workload

if TYPE_CHECKING:
    from i4q_ai.oci.signing.verifying import Signature


def sign(
    what: str | Model | Workload,
    key: str | Path,
    *,
    passphrase: str | None = None,
    chain: Sequence[str | Path] = (),
    timeout: float = 60,
) -> str:
    """Attach signatures to what is pushed.

    Args:
        what: it, or its reference: `host/repository[:tag]`, `oci:FOLDER[:tag]`, or by digest; a tag is resolved now.
        key: PEM file of a private key.
        passphrase: if the key is encrypted.
        chain: PEM files of certificates, the signer's first.
        timeout: in seconds.

    Returns:
        The reference by digest.

    Raises:
        InvalidError: it is not pushed yet.
    """
    from i4q_ai.oci.signing import artifacts
    from i4q_ai.oci.signing.keys import SigningKey

    read = SigningKey.read(Path(key), passphrase=passphrase, chain=[Path(each) for each in chain])
    return artifacts.sign(_reference(what), read, timeout=timeout)


def verify(what: str | Model | Workload, trust: Trust | str | Path, *, timeout: float = 60) -> Signature | None:
    """Check who signed what is pushed, and its format, against a policy; None where it needs no signature.

    Args:
        what: as for `sign`.
        trust: the policy, or its file.
        timeout: in seconds.

    Raises:
        UntrustedError: the policy does not let it in.
    """
    from i4q_ai.oci.signing import artifacts

    policy = trust if isinstance(trust, Trust) else Trust.read(Path(trust))
    return artifacts.verify(_reference(what), policy, timeout=timeout)


def _reference(thing: str | Model | Workload) -> str:
    """The reference of a thing; of a workload that is an image, that image."""
    if isinstance(thing, str):
        return thing
    reference = thing.reference or (thing.image if isinstance(thing, Workload) else None)
    if reference is None:
        raise InvalidError(
            f"{type(thing).__name__.lower()} {thing.name} {thing.version} is not pushed yet", hint="push it first"
        )
    return reference
