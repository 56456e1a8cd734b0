"""Tags of a registry: all pages, only from itself, and not again when nothing has changed."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from i4q_ai import oci
from i4q_ai.errors import I4qError, IntegrityError, NotFoundError, RegistryError
from i4q_ai.oci.listing import Tags, changed_tags
from tests.e2e.oci.liar import Request, lying


def test_pages_in_order() -> None:
    def _reply(request: Request) -> None:
        last = urlsplit(request.path).query
        link = {} if last == "last=b" else {"Link": '</v2/a/x/tags/list?last=b>; rel="next"'}
        request.answer(200, b'{"tags": ["c", "b"]}' if link else b'{"tags": ["b", "a"]}', **link)

    with lying(_reply) as server:
        assert oci.tags(f"{server.host}/a/x") == ["c", "b", "a"]
        assert [request.path for request in server.requests] == ["/v2/a/x/tags/list", "/v2/a/x/tags/list?last=b"]


def test_pages_that_never_end_or_lead_elsewhere() -> None:
    links = ["</v2/a/x/tags/list>", "<http://127.0.0.2/v2/a/x/tags/list>"]
    for link in links:
        with lying(lambda request, link=link: request.answer(200, b"{}", Link=f'{link}; rel="next"')) as server:  # type: ignore[misc]
            with pytest.raises(RegistryError, match=r"again and again|another place"):
                oci.tags(f"{server.host}/a/x")
            assert len(server.requests) == 1


def test_unchanged() -> None:
    def _reply(request: Request) -> None:
        if request.headers.get("If-None-Match") == '"1"':
            request.answer(304)
        else:
            request.answer(200, b'{"tags": ["a"]}', ETag='"1"')

    with lying(_reply) as server:
        found = changed_tags(f"{server.host}/a/x", etag=None)
        assert found == Tags(("a",), '"1"')
        assert changed_tags(f"{server.host}/a/x", etag='"1"') is None
        assert changed_tags(f"{server.host}/a/x", etag='"0"') == found


@pytest.mark.parametrize("body", [b"", b"[]", b'{"tags": {"a": 1}}', b'{"tags": [1]}', b"[" * 100_000])
def test_no_list_of_tags(body: bytes) -> None:
    with lying(lambda request: request.answer(200, body)) as server, pytest.raises(IntegrityError):
        oci.tags(f"{server.host}/a/x")


def test_no_repository() -> None:
    with lying(lambda request: request.answer(404)) as server, pytest.raises(NotFoundError):
        oci.tags(f"{server.host}/a/x")
    with pytest.raises(I4qError):
        oci.tags("a/b/../c")
