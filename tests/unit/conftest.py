"""Unit tests are pure: whoever opens a network socket in them fails."""

from collections.abc import Iterator

import pytest
import pytest_socket
from hypothesis import HealthCheck, settings

from i4q_ai import backends
from i4q_ai.cluster import Cluster
from i4q_ai.deadline import Deadline
from tests.unit.memory import MemoryBackend

# A busy machine is no failure: no example has a deadline.
settings.register_profile("i4q", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("i4q")


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    # Unix sockets stay: an event loop wakes itself up through a pair of them, and nothing outside can be reached.
    pytest_socket.disable_socket(allow_unix_socket=True)
    yield
    pytest_socket.enable_socket()


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> MemoryBackend:
    """The one backend that every Hub of the test opens, with three clusters."""
    backend = MemoryBackend()
    monkeypatch.setattr(backends, "open_backend", lambda _address, **_options: backend)
    for number, line in enumerate(["cnc", "cnc", "paint"], start=1):
        cluster = Cluster(name=f"edge-{number}", labels={"line": line})
        backend.fleet.add(cluster, deadline=Deadline.after(60))
    return backend
