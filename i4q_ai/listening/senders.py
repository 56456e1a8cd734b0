"""Whether a webhook comes from whom it should: each sender's proof as that sender documents it. Pure; constant time.

| sender | proof | which delivery it is |
|---|---|---|
| `github` | `X-Hub-Signature-256`: HMAC-SHA256 of the body | `X-GitHub-Delivery` |
| `gitea`, also Forgejo | `X-Gitea-Signature`: the same in plain hex | `X-Gitea-Delivery` |
| `gitlab` | a signing token (`whsec_…`): as `standard`; else `X-Gitlab-Token` | `webhook-id`, `Idempotency-Key` |
| `standard` | `webhook-signature`: standardwebhooks.com, with a time | `webhook-id` |
| `registry` | `Authorization`: as it is given to the registry (distribution, Harbor, zot) | the body |
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from i4q_ai.listening.rules import Sender

TOLERANCE = 300.0
"""Seconds that the time of a delivery may differ from ours."""
_SIGNING = "whsec_"


class Refused(Exception):
    """A delivery that is not accepted.

    Args:
        status: of HTTP.
        why: for the sender; says nothing that helps to forge.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


@dataclass(frozen=True)
class Request:
    """What came in.

    Args:
        headers: in lower case.
        body: as it came.
    """

    headers: Mapping[str, str]
    body: bytes


def verify(sender: Sender, secrets: Iterable[bytes], request: Request, *, now: float) -> tuple[str, ...]:
    """Refuse what is not proven to come from the sender.

    Args:
        sender: who should have sent it.
        secrets: shared with it; one that fits is enough.
        request: what came.
        now: seconds since 1970.

    Returns:
        What this delivery is known by: nothing else may ever come under any of it.

    Raises:
        Refused: no proof, a wrong one, or one of another time.
    """
    proves = _PROOFS[sender]
    # All of them are tried, so that the time does not tell which.
    fitting = [secret for secret in secrets if secret and proves(secret, request)]
    if not fitting:
        raise Refused(401, "not signed, or not by whom it should")
    if _is_timed(sender, fitting[0]):
        _need_recent(request, now)
    return tuple(_names(sender, request))


def _github(secret: bytes, request: Request) -> bool:
    return _same(f"sha256={_hex(secret, request.body)}", request.headers.get("x-hub-signature-256", ""))


def _gitea(secret: bytes, request: Request) -> bool:
    given = request.headers.get("x-gitea-signature") or request.headers.get("x-forgejo-signature", "")
    return _same(_hex(secret, request.body), given)


def _gitlab(secret: bytes, request: Request) -> bool:
    if secret.startswith(_SIGNING.encode()):
        return _standard(secret, request)
    return _same(secret, request.headers.get("x-gitlab-token", ""))


def _standard(secret: bytes, request: Request) -> bool:
    headers = request.headers
    head = f"{headers.get('webhook-id', '')}.{headers.get('webhook-timestamp', '')}."
    digest = hmac.digest(_key(secret), head.encode() + request.body, "sha256")
    wanted = f"v1,{base64.b64encode(digest).decode()}"
    given = headers.get("webhook-signature", "").split()[:16]
    return bool([each for each in given if _same(wanted, each)])


def _registry(secret: bytes, request: Request) -> bool:
    given = request.headers.get("authorization", "")
    plain = _same(secret, given)
    return _same(b"Bearer " + secret, given) or plain


_PROOFS: Mapping[Sender, Callable[[bytes, Request], bool]] = {
    "github": _github,
    "gitea": _gitea,
    "gitlab": _gitlab,
    "standard": _standard,
    "registry": _registry,
}


def _is_timed(sender: Sender, secret: bytes) -> bool:
    return sender == "standard" or (sender == "gitlab" and secret.startswith(_SIGNING.encode()))


def _need_recent(request: Request, now: float) -> None:
    told = request.headers.get("webhook-timestamp", "")
    if not (told.isascii() and told.isdigit() and len(told) < 16) or abs(int(told) - now) > TOLERANCE:
        raise Refused(401, f"its time is more than {TOLERANCE:g} s away; are the clocks right?")


def _names(sender: Sender, request: Request) -> Iterable[str]:
    headers = request.headers
    ids = {
        "github": ("x-github-delivery",),
        "gitea": ("x-gitea-delivery", "x-forgejo-delivery"),
        "gitlab": ("webhook-id", "idempotency-key"),
        "standard": ("webhook-id",),
        "registry": (),
    }[sender]
    yield from (f"id {headers[each][:200]}" for each in ids if headers.get(each))
    # What is signed is the body: an id beside it can be exchanged by whoever repeats the delivery.
    timed = headers.get("webhook-timestamp", "") if sender in ("standard", "gitlab") else ""
    yield f"body {timed} {hashlib.sha256(request.body).hexdigest()}"


def _key(secret: bytes) -> bytes:
    text = secret.removeprefix(_SIGNING.encode())
    if text == secret:
        return secret
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return secret


def _hex(secret: bytes, body: bytes) -> str:
    return hmac.new(secret, body, "sha256").hexdigest()


def _same(wanted: str | bytes, given: str) -> bool:
    ours = wanted.encode() if isinstance(wanted, str) else wanted
    return hmac.compare_digest(ours, given.encode("utf-8", "surrogateescape"))
