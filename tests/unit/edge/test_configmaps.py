"""Requests for ConfigMaps and what is made of the answers, with an API server answered in the process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import responses
from responses import matchers

from i4q_ai.edge.account import Account
from i4q_ai.edge.configmaps import ConfigMaps, ExpiredError, Seen
from i4q_ai.errors import ForbiddenError, NotFoundError, UnreachableError

URL = "https://10.96.0.1/api/v1/namespaces/i4q/configmaps"
ONLY = {"fieldSelector": "metadata.name=wear"}
KNOWN = Seen("7", {"desired.json": "old"})


@pytest.fixture
def answers() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def maps(tmp_path: Path) -> ConfigMaps:
    (tmp_path / "token").write_text("secret-token")
    return ConfigMaps(Account("https://10.96.0.1", tmp_path), "i4q")


def configmap(revision: str, data: dict[str, str] | None, *, name: str = "wear") -> dict[str, Any]:
    about = {"metadata": {"name": name, "resourceVersion": revision}}
    return about if data is None else {**about, "data": data}


def event(kind: str, **about: Any) -> str:
    return json.dumps({"type": kind, "object": about}) + "\n"


def test_a_list_is_of_one_configmap_only(maps: ConfigMaps, answers: responses.RequestsMock) -> None:
    wanted = [matchers.query_param_matcher(ONLY), matchers.header_matcher({"Authorization": "Bearer secret-token"})]
    body = {"metadata": {"resourceVersion": "9"}, "items": [configmap("7", {"desired.json": "x"})]}
    answers.get(URL, json=body, match=wanted)
    assert maps.list("wear") == Seen("9", {"desired.json": "x"})


@pytest.mark.parametrize("items", [None, [], [configmap("1", {}, name="other")]])
def test_a_configmap_that_is_not_listed_is_not_there(
    items: list[dict[str, Any]] | None, maps: ConfigMaps, answers: responses.RequestsMock
) -> None:
    answers.get(URL, json={"metadata": {"resourceVersion": "9"}, "items": items})
    assert maps.list("wear") == Seen("9", None)


def test_a_watch_goes_on_from_what_is_known(maps: ConfigMaps, answers: responses.RequestsMock) -> None:
    lines = [
        event("BOOKMARK", metadata={"resourceVersion": "8"}),
        event("MODIFIED", **configmap("9", {"desired.json": "new"})),
        event("BOOKMARK", metadata={"resourceVersion": "10"}),
        "\n",
        event("MODIFIED", **configmap("11", {"desired.json": "foreign"}, name="other")),
        event("DELETED", **configmap("12", {"desired.json": "new"})),
        event("ADDED", **configmap("13", None)),
    ]
    asked = {**ONLY, "watch": "1", "resourceVersion": "7", "allowWatchBookmarks": "true", "timeoutSeconds": "240"}
    answers.get(URL, body="".join(lines), match=[matchers.query_param_matcher(asked)])
    new = {"desired.json": "new"}
    assert list(maps.watch("wear", KNOWN)) == [
        Seen("8", KNOWN.data), Seen("9", new), Seen("10", new), Seen("10", new), Seen("12", None), Seen("13", {}),
    ]  # fmt: skip


@pytest.mark.parametrize("status", [200, 410])
def test_a_watch_from_too_long_ago_has_expired(status: int, maps: ConfigMaps, answers: responses.RequestsMock) -> None:
    answers.get(URL, status=status, body=event("ERROR", code=410, message="too old"))
    with pytest.raises(ExpiredError):
        list(maps.watch("wear", KNOWN))


@pytest.mark.parametrize("line", [event("ERROR", code=500, message="etcd is away"), "<html>\n", "[]\n"])
def test_a_broken_watch_is_told(line: str, maps: ConfigMaps, answers: responses.RequestsMock) -> None:
    answers.get(URL, body=line)
    with pytest.raises(UnreachableError, match=r"etcd is away|no JSON|no object"):
        list(maps.watch("wear", KNOWN))


def test_a_patch_sets_its_keys_only(maps: ConfigMaps, answers: responses.RequestsMock) -> None:
    wanted = [
        matchers.json_params_matcher({"data": {"line-0.json": "{}", "line-1.json": None}}),
        matchers.header_matcher({"Content-Type": "application/merge-patch+json"}),
    ]
    answers.patch(f"{URL}/status", json={}, match=wanted)
    maps.patch("status", {"line-0.json": "{}", "line-1.json": None})


def test_a_missing_right_is_named(maps: ConfigMaps, answers: responses.RequestsMock) -> None:
    answers.get(URL, status=403, json={"kind": "Status", "message": 'User "line" cannot watch resource "configmaps"'})
    with pytest.raises(ForbiddenError, match=r'User "line" cannot watch.*resourceNames \[\'wear\'\]') as caught:
        list(maps.watch("wear", KNOWN))
    assert (caught.value.verb, caught.value.resource, caught.value.namespace) == ("watch", "configmaps", "i4q")


def test_a_configmap_for_reports_must_be_there(maps: ConfigMaps, answers: responses.RequestsMock) -> None:
    answers.patch(f"{URL}/status", status=404, json={"kind": "Status", "message": "not found"})
    with pytest.raises(NotFoundError, match="ConfigMap 'status' in namespace 'i4q'"):
        maps.patch("status", {"a": "b"})


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (requests.ConnectionError("refused, Bearer secret-token"), "cannot be reached"),
        (requests.ConnectTimeout(), "does not answer in time"),
        (requests.exceptions.SSLError(), r"certificate that .*ca\.crt vouches for"),
        (OSError("no such file"), "cannot be asked: no such file"),
    ],
)
def test_why_nobody_answers_is_told_without_the_token(
    error: Exception, told: str, maps: ConfigMaps, answers: responses.RequestsMock
) -> None:
    answers.get(URL, body=error)
    with pytest.raises(UnreachableError, match=f"https://10.96.0.1 .*{told}") as caught:
        maps.list("wear")
    assert "secret-token" not in str(caught.value)


def test_what_is_no_list_is_no_answer(maps: ConfigMaps, answers: responses.RequestsMock) -> None:
    answers.get(URL, body="<html>")
    with pytest.raises(UnreachableError, match="no JSON"):
        maps.list("wear")
