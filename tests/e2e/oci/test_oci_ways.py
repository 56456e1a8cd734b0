"""Ways to a registry: certificates of both sides, proxies, and the doors of a real one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from urllib3.exceptions import InsecureRequestWarning

from i4q_ai import oci
from i4q_ai.deadline import Deadline
from i4q_ai.errors import AuthError, InvalidError, RegistryError, UnreachableError
from i4q_ai.model import Model
from i4q_ai.oci.wire.credentials import Credentials
from i4q_ai.oci.wire.transport import Transport
from i4q_ai.testing.fake_registry import FakeRegistry
from tests.e2e.oci.accounts import HTPASSWD, PASSWORD, USER
from tests.e2e.oci.holding import a_model, log_in
from tests.testbed.certificates import Authority
from tests.testbed.proxy import Proxy
from tests.testbed.registry import Registry
from tests.testbed.tokens import TokenServer

_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("i4q_ai.retrying.FIRST_WAIT", 0.001)
    for name in (*_VARIABLES, *(name.lower() for name in _VARIABLES)):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("I4Q_CERTIFICATES", str(tmp_path / "certificates"))


class Files:
    """An authority, a server's certificate and a client's, as files."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.authority, authority, _ = Authority.written(folder, "authority")
        server = self.authority.server("registry", ["127.0.0.1", "localhost"]).write(folder, "server")
        client = self.authority.client("edge").write(folder, "client")
        self.ca = str(authority)
        self.server = str(server[0]), str(server[1])
        self.client = str(client[0]), str(client[1])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("pki") / "files")


@pytest.fixture
def secure(files: Files) -> Iterator[FakeRegistry]:
    with FakeRegistry(certificate=files.server) as registry:
        yield registry


def _ask(host: str, **options: object) -> int:
    """The status of the first question."""
    http = Transport(host, Credentials(), **options)  # type: ignore[arg-type]
    with http.request("GET", f"{http.base}/v2/", Deadline.after(60)) as response:
        return response.status_code


def _folder(tmp_path: Path, host: str, files: Files, *, client: bool = False) -> None:
    """What docker and podman know of a registry's certificates."""
    folder = tmp_path / "certificates" / host
    folder.mkdir(parents=True)
    (folder / "factory.crt").symlink_to(files.ca)
    if client:
        (folder / "client.cert").symlink_to(files.client[0])
        (folder / "client.key").symlink_to(files.client[1])


def test_authority_as_an_argument(secure: FakeRegistry, files: Files) -> None:
    assert _ask(secure.host, verify=files.ca) == 200


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_authority_of_the_environment(
    name: str, secure: FakeRegistry, files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "certificates" / secure.host).mkdir(parents=True)
    with pytest.raises(RegistryError, match="no certificate that we trust"):
        _ask(secure.host)
    monkeypatch.setenv(name, files.ca)
    assert _ask(secure.host) == 200


