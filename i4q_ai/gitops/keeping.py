"""What is kept between two looks at a server: its connections, and the credentials that it took.

Whoever looks often pays for one handshake of TLS and one question to git's credential helpers, not for one each time.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import urllib3
from dulwich.client import default_urllib3_manager
from dulwich.config import StackedConfig

from i4q_ai.gitops.credentials import Credentials

_log = logging.getLogger(__name__)

_MOST = 16
"""Connections to a server that are kept at once."""


@dataclass(frozen=True)
class Kept:
    """What is kept of one server, for all threads of this process.

    Args:
        manager: of its connections, by urllib3.
        credentials: URL of a repository → what was taken there.
    """

    manager: Any = field(repr=False)
    credentials: dict[str, Credentials] = field(default_factory=dict)


_servers: dict[tuple[str, str], Kept] = {}
_turn = threading.Lock()


def of(url: str, config: StackedConfig) -> Kept:
    """What is kept of the server of a repository.

    Args:
        url: of the repository, without credentials.
        config: git's, which says how the server is reached; how it was when the server was met first counts.
    """
    parts = urlsplit(url)
    with _turn:
        kept = _servers.get((parts.scheme, parts.netloc))
        if kept is None:
            manager = default_urllib3_manager(config, base_url=url)
            manager.connection_pool_kw["maxsize"] = _MOST
            kept = _servers[parts.scheme, parts.netloc] = Kept(manager)
        return kept


def put_back_at_end(response: Any) -> None:
    """Let the connection of an answer that was read to its end be used again once the answer is closed.

    The end of an answer in chunks is one more read, which who has all refs does not make.
    """
    close = response.close

    def closed() -> None:
        try:
            if not response.closed:
                response.read(1)
        except (urllib3.exceptions.HTTPError, OSError):
            _log.debug("a connection ended before its answer did")
        close()

    response.close = closed
