"""The way to one API server: address, TLS and credentials, as the kubernetes package finds them."""

from __future__ import annotations

import contextlib
import http.client
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from i4q_ai.errors import I4qError, InvalidError, UnsupportedError
from i4q_ai.kube import tls
from i4q_ai.kube.kubeconfig import Context, find

CONNECTIONS = 8
"""That one pool keeps open; more are made when more threads ask at once, and closed after use."""

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds the account it runs as."""


class Link:
    """One way to a server; replaced, not changed, when its credentials are renewed.

    Args:
        client: of the kubernetes package; only its configuration and its pool are used.
        namespace: that is meant where none is given.
    """

    def __init__(self, client: Any, namespace: str) -> None:
        self._client = client
        self._lock = threading.Lock()
        self.namespace = namespace
        configuration = client.configuration
        self.server: str = configuration.host
        self.secured: ssl.SSLContext | None = None
        self.server_name: str | None = getattr(configuration, "tls_server_name", None) or None
        if self.server.startswith("https"):
            self.secured = tls.context(
                verify=configuration.verify_ssl,
                authority=configuration.ssl_ca_cert,
                certificate=configuration.cert_file,
                key=configuration.key_file,
            )
        self.pool: Any = client.rest_client.pool_manager
        self._share()

    def __repr__(self) -> str:
        return f"Link({self.server!r})"

    def _share(self) -> None:
        """Let the pool use our context, instead of reading the files anew for each connection."""
        settings = self.pool.connection_pool_kw
        for name in ("ca_certs", "cert_file", "key_file", "ca_cert_data"):
            settings.pop(name, None)
        if self.secured is not None:
            settings["ssl_context"] = self.secured

    @property
    def client(self) -> Any:
        """The client of the kubernetes package, for discovery alone."""
        return self._client

    def authorization(self) -> dict[str, str]:
        """The header that carries the credentials, renewed when it is time; empty for client certificates.

        Raises:
            InvalidError: they cannot be renewed.
        """
        with self._lock, _refusals(self.server):
            setting = self._client.configuration.auth_settings().get("BearerToken")
        value = str((setting or {}).get("value") or "").strip()
        return {"Authorization": value} if value else {}

    def dial(self, timeout: float) -> http.client.HTTPConnection:
        """A connection of one's own, for what streams; the caller closes it.

        Args:
            timeout: in seconds, for each step.

        Raises:
            OSError: nobody answers.
            UnsupportedError: the way leads through a proxy that speaks SOCKS.
        """
        address = urlsplit(self.server)
        host, port = address.hostname or "", address.port or (443 if self.secured else 80)
        proxy = self.pool.proxy
        if proxy is None and hasattr(self.pool, "proxy_url"):
            raise UnsupportedError(f"{self.server}: streams through a SOCKS proxy are not possible")
        entry = (proxy.host, proxy.port) if proxy is not None else (host, port)
        connection = _Dialled(*entry, timeout=timeout, secured=self.secured, name=self.server_name or host)
        if proxy is not None:
            connection.set_tunnel(host, port, dict(self.pool.proxy_headers or {}))
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        """End all connections of the pool."""
        self._client.close()


class _Dialled(http.client.HTTPConnection):
    """TLS by a given context and name, inside whatever tunnel there is."""

    def __init__(self, host: str, port: int, *, timeout: float, secured: ssl.SSLContext | None, name: str) -> None:
        super().__init__(host, port, timeout=timeout)
        self._secured = secured
        self._name = name

    def connect(self) -> None:
        super().connect()
        if self._secured is not None:
            self.sock = self._secured.wrap_socket(self.sock, server_hostname=self._name)


def from_kubeconfig(kubeconfig: Path | None, context: str | None) -> Link:
    """The way that a kubeconfig names; nothing is sent yet.

    Raises:
        NotFoundError: no such file or context.
        InvalidError: it is broken, or its credentials cannot be had.
    """
    found = find(kubeconfig, context)
    with _refusals(f"context {found.name!r}"):
        link = Link(_client_of(found), found.namespace)
    if found.plugin and not link.authorization() and not link.client.configuration.cert_file:
        link.close()
        raise InvalidError(
            f"context {found.name!r}: the plug-in {found.plugin!r} gave no credentials", hint="run it by hand"
        )
    return link


def _client_of(context: Context) -> Any:
    from kubernetes import config as untyped
    from kubernetes.client import Configuration

    config: Any = untyped

    # A configuration of its own: Configuration() would copy the process's default one, were there any.
    settings = _settings(type.__call__(Configuration))
    if context.writer is not None:  # renewed tokens of an auth-provider are written back to its file
        return config.new_client_from_config(str(context.writer), context.name, client_configuration=settings)
    return config.new_client_from_config_dict(
        context.document, context.name, persist_config=False, client_configuration=settings
    )


def in_cluster() -> Link:
    """The way from inside a pod, as its service account.

    Raises:
        InvalidError: this is no pod of a cluster.
    """
    from kubernetes.client import ApiClient, Configuration
    from kubernetes.config import incluster_config as untyped

    config: Any = untyped

    settings = _settings(type.__call__(Configuration))
    with _refusals("in cluster"):
        loader = config.InClusterConfigLoader(str(ACCOUNT / "token"), str(ACCOUNT / "ca.crt"))
        loader.load_and_set(settings)
        namespace = ACCOUNT / "namespace"
        return Link(ApiClient(settings), namespace.read_text().strip() if namespace.exists() else "default")


def _settings(configuration: Any) -> Any:
    configuration.connection_pool_maxsize = CONNECTIONS
    configuration.retries = False  # retries are made in one place, and not there
    return configuration


@contextlib.contextmanager
def _refusals(where: str) -> Iterator[None]:
    """What the kubernetes package says about a kubeconfig, in our words and without secrets."""
    from kubernetes.config import ConfigException

    try:
        yield
    except I4qError:
        raise
    except ConfigException as error:
        # What follows a brace is a whole entry of the kubeconfig, with the secrets in it.
        raise InvalidError(f"{where}: {str(error).partition('{')[0].splitlines()[0]}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidError(f"{where}: its credentials cannot be read ({type(error).__name__})") from error


Opener = Callable[[], Link]
"""Makes a new link, with whatever the files and plug-ins say now."""
