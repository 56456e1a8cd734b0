"""Webhooks: each sender's own proof, by its documented example where there is one."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from i4q_ai.listening.senders import Refused, Request, verify

BODY = b'{"ref": "refs/heads/main"}'
SECRET = b"It's a Secret to Everybody"
NOW = 1_700_000_000.0


def signed(body: bytes = BODY, secret: bytes = SECRET) -> str:
    return hmac.new(secret, body, hashlib.sha256).hexdigest()


def standard(secret: str, *, id: str = "msg_1", at: float = NOW, body: bytes = BODY) -> dict[str, str]:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{id}.{at:.0f}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": id,
        "webhook-timestamp": f"{at:.0f}",
        "webhook-signature": f"v1,bm90aGluZw== v1,{base64.b64encode(mac).decode()}",
    }


def refused(sender: str, headers: dict[str, str], *, body: bytes = BODY, secret: bytes = SECRET) -> int:
    with pytest.raises(Refused) as error:
        verify(sender, [secret], Request(headers, body), now=NOW)  # type: ignore[arg-type]
    assert secret.decode() not in error.value.why
    return error.value.status


def test_github_by_the_example_of_its_documentation() -> None:
    headers = {"x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}
    assert verify("github", [SECRET], Request(headers, b"Hello, World!"), now=NOW)
    assert refused("github", headers, body=b"Hello, World?") == 401


def test_standard_by_the_example_of_its_documentation() -> None:
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    request = Request(headers, b'{"test": 2432232314}')
    names = verify("standard", [b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], request, now=1614265330 + 60)
    assert "id msg_p5jXN8AQM9LWM0D4loKWxJek" in names


@pytest.mark.parametrize(
    ("sender", "headers"),
    [
        ("github", {"x-hub-signature-256": f"sha256={signed()}"}),
        ("gitea", {"x-gitea-signature": signed()}),
        ("gitea", {"x-forgejo-signature": signed()}),
        ("gitlab", {"x-gitlab-token": SECRET.decode()}),
        ("registry", {"authorization": SECRET.decode()}),
        ("registry", {"authorization": f"Bearer {SECRET.decode()}"}),
    ],
)
def test_each_proof_and_its_counterfeits(sender: str, headers: dict[str, str]) -> None:
    assert verify(sender, [b"old", SECRET], Request(headers, BODY), now=NOW)  # type: ignore[arg-type]
    name, proof = next(iter(headers.items()))
    for wrong in ("", proof[:-1], proof + "0", proof.swapcase(), "sha256=", "\udcff\udcfe", "ü"):
        assert refused(sender, {name: wrong}) == 401
    assert refused(sender, {}) == 401


@pytest.mark.parametrize("sender", ["github", "gitea", "standard", "gitlab", "registry"])
def test_an_empty_secret_lets_nobody_in(sender: str) -> None:
    headers = {"x-hub-signature-256": f"sha256={signed(secret=b'')}", "x-gitea-signature": signed(secret=b"")}
    with pytest.raises(Refused):
        verify(sender, [b""], Request({**headers, "x-gitlab-token": "", "authorization": ""}, BODY), now=NOW)  # type: ignore[arg-type]


TOKEN = "whsec_" + base64.b64encode(b"k" * 32).decode()


@pytest.mark.parametrize("sender", ["standard", "gitlab"])
def test_a_signature_with_a_time(sender: str) -> None:
    assert verify(sender, [TOKEN.encode()], Request(standard(TOKEN), BODY), now=NOW + 299)  # type: ignore[arg-type]
    for late in (standard(TOKEN, at=NOW - 301), standard(TOKEN, at=NOW + 301)):
        assert refused(sender, late, secret=TOKEN.encode()) == 401
    # Neither its time nor its id can be exchanged.
    for name, wrong in (("webhook-timestamp", f"{NOW + 1:.0f}"), ("webhook-id", "msg_2"), ("webhook-timestamp", "x")):
        assert refused(sender, {**standard(TOKEN), name: wrong}, secret=TOKEN.encode()) == 401


def test_a_signing_token_of_gitlab_is_not_taken_in_plain() -> None:
    assert refused("gitlab", {"x-gitlab-token": TOKEN}, secret=TOKEN.encode()) == 401


def test_a_repeated_body_is_known_whatever_its_id_says() -> None:
    def names(id: str) -> set[str]:
        headers = {"x-hub-signature-256": f"sha256={signed()}", "x-github-delivery": id}
        return set(verify("github", [SECRET], Request(headers, BODY), now=NOW))

    assert names("a") & names("b")
