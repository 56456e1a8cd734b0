"""Origins: scheme, host and port, which decide who may see an Authorization header, and who may be asked for one."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import urlsplit

from i4q_ai.errors import AuthError, RegistryError
from i4q_ai.oci.reference import is_loopback

_PORTS = {"http": 80, "https": 443}
_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)")


class Origin(NamedTuple):
    """Scheme, lower-case host, port."""

    scheme: str
    host: str
    port: int


def origin_of(url: str) -> Origin:
    """The origin of a URL; a missing port is the scheme's own.

    Raises:
        RegistryError: it is no http or https URL.

    Example:
        >>> origin_of("https://EXAMPLE.com/v2/") == origin_of("https://example.com:443/x")
        True
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in _PORTS or not parts.hostname or parts.username is not None:
        raise RegistryError("a registry names something that is no http(s) URL")
    return Origin(parts.scheme, parts.hostname.lower(), _PORTS[parts.scheme] if port is None else port)


def need_trusted(realm: str, registry: Origin) -> None:
    """Refuse to send credentials to a realm that a registry has no business to name.

    Args:
        realm: the URL of a token service, as the registry told it.
        registry: who told it.

    Raises:
        AuthError: plain http for a https registry, or an address inside somebody's network.
    """
    try:
        scheme, host, _ = origin_of(realm)
    except RegistryError as error:
        raise AuthError(f"{registry.host} names a token service that is no URL") from error
    if scheme == "http" and (registry.scheme == "https" or (host != registry.host and not is_loopback(host))):
        raise AuthError(f"{registry.host} wants its credentials sent by plain http to {host}")
    if host != registry.host and _is_inside(host):
        raise AuthError(f"{registry.host} wants its credentials sent to {host}, which is not its own")


def _is_inside(host: str) -> bool:
    """Whether it is an address that only somebody's own network knows; in any spelling that a resolver takes."""
    host = host.rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _NUMBER.fullmatch(host.rpartition(".")[2]) is not None  # 127.1, 0x7f000001: an address in disguise
    mapped = getattr(address, "ipv4_mapped", None)
    return not (mapped or address).is_global
