"""Exchanges that failed on the way: what happened, and whether another try may help."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from http import HTTPStatus

import requests
import urllib3

from i4q_ai.errors import AuthError, I4qError, RegistryError, UnreachableError
from i4q_ai.retrying import TransientError

_TIMEOUTS = (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError)
_NOT_THERE = urllib3.exceptions.NewConnectionError  # which is made a timeout there
_BROKEN_OFF = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
_TRUST = "name its authority: SSL_CERT_FILE, or a .crt in its folder of I4Q_CERTIFICATES"
_SHOW = "does it want a certificate of ours? client.cert and client.key in its folder of I4Q_CERTIFICATES"
_DEEPEST = 20


def failure(error: BaseException, who: str) -> I4qError | TransientError:
    """The error to raise for one of requests, urllib3 or the system.

    Args:
        error: as it came.
        who: was asked, for the message.
    """
    chain = list(_chain(error))
    tls = next((one for one in chain if isinstance(one, ssl.SSLError)), None)
    if tls is not None and not isinstance(tls, _BROKEN_OFF):
        return _of_tls(tls, who)
    if any(isinstance(one, requests.exceptions.ProxyError | urllib3.exceptions.ProxyError) for one in chain):
        return _of_proxy(chain, who)
    if tls is not None:
        return _transient(f"{who} breaks off TLS", error, hint=_SHOW)
    if any(isinstance(one, _TIMEOUTS) and not isinstance(one, _NOT_THERE) for one in chain):
        return _transient(f"{who} does not answer in time", error)
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidHeader):
        return RegistryError(f"{who} names something that nobody can be asked for")
    return _transient(f"{who} {_reason(chain)}", error)


def _of_tls(tls: ssl.SSLError, who: str) -> I4qError:
    if isinstance(tls, ssl.SSLCertVerificationError):
        why = tls.verify_message
        return RegistryError(f"{who} has no certificate that we trust: {why}", hint=_TRUST)
    if "ALERT" in (tls.reason or ""):
        return AuthError(f"{who} breaks off TLS: {_words(tls)}", hint=_SHOW)
    hint = "is it one of plain http? name it in I4Q_PLAIN_HTTP" if tls.reason == "WRONG_VERSION_NUMBER" else ""
    return RegistryError(f"{who} does not speak TLS as we do: {_words(tls)}", hint=hint)


def _words(tls: ssl.SSLError) -> str:
    return (tls.reason or "unknown").replace("_", " ").lower()


def _of_proxy(chain: list[BaseException], who: str) -> I4qError | TransientError:
    """A proxy that refuses does so again; one that is away may come back."""
    told = " ".join(str(one) for one in chain)
    for status in HTTPStatus:
        if 400 <= status < 500 and f"Tunnel connection failed: {status.value} " in told:
            kind = AuthError if status in (401, 403, 407) else UnreachableError
            return kind(f"the proxy in front of {who} answers {status.value} {status.phrase}")
    return _transient(f"the proxy in front of {who} {_reason(chain)}", chain[0])


def _transient(what: str, error: BaseException, *, hint: str = "") -> TransientError:
    unreachable = UnreachableError(what, hint=hint)
    unreachable.__cause__ = error
    return TransientError(unreachable)


def _reason(chain: list[BaseException]) -> str:
    text = " ".join(str(one) for one in chain)
    if "refused" in text:
        return "refuses connections"
    if "resolve" in text:
        return "has no address that can be found"
    return "cut the connection"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and those that it was made of."""
    queue, seen = [error], 0
    while queue and seen < _DEEPEST:
        one = queue.pop(0)
        seen += 1
        yield one
        inner = [getattr(one, "reason", None), getattr(one, "original_error", None), *one.args, one.__cause__]
        queue += [each for each in inner if isinstance(each, BaseException)]
