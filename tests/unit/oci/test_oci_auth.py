"""Challenges, tokens and who may see a password."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai.deadline import Deadline
from i4q_ai.errors import AuthError, DeadlineError, RegistryError
from i4q_ai.oci.wire.auth import Authorizer
from i4q_ai.oci.wire.challenges import Challenge, challenges, merged, needed
from i4q_ai.oci.wire.credentials import Credentials
from i4q_ai.oci.wire.origins import Origin, need_trusted, origin_of
from i4q_ai.oci.wire.tokens import TokenCache

REGISTRY = origin_of("https://registry.example.com/v2/")
URL = "https://registry.example.com/v2/x/blobs/y"
REALM = 'Bearer realm="https://auth.example.com/token",service="s"'
BEARER = f'{REALM},scope="repository:x:pull"'
SOON = Deadline.after(60)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", []),
        ('Basic realm="a, b"', [Challenge("basic", {"realm": "a, b"})]),
        ("Basic realm=x", [Challenge("basic", {"realm": "x"})]),
        ("Basic", [Challenge("basic")]),
        (", ,Basic realm=x", [Challenge("basic", {"realm": "x"})]),
        ('Bearer realm = "https://a/t" , service = b', [Challenge("bearer", {"realm": "https://a/t", "service": "b"})]),
        (
            'Negotiate, Bearer realm="https://a/t", scope="r:x:pull,push" , Basic realm="q\\"q"',
            [
                Challenge("negotiate"),
                Challenge("bearer", {"realm": "https://a/t", "scope": "r:x:pull,push"}),
                Challenge("basic", {"realm": 'q"q'}),
            ],
        ),
        ("=?", []),
        ("realm=x", [Challenge("realm", {})][:0]),
    ],
)
def test_challenges(header: str, found: list[Challenge]) -> None:
    assert challenges(header) == found


@given(st.text(max_size=200))
def test_any_text_may_be_a_challenge(header: str) -> None:
    for challenge in challenges(header):
        assert challenge.scheme == challenge.scheme.lower()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Bearer", "Basic", "DPoP"]),
            st.dictionaries(st.sampled_from(["realm", "scope", "service", "error"]), st.text(max_size=20), min_size=1),
        ),
        max_size=3,
    )
)
def test_whatever_is_quoted_comes_back(written: list[tuple[str, dict[str, str]]]) -> None:
    def quoted(value: str) -> str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    texts = [f"{scheme} {', '.join(f'{k}={quoted(v)}' for k, v in params.items())}" for scheme, params in written]
    read = challenges(", ".join(texts))
    if not any("\n" in value or "\r" in value for _, params in written for value in params.values()):
        assert [(one.scheme, dict(one.params)) for one in read] == [(s.lower(), p) for s, p in written]


def test_merged_scopes() -> None:
    assert merged(["repository:b:pull", "repository:a:push,pull", "repository:b:push"]) == [
        "repository:a:pull,push",
        "repository:b:pull,push",
    ]


@pytest.mark.parametrize(
    ("method", "path", "scopes"),
    [
        ("GET", "/v2/", []),
        ("GET", "/v2/_catalog", []),
        ("HEAD", "/v2/a/b/blobs/sha256:1", ["repository:a/b:pull"]),
        ("GET", "/v2/a/b/manifests/1", ["repository:a/b:pull"]),
        ("GET", "/v2/a/b/tags/list?n=5", ["repository:a/b:pull"]),
        ("GET", "/v2/a/b/referrers/sha256:1", ["repository:a/b:pull"]),
        ("PUT", "/v2/a/b/manifests/1", ["repository:a/b:pull,push"]),
        ("POST", "/v2/a/b/blobs/uploads/", ["repository:a/b:pull,push"]),
        ("POST", "/v2/a/blobs/uploads/?mount=x&from=c/d", ["repository:a:pull,push", "repository:c/d:pull"]),
        ("GET", "/v2/a/b/blobs/uploads/1-2", ["repository:a/b:pull,push"]),
        ("DELETE", "/v2/a/b/blobs/uploads/1-2", ["repository:a/b:pull,push"]),
        ("DELETE", "/v2/a/b/manifests/sha256:1", ["repository:a/b:delete,pull"]),
        ("GET", "/v2/blobs/manifests/tags/manifests/1", ["repository:blobs/manifests/tags:pull"]),
    ],
)
def test_what_a_request_needs(method: str, path: str, scopes: list[str]) -> None:
    assert needed(method, f"https://registry.example.com{path}") == scopes


class _Service:
    """A token service that remembers what it was asked."""

    def __init__(self, life: Any = 300, *, refuses: Callable[[str | None], bool] = lambda _: False) -> None:
        self.asked: list[tuple[str, Mapping[str, Any], str | None]] = []
        self._life, self._refuses = life, refuses

    def __call__(
        self, realm: str, parameters: Mapping[str, Any], authorization: str | None, deadline: Deadline
    ) -> Mapping[str, Any]:
        self.asked.append((realm, parameters, authorization))
        if self._refuses(authorization):
            raise AuthError("wrong password")
        return {"token": f"t{len(self.asked)}", "expires_in": self._life}


class _Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class _Asker:
    """One registry, and a short way to ask for a header."""

    def __init__(self, service: _Service, who: Credentials | Callable[[], Credentials] = Credentials()) -> None:  # noqa: B008
        self.clock = _Clock()
        self.cache = TokenCache(self.clock)
        self.auth = Authorizer(REGISTRY, who, service, self.cache)

    def header(self, url: str = URL, method: str = "GET") -> str | None:
        return self.auth.header(method, url, SOON)

    def answer(self, header: str, tried: str | None, method: str = "GET", url: str = URL) -> str | None:
        return self.auth.answer(header, tried, method, url, SOON)


def test_bearer_is_only_for_the_registry() -> None:
    service = _Service()
    one = _Asker(service, Credentials("press", "oil"))
    assert one.header() is None
    assert one.answer(BEARER, None) == "Bearer t1"
    assert one.header() == "Bearer t1"
    for other in ("https://cdn.example.com/x", "http://registry.example.com/x", "https://registry.example.com:444/x"):
        assert one.header(other) is None
    assert one.header("https://REGISTRY.example.com:443/v2/x/blobs/y") == "Bearer t1"
    assert service.asked[0][0] == "https://auth.example.com/token"
    assert service.asked[0][2] == "Basic cHJlc3M6b2ls"


def test_what_is_needed_is_asked_for_without_another_refusal() -> None:
    service = _Service()
    one = _Asker(service)
    one.answer(BEARER, None)
    assert one.header("https://registry.example.com/v2/x/blobs/uploads/", "POST") == "Bearer t2"
    assert service.asked[1][1]["scope"] == ["repository:x:pull,push"]
    assert one.header("https://registry.example.com/v2/z/blobs/y") == "Bearer t3"
    assert service.asked[2][1]["scope"] == ["repository:z:pull"], "a token is for what it is used for"


def test_what_is_wanted_comes_with_the_first_token() -> None:
    service = _Service()
    one = _Asker(service)
    one.auth.want(["repository:x:pull,push"])
    one.answer(BEARER, None)
    assert one.header("https://registry.example.com/v2/x/blobs/uploads/", "POST") == "Bearer t1"
    assert [parameters["scope"] for _, parameters, _ in service.asked] == [["repository:x:pull,push"]]


def test_mount_asks_for_the_source_too() -> None:
    service = _Service()
    one = _Asker(service)
    one.answer(BEARER, None)
    one.header("https://registry.example.com/v2/x/blobs/uploads/?mount=sha256:1&from=y", "POST")
    assert service.asked[1][1]["scope"] == ["repository:x:pull,push", "repository:y:pull"]


def test_wider_scope_of_a_refusal_is_merged_once() -> None:
    service = _Service()
    one = _Asker(service)
    one.answer(BEARER, None)
    wider = f'{REALM},scope="repository:x:pull,push"'
    assert one.answer(wider, "Bearer t1") == "Bearer t2"
    assert service.asked[1][1]["scope"] == ["repository:x:pull,push"]
    assert one.header() == "Bearer t2", "and kept"


def test_threads_share_one_request() -> None:
    both = threading.Barrier(8)
    service = _Service()
    one = _Asker(service)

    def ask(_: int) -> str | None:
        both.wait(30)
        return one.answer(BEARER, None)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {"Bearer t1"}
    assert len(service.asked) == 1


def test_who_waits_for_another_thread_does_so_within_its_deadline() -> None:
    asked, done = threading.Event(), threading.Event()

    def slow(*_: object) -> Mapping[str, Any]:
        asked.set()
        done.wait(60)
        return {"token": "t"}

    auth = Authorizer(REGISTRY, Credentials(), slow, TokenCache())
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(auth.answer, BEARER, None, "GET", URL, SOON)
        asked.wait(60)
        with pytest.raises(DeadlineError):
            auth.answer(BEARER, None, "GET", URL, Deadline.after(0.01))
        done.set()
        assert first.result(60) == "Bearer t"


@pytest.mark.parametrize(
    ("life", "good", "over"),
    [(60, 49, 51), (4, 2.9, 3.1), (None, 49, 51), ("9", 49, 51), (-1, 49, 51), (True, 49, 51), (1e300, 86_000, 86_400)],
)
def test_token_is_renewed_before_it_expires(life: Any, good: float, over: float) -> None:
    one = _Asker(_Service(life=life))
    one.answer(BEARER, None)
    one.clock.now = 1000 + good
    assert one.header() == "Bearer t1"
    one.clock.now = 1000 + over
    assert one.header() == "Bearer t2"


def test_refused_token_is_fetched_anew() -> None:
    one = _Asker(_Service())
    assert one.answer(BEARER, None) == "Bearer t1"
    assert one.answer(BEARER, "Bearer t1") == "Bearer t2"


def test_tokens_of_one_identity_are_not_another_s() -> None:
    service = _Service()
    one = _Asker(service, Credentials("press", "oil"))
    other = Authorizer(REGISTRY, Credentials("paint", "red"), service, one.cache)
    one.answer(BEARER, None)
    assert other.header("GET", URL, SOON) == "Bearer t2"
    assert one.header() == "Bearer t1"


def test_cache_is_bounded() -> None:
    one = _Asker(_Service())
    one.answer(BEARER, None)
    for number in range(3000):
        one.header(f"https://registry.example.com/v2/x{number}/blobs/y")
    assert len(one.cache._slots) <= 1000


def test_basic_refused_once_is_not_tried_again() -> None:
    one = _Asker(_Service(), Credentials("press", "oil"))
    tried = one.answer('Basic realm="x"', None)
    assert tried == "Basic cHJlc3M6b2ls"
    assert one.header() == tried
    assert one.answer('Basic realm="x"', tried) is None
    assert _Asker(_Service()).answer('Basic realm="x"', None) is None


def test_second_of_two_schemes() -> None:
    both = f'Negotiate, Basic realm="x", {BEARER}'
    assert _Asker(_Service()).answer(both, None) == "Bearer t1"
    assert _Asker(_Service(), Credentials("press", "oil")).answer(both, None) == "Basic cHJlc3M6b2ls"


def test_password_that_has_expired_is_asked_for_again() -> None:
    kept = [Credentials("AWS", "old"), Credentials("AWS", "old"), Credentials("AWS", "new")]
    one = _Asker(_Service(), lambda: kept.pop(0))
    old = one.answer("Basic", None)
    assert one.answer("Basic", old) is None, "the helper still gives the old one"
    new = one.answer("Basic", old)
    assert new not in (None, old)
    assert one.header() == new
    assert not kept


def test_password_that_the_token_service_refuses_is_asked_for_again() -> None:
    service = _Service(refuses=lambda authorization: authorization == "Basic QVdTOm9sZA==")
    kept = [Credentials("AWS", "old"), Credentials("AWS", "new")]
    one = _Asker(service, lambda: kept.pop(0))
    assert one.answer(BEARER, None) == "Bearer t2"
    with pytest.raises(AuthError, match="wrong password"):
        _Asker(service, lambda: Credentials("AWS", "old")).answer(BEARER, None)


def test_a_token_service_that_is_no_more_is_forgotten() -> None:
    away = [False]
    service = _Service(refuses=lambda _: away[0])
    one = _Asker(service)
    assert one.answer(BEARER, None) == "Bearer t1"
    one.clock.now, away[0] = one.clock.now + 3600, True
    assert one.header() is None, "the registry may want something else by now"
    away[0] = False
    assert one.answer('Bearer realm="https://new.example.com/token"', None) == "Bearer t3"
    assert [realm for realm, _, _ in service.asked][-1] == "https://new.example.com/token"


def test_credentials_are_not_looked_for_before_somebody_asks() -> None:
    looked: list[int] = []

    def find() -> Credentials:
        looked.append(1)
        return Credentials()

    one = _Asker(_Service(), find)
    one.header()
    assert not looked
    one.answer(BEARER, None)
    one.answer(BEARER, None)
    assert len(looked) == 1


def test_identity_token_is_posted() -> None:
    service = _Service()
    _Asker(service, Credentials(identity_token="r")).answer(BEARER, None)
    _, form, authorization = service.asked[0]
    assert (form["grant_type"], form["refresh_token"], authorization) == ("refresh_token", "r", None)
    assert (form["service"], form["scope"]) == ("s", "repository:x:pull")


def test_registry_token_is_used_as_it_is() -> None:
    service = _Service()
    one = _Asker(service, Credentials(registry_token="as-it-is"))
    assert one.answer(BEARER, None) == "Bearer as-it-is"
    assert one.answer(BEARER, "Bearer as-it-is") is None
    assert not service.asked


@pytest.mark.parametrize("answer", [{}, {"token": 5}, {"token": ""}, {"token": "a\r\nX: y"}, {"access_token": "é"}])
def test_answers_without_a_token(answer: Mapping[str, Any]) -> None:
    auth = Authorizer(REGISTRY, Credentials(), lambda *_: answer, TokenCache())
    with pytest.raises(AuthError, match="gave no token"):
        auth.answer(BEARER, None, "GET", URL, SOON)


@pytest.mark.parametrize(
    "realm",
    [
        "http://auth.example.com/token",
        "https://169.254.169.254/token",
        "https://127.0.0.1/token",
        "https://127.1/token",
        "https://2130706433/token",
        "https://0x7f000001/token",
        "https://0177.0.0.1/token",
        "https://10.0.0.8/token",
        "https://100.100.100.200/token",
        "https://[::1]/token",
        "https://[::ffff:10.0.0.8]/token",
        "https://[fd00::1]/token",
        "https://[fe80::1]/token",
        "https://0.0.0.0/token",
        "https://localhost/token",
        "https://localhost./token",
        "https://a.localhost/token",
        "https://user:secret@auth.example.com/token",
        "https://auth.example.com:port/token",
        "file:///etc/passwd",
        "",
    ],
)
def test_realms_that_get_no_password(realm: str) -> None:
    with pytest.raises(AuthError) as refused:
        need_trusted(realm, REGISTRY)
    assert "secret" not in str(refused.value)


def test_realms_that_may() -> None:
    need_trusted("https://auth.docker.io/token", REGISTRY)
    need_trusted("https://8.8.8.8/token", REGISTRY)
    need_trusted("http://127.0.0.1:5001/token", Origin("http", "127.0.0.1", 5000))
    need_trusted("https://10.0.0.8/token", Origin("https", "10.0.0.8", 443))
    need_trusted("http://registry.factory/token", Origin("http", "registry.factory", 5000))


def test_untrusted_realm_is_never_asked() -> None:
    service = _Service()
    with pytest.raises(AuthError):
        _Asker(service).answer('Bearer realm="https://169.254.169.254/"', None)
    assert not service.asked


@pytest.mark.parametrize("url", ["ftp://x/y", "x", "", "https://", "https://host:port/", "https://me:secret@x/"])
def test_no_origin(url: str) -> None:
    with pytest.raises(RegistryError) as refused:
        origin_of(url)
    assert "secret" not in str(refused.value)


def test_port_nought_is_not_the_usual_one() -> None:
    assert origin_of("https://x:0/") != origin_of("https://x/")
