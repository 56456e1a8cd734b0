"""Lists that a registry gives page by page: bounded, and only from itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urljoin

import requests

from i4q_ai.deadline import Deadline
from i4q_ai.errors import RegistryError
from i4q_ai.oci import media
from i4q_ai.oci.wire.origins import origin_of
from i4q_ai.oci.wire.transport import Transport
from i4q_ai.retrying import call

PAGES = 1000


def pages(
    http: Transport, url: str, deadline: Deadline, *, headers: Mapping[str, str] | None = None
) -> Iterator[tuple[requests.Response, bytes]]:
    """The pages of a list, as long as the registry names a next one.

    Args:
        http: to the registry.
        url: of the first page.
        deadline: for all of them.
        headers: besides those that are always sent.

    Yields:
        The answer, whatever its status, and its body.

    Raises:
        RegistryError: the next page is elsewhere, was there before, or there are more than a thousand.
    """
    seen: set[str] = set()
    while url not in seen:
        if len(seen) >= PAGES:
            raise RegistryError(f"{http.host} gives a list of more than {PAGES} pages")
        seen.add(url)
        response, raw = _page(http, url, deadline, headers)
        yield response, raw
        link = response.links.get("next", {}).get("url") if response.status_code == 200 else None
        if not link:
            return
        url = urljoin(url, link)
        if origin_of(url) != origin_of(http.base):
            raise RegistryError(f"{http.host} continues a list at another place, {url[:100]!r}")
    raise RegistryError(f"{http.host} gives a list that begins again and again")


def _page(
    http: Transport, url: str, deadline: Deadline, headers: Mapping[str, str] | None
) -> tuple[requests.Response, bytes]:
    def _try() -> tuple[requests.Response, bytes]:
        response = http.send("GET", url, deadline, headers=headers)
        return response, http.body(response, deadline, media.LARGEST_MANIFEST)

    return call(_try, deadline=deadline)
