"""How a registry is reached: certificates, proxies, pooled connections, and nothing that is remembered or assumed."""

from __future__ import annotations

import functools
import os
import ssl
from collections.abc import Sequence
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.ssl_ import create_urllib3_context

from i4q_ai import config
from i4q_ai.errors import InvalidError
from i4q_ai.oci.reference import is_loopback
from i4q_ai.oci.wire.connections import POOLS

CONNECT_TIMEOUT = 10.0
THREADS = 16
"""Connections to one host that are kept for the next request."""

_BUNDLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class Sessions:
    """Two sessions for one registry: its own, which shows our certificate, and one for all others, which does not.

    Args:
        host: `host[:port]` of the registry.
        secure: it is spoken to by https.
        verify: False, or a file of certificates to trust instead of the system's and those of the host's folder.
        client: files with our certificate and its key, maybe the same; else those of the host's folder.
        proxy: URL of one; else as the environment says. There is none for this machine.
    """

    def __init__(
        self, host: str, *, secure: bool, verify: bool | str, client: tuple[str, str] | None, proxy: str | None
    ) -> None:
        folder = folder_of(host)
        if verify is True:
            verify = next((os.environ[name] for name in _BUNDLES if os.environ.get(name)), True)
        authorities = sorted(folder.glob("*.crt")) if folder and verify is True else []
        if secure and verify:
            _need_readable(authorities if verify is True else [Path(verify)])
        shown = client or (_pair(folder) if folder else None)
        if shown:
            _need_pair(shown)
        through = _Way(_need_proxy(proxy), trust_env=proxy is None and not is_loopback(host))
        context = _context(authorities) if secure and verify is True else None
        self.own = _session(through, verify, context, shown)
        self.other = _session(through, verify, _context(authorities) if context else None, None) if shown else self.own


class _Way(NamedTuple):
    """The proxy that was asked for; without one, maybe those of the environment."""

    proxy: str | None
    trust_env: bool


def folder_of(host: str) -> Path | None:
    """Where the certificates of a host lie, as docker and podman have them."""
    return next((path for path in (base / host for base in config.certificates()) if path.is_dir()), None)


def _pair(folder: Path) -> tuple[str, str] | None:
    for certificate in sorted(folder.glob("*.cert")):
        return str(certificate), str(certificate.with_suffix(".key"))
    return None


def _need_readable(bundles: Sequence[Path]) -> None:
    for path in bundles:
        try:
            _read(path, path.stat().st_mtime_ns)
        except (OSError, ValueError) as error:
            hint = "a file of certificates in PEM"
            raise InvalidError(f"{path}: no certificates that could be trusted can be read", hint=hint) from error


@functools.lru_cache(maxsize=64)
def _read(path: Path, _changed: int) -> None:
    """Once for each state of a file: some hold hundreds of certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(capath=path) if path.is_dir() else context.load_verify_locations(path)


def _need_pair(pair: tuple[str, str]) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(*pair, password=lambda: b"")  # or it asks the terminal
    except (OSError, ValueError) as error:
        hint = "both in PEM, the key without a password"
        raise InvalidError(f"{pair[0]} and {pair[1]} are no certificate with its key", hint=hint) from error


def _need_proxy(proxy: str | None) -> str | None:
    if proxy is None:
        return None
    try:
        parts = urlsplit(proxy)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise InvalidError("the proxy is no URL", hint="http://host:port")
    return proxy


class _Adapter(HTTPAdapter):
    """Connections for many threads, with a context of its own for certificates if there are some.

    Args:
        context: None if the usual one will do.
    """

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context
        super().__init__(pool_connections=THREADS, pool_maxsize=THREADS)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **{**options, **self._options()})
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **{**options, **self._options()})
        manager.pool_classes_by_scheme = POOLS
        return manager

    def _options(self) -> dict[str, Any]:
        return {"ssl_context": self._context} if self._context else {}


def _session(
    way: _Way, verify: bool | str, context: ssl.SSLContext | None, cert: tuple[str, str] | None
) -> requests.Session:
    session = requests.Session()
    session.trust_env = way.trust_env
    session.auth = _no_auth  # or requests would take a password from ~/.netrc
    session.verify, session.cert = verify, cert
    session.headers["User-Agent"] = "i4q-ai"
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # with cookies some think we are a browser
    if way.proxy:
        session.proxies = {"http": way.proxy, "https": way.proxy}
    adapter = _Adapter(context)
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter)
    return session


def _context(authorities: Sequence[Path]) -> ssl.SSLContext:
    """Trusts the system's certificates and these; requests adds its own list."""
    context = create_urllib3_context()
    context.load_default_certs()
    for path in authorities:
        context.load_verify_locations(path)
    return context


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
