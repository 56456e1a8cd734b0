"""Which registries are spoken to by plain http."""

import pytest

from i4q_ai.oci import opening
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.remote import Remote
from i4q_ai.oci.wire.credentials import Credentials
from i4q_ai.oci.wire.transport import Transport


@pytest.mark.parametrize(
    ("host", "scheme"),
    [
        ("localhost:5000", "http"),
        ("registry.factory:5000", "http"),
        ("REGISTRY.factory:5000", "http"),
        ("10.77.1.1", "http"),
        ("registry.factory", "https"),
        ("registry.factory:5001", "https"),
        ("a.registry.factory:5000", "https"),
        ("10.77.1.1:5000", "https"),
        ("example.com", "https"),
    ],
)
def test_only_this_machine_and_those_named(host: str, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("I4Q_PLAIN_HTTP", "registry.factory:5000,10.77.1.1")
    assert Transport(host, Credentials()).base == f"{scheme}://{host}"


def test_whoever_opens_a_reference_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    reference = Reference.parse("registry.factory:5000/models/x")
    monkeypatch.delenv("I4Q_PLAIN_HTTP", raising=False)
    assert _base(reference).startswith("https:")
    monkeypatch.setenv("I4Q_PLAIN_HTTP", "registry.factory:5000")
    assert _base(reference).startswith("http:")


def _base(reference: Reference) -> str:
    opened = opening.source(reference)
    assert isinstance(opened, Remote)
    return opened._http.base
