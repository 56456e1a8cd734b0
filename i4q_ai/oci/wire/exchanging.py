"""One request to one answer, as `requests` does it, without what it does for users that type URLs by hand.

A push of small files is mostly this: it takes a third of the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import get_environ_proxies, select_proxy

_ATTRIBUTE = "_i4q_pools"
_Timeout = tuple[float, float]


def exchange(
    session: requests.Session, method: str, url: str, *, headers: Mapping[str, str], body: Any, timeout: _Timeout
) -> requests.Response:
    """Send a request once; the body of the answer is not read yet.

    Args:
        session: whose certificates, proxies and connections are used.
        method: of HTTP.
        url: whole.
        headers: besides the session's.
        body: bytes, or what has a length and gives its pieces.
        timeout: to connect, and to wait for the next bytes.

    Raises:
        requests.RequestException: as a session raises them.
    """
    request = requests.PreparedRequest()
    request.method, request.url, request.body = method, url, body
    request.headers = CaseInsensitiveDict[Any]({**session.headers, **headers})
    if body is not None:
        request.headers["Content-Length"] = str(len(body))
    pool = _pool(session, request)
    if pool is None:
        return session.request(
            method,
            url,
            headers=headers,
            data=body,
            timeout=timeout,
            stream=True,
            allow_redirects=False,
            verify=session.verify,  # said again, or a variable of the environment would win
        )
    return _answer(request, _ask(pool, request, timeout))


def _pool(session: requests.Session, request: requests.PreparedRequest) -> urllib3.HTTPConnectionPool | None:
    """The connections to the server of a request; None if a proxy stands before it."""
    pools: dict[tuple[str, str], Any] = session.__dict__.setdefault(_ATTRIBUTE, {})
    try:
        parts = urlsplit(str(request.url))
    except ValueError as error:
        raise requests.exceptions.InvalidURL(error, request=request) from error
    origin = parts.scheme, parts.netloc
    if origin not in pools:
        adapter = session.get_adapter(str(request.url))
        proxies = {**(get_environ_proxies(str(request.url)) if session.trust_env else {}), **session.proxies}
        pools[origin] = None
        if isinstance(adapter, HTTPAdapter) and select_proxy(str(request.url), proxies) is None:
            pools[origin] = adapter.get_connection_with_tls_context(request, session.verify, cert=session.cert)
    pool: urllib3.HTTPConnectionPool | None = pools[origin]
    return pool


def _ask(
    pool: urllib3.HTTPConnectionPool, request: requests.PreparedRequest, timeout: _Timeout
) -> urllib3.BaseHTTPResponse:
    parts = urlsplit(str(request.url))
    target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    try:
        return pool.urlopen(
            str(request.method),
            target,
            body=request.body,
            headers=request.headers,
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
            retries=False,
            timeout=urllib3.Timeout(connect=timeout[0], read=timeout[1]),
        )
    except urllib3.exceptions.NewConnectionError as error:  # which is a ConnectTimeoutError by name only
        raise requests.ConnectionError(error, request=request) from error
    except urllib3.exceptions.ConnectTimeoutError as error:
        raise requests.ConnectTimeout(error, request=request) from error
    except urllib3.exceptions.ReadTimeoutError as error:
        raise requests.ReadTimeout(error, request=request) from error
    except urllib3.exceptions.SSLError as error:
        raise requests.exceptions.SSLError(error, request=request) from error
    except urllib3.exceptions.LocationValueError as error:
        raise requests.exceptions.InvalidURL(error, request=request) from error
    except ValueError as error:
        raise requests.exceptions.InvalidHeader(error, request=request) from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise requests.ConnectionError(error, request=request) from error


def _answer(request: requests.PreparedRequest, raw: urllib3.BaseHTTPResponse) -> requests.Response:
    response = requests.Response()
    response.status_code, response.reason = raw.status, raw.reason or ""
    response.headers = CaseInsensitiveDict(raw.headers)
    response.raw, response.request, response.url = raw, request, str(request.url)
    return response
