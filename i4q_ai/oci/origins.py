"""Origins: scheme, host and port, which decide who may see an Authorization header."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from i4q_ai.errors import RegistryError

_PORTS = {"http": 80, "https": 443}


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
    if parts.scheme not in _PORTS or not parts.hostname:
        raise RegistryError(f"a registry names something that is no http(s) URL: {url[:100]!r}")
    return Origin(parts.scheme, parts.hostname.lower(), port or _PORTS[parts.scheme])
