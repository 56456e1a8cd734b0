"""Settings that are more than a word."""

import pytest

from i4q_ai import config
from i4q_ai.errors import InvalidError


@pytest.mark.parametrize(
    ("given", "hosts"),
    [
        ("", set()),
        (" , ", set()),
        ("registry.factory:5000", {"registry.factory:5000"}),
        ("Registry.Factory:5000, 10.77.1.1 ,", {"registry.factory:5000", "10.77.1.1"}),
    ],
)
def test_plain_http_is_a_set_of_hosts(given: str, hosts: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("I4Q_PLAIN_HTTP", given)
    assert config.plain_http() == hosts


def test_plain_http_is_no_list_of_urls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("I4Q_PLAIN_HTTP", "http://registry.factory:5000")
    with pytest.raises(InvalidError, match=r"I4Q_PLAIN_HTTP.*hint: leave http://"):
        config.plain_http()


def test_things_are_pushed_below_the_registry_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("I4Q_REGISTRY", raising=False)
    assert config.registry() is None
    monkeypatch.setenv("I4Q_REGISTRY", "registry.factory:5000/ai/")
    assert config.registry() == "registry.factory:5000/ai"
