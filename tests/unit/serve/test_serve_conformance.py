"""The conformance check, where it needs no server."""

from __future__ import annotations

import pytest

from i4q_ai.errors import InvalidError
from i4q_ai.serve.conformance import check


@pytest.mark.parametrize("url", ["", "edge-1", "ftp://edge-1", "http://", "http://[::1"])
def test_what_is_no_url_is_told_as_such(url: str) -> None:
    with pytest.raises(InvalidError, match="is no URL of a server"):
        check(url)
