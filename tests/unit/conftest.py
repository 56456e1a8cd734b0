"""Unit tests are pure: whoever opens a network socket in them fails."""

from collections.abc import Iterator

import pytest
import pytest_socket
from hypothesis import HealthCheck, settings

# A busy machine is no failure: no example has a deadline.
settings.register_profile("i4q", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("i4q")


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    # Unix sockets stay: an event loop wakes itself up through a pair of them, and nothing outside can be reached.
    pytest_socket.disable_socket(allow_unix_socket=True)
    yield
    pytest_socket.enable_socket()
