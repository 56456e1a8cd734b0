"""TLS contexts, one for all connections that trust and show the same: each costs memory and time to make."""

from __future__ import annotations

import hashlib
import ssl
import threading
import weakref
from pathlib import Path

from i4q_ai.errors import InvalidError

_lock = threading.Lock()
_shared: weakref.WeakValueDictionary[tuple[str, ...], ssl.SSLContext] = weakref.WeakValueDictionary()


def context(*, verify: bool, authority: str | None, certificate: str | None, key: str | None) -> ssl.SSLContext:
    """The context for these files; the same one while somebody uses it and the files hold the same.

    Args:
        verify: the server's certificate and name.
        authority: a file of certificates to trust; None: those of the system.
        certificate: a file with the client's certificate.
        key: a file with its key.

    Raises:
        InvalidError: a file is not there, or not what it should be.
    """
    try:
        kept = (str(verify), *(_digest(path) for path in (authority, certificate, key)))
        with _lock:
            made = _shared.get(kept)
            if made is None:
                made = _shared[kept] = _make(verify, authority, certificate, key)
            return made
    except (OSError, ssl.SSLError) as error:
        what = getattr(error, "strerror", None) or type(error).__name__
        raise InvalidError(f"the certificates of the kubeconfig cannot be used: {what}") from error


def _digest(path: str | None) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest() if path else ""


def _make(verify: bool, authority: str | None, certificate: str | None, key: str | None) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    elif authority:
        made.load_verify_locations(cafile=authority)
    else:
        made.load_default_certs()
    if certificate:
        made.load_cert_chain(certificate, key)
    return made