def test_authority_as_an_argument_wins_over_the_environment(
    secure: FakeRegistry, files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Files(tmp_path / "other")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", files.ca)
    with pytest.raises(RegistryError, match="no certificate that we trust"):
        _ask(secure.host, verify=other.ca)


def test_wrong_authority_is_refused_at_once_and_gets_nothing(secure: FakeRegistry, tmp_path: Path) -> None:
    _folder(tmp_path, secure.host, Files(tmp_path / "other"))
    with pytest.raises(RegistryError, match="no certificate that we trust") as refused:
        _ask(secure.host)
    assert "I4Q_CERTIFICATES" in refused.value.hint
    assert not secure.requests


def test_certificate_of_another_host_is_refused(files: Files, tmp_path: Path) -> None:
    other = files.authority.server("other", ["other.test"]).write(tmp_path, "other")
    with (
        FakeRegistry(certificate=(str(other[0]), str(other[1]))) as registry,
        pytest.raises(RegistryError, match="no certificate that we trust"),
    ):
        _ask(registry.host, verify=files.ca)


def test_no_verification_when_asked(secure: FakeRegistry, tmp_path: Path) -> None:
    (tmp_path / "certificates" / secure.host).mkdir(parents=True)
    with pytest.warns(InsecureRequestWarning):
        assert _ask(secure.host, verify=False) == 200


def test_real_registry_with_tls_by_its_folder(files: Files, tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    storage.mkdir()
    model = a_model(tmp_path / "model")
    with Registry(storage, authority=files.authority) as registry:
        with pytest.raises(RegistryError):  # it answers plain http with 400
            model.push(f"{registry.host}/x", timeout=60)
        _folder(tmp_path, registry.host, files)
        pushed = model.push(f"{registry.host}/x")
        assert oci.fetch([str(pushed.reference)], pushed.digest, tmp_path / "tree", timeout=60).digest == pushed.digest


def test_our_certificate_is_shown_to_the_registry(files: Files, tmp_path: Path) -> None:
    with FakeRegistry(certificate=files.server, clients=files.ca) as registry:
        with pytest.raises((AuthError, UnreachableError), match="breaks off TLS") as refused:
            _ask(registry.host, verify=files.ca)
        assert "client.cert" in refused.value.hint
        assert _ask(registry.host, verify=files.ca, client=files.client) == 200
        _folder(tmp_path, registry.host, files, client=True)
        assert _ask(registry.host) == 200


def test_our_certificate_is_shown_to_nobody_else(files: Files, tmp_path: Path) -> None:
    """A store that wants one, to which the registry redirects, gets none."""
    with (
        FakeRegistry(certificate=files.server, clients=files.ca) as store,
        FakeRegistry(certificate=files.server, clients=files.ca) as registry,
    ):
        registry.when("GET", "", lambda exchange: exchange.answer(307, b"", {"Location": f"{store.url}/v2/"}))
        with pytest.raises((AuthError, UnreachableError), match=f"where registry {registry.host} sends us"):
            _ask(registry.host, verify=files.ca, client=files.client)
        assert registry.requests
        assert not store.requests


@pytest.mark.parametrize(
    "options",
    [
        {"verify": "/nowhere.crt"},
        {"verify": __file__},
        {"client": ("/nowhere.cert", "/nowhere.key")},
        {"proxy": "socks5://x:1"},
        {"proxy": "proxy"},
        {"proxy": "http://x:port"},
    ],
)
def test_bad_input_is_refused_before_anything_is_asked(options: dict[str, object]) -> None:
    with pytest.raises(InvalidError):
        Transport("registry.test", Credentials(), **options)  # type: ignore[arg-type]


def test_key_with_a_password_does_not_ask_the_terminal(files: Files, tmp_path: Path) -> None:
    key = serialization.load_pem_private_key(Path(files.client[1]).read_bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(InvalidError, match="no certificate with its key"):
        Transport("registry.test", Credentials(), client=(files.client[0], str(locked)))


def test_proxy_as_an_argument(secure: FakeRegistry, files: Files) -> None:
    with Proxy(account="press:oil") as proxy:
        assert _ask(secure.host, verify=files.ca, proxy=proxy.url) == 200
        assert proxy.asked == [f"CONNECT {secure.host}"]


def test_proxy_of_the_environment(files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a name that only the proxy knows; whatever NO_PROXY names goes without."""
    pair = files.authority.server("registry", ["registry.test"]).write(tmp_path, "named")
    with (
        FakeRegistry(certificate=(str(pair[0]), str(pair[1]))) as registry,
        Proxy(hosts={"registry.test": "127.0.0.1"}) as proxy,
    ):
        port = registry.host.rpartition(":")[2]
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("SSL_CERT_FILE", files.ca)
        assert _ask(f"registry.test:{port}") == 200
        assert proxy.asked == [f"CONNECT registry.test:{port}"]
        monkeypatch.setenv("NO_PROXY", "registry.test")
        with pytest.raises(UnreachableError, match="no address"):
            _ask(f"registry.test:{port}")


def test_plain_registry_behind_a_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeRegistry() as registry, Proxy(hosts={"registry.test": "127.0.0.1"}) as proxy:
        host = f"registry.test:{registry.host.rpartition(':')[2]}"
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("I4Q_PLAIN_HTTP", host)
        pushed = a_model(tmp_path / "model").push(f"{host}/x")
        assert oci.fetch([str(pushed.reference)], pushed.digest, tmp_path / "tree", timeout=60).digest == pushed.digest
        assert proxy.asked


def test_this_machine_is_asked_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeRegistry() as registry, Proxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        assert _ask(registry.host) == 200
        assert not proxy.asked


def test_proxy_that_wants_another_password(secure: FakeRegistry, files: Files) -> None:
    with Proxy(account="press:oil") as proxy:
        wrong = proxy.url.replace("press:oil", "press:water")
        with pytest.raises((UnreachableError, AuthError), match="proxy") as refused:
            _ask(secure.host, verify=files.ca, proxy=wrong)
        assert "water" not in str(refused.value)
        assert len(proxy.asked) == 1, "another try would not help"


def test_password_of_a_real_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = tmp_path / "storage"
    storage.mkdir()
    with Registry(storage, htpasswd=HTPASSWD) as registry:
        model = a_model(tmp_path / "model")
        log_in(monkeypatch, tmp_path, registry.host, USER, "not-this-one")
        with pytest.raises(AuthError) as wrong:
            model.push(f"{registry.host}/x")
        assert "not-this-one" not in str(wrong.value)
        log_in(monkeypatch, tmp_path, registry.host, USER, PASSWORD)
        assert Model.from_oci(str(model.push(f"{registry.host}/x").reference)).name == "tool-wear"


@pytest.mark.parametrize("lifetime", [300, 2])
def test_tokens_of_a_real_registry(lifetime: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two seconds: what is fetched from the cache is always about to expire, and is renewed before it is used."""
    storage = tmp_path / "storage"
    storage.mkdir()
    with TokenServer({USER: PASSWORD}, lifetime=lifetime) as tokens, Registry(storage, tokens=tokens) as registry:
        model = a_model(tmp_path / "model")
        with pytest.raises(AuthError):
            model.push(f"{registry.host}/x")
        tokens.given.clear()
        log_in(monkeypatch, tmp_path, registry.host, USER, PASSWORD)
        pushed = model.push(f"{registry.host}/x")
        assert set(tokens.given) == {"repository:x:pull,push"}
        if lifetime == 300:
            assert len(tokens.given) == 1
        oci.fetch([str(pushed.reference)], pushed.digest, tmp_path / "tree", timeout=60)
