"""Following a ConfigMap and publishing a report, with an API server answered in the process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import responses
from responses import matchers

from i4q_ai import retrying
from i4q_ai.desired import Desired
from i4q_ai.edge.account import Account
from i4q_ai.edge.configmaps import ConfigMaps
from i4q_ai.edge.following import Follower
from i4q_ai.edge.paths import Paths
from i4q_ai.edge.publishing import Publisher
from i4q_ai.edge.sources import Sources
from tests.unit.edge.world import model

URL = "https://10.96.0.1/api/v1/namespaces/i4q/configmaps"


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[responses.RequestsMock]:
    monkeypatch.setattr(retrying, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(retrying, "LONGEST_WAIT", 0.001)
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def maps(tmp_path: Path) -> ConfigMaps:
    (tmp_path / "token").write_text("secret-token")
    return ConfigMaps(Account("https://10.96.0.1", tmp_path), "i4q")


def configmap(version: str, revision: str) -> dict[str, Any]:
    document = Desired(cluster="edge-1", models=(model(version, flavour="files"),)).to_json()
    return {"metadata": {"name": "wear", "resourceVersion": revision}, "data": {"desired.json": document}}


class Seen:
    """The versions that an agent was told, and the remarks; ends the follower after some."""

    def __init__(self, folder: Path, maps: ConfigMaps, *, enough: int) -> None:
        self.versions: list[str] = []
        self.remarks: list[str] = []
        self._paths, self._enough = Paths(folder), enough
        self.follower = Follower(maps, "wear", Sources(self._paths, ["wear"], None, self._changed))

    def _changed(self, remark: str) -> None:
        self.remarks.append(remark)
        if self._paths.desired.exists():
            self.versions += [item.version for item in Desired.from_json(self._paths.desired.read_bytes()).models]
        if len(self.remarks) == self._enough:
            self.follower.stop()


def answer_list(answers: responses.RequestsMock, version: str, revision: str) -> None:
    body = {"metadata": {"resourceVersion": revision}, "items": [configmap(version, revision)]}
    answers.get(URL, json=body, match=[matchers.query_param_matcher({"fieldSelector": "metadata.name=wear"})])


def answer_watch(answers: responses.RequestsMock, since: str, *events: dict[str, Any], status: int = 200) -> None:
    wanted = matchers.query_param_matcher({"watch": "1", "resourceVersion": since}, strict_match=False)
    answers.get(URL, status=status, body="".join(json.dumps(event) + "\n" for event in events), match=[wanted])


def test_a_watch_that_ends_goes_on_where_it_was(
    answers: responses.RequestsMock, maps: ConfigMaps, tmp_path: Path
) -> None:
    seen = Seen(tmp_path, maps, enough=3)
    answer_list(answers, "1", "5")
    answer_watch(answers, "5", {"type": "MODIFIED", "object": configmap("2", "6")})
    answer_watch(answers, "6", {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}})
    answer_watch(answers, "9", {"type": "MODIFIED", "object": configmap("3", "10")})
    seen.follower.run()
    assert seen.versions == ["1", "2", "3"]
    assert len(answers.calls) == 4


@pytest.mark.parametrize("status", [200, 410])
def test_after_too_long_it_is_listed_again(
    status: int, answers: responses.RequestsMock, maps: ConfigMaps, tmp_path: Path
) -> None:
    seen = Seen(tmp_path, maps, enough=2)
    answer_list(answers, "1", "5")
    answer_watch(answers, "5", {"type": "ERROR", "object": {"code": 410}}, status=status)
    answer_list(answers, "2", "50")
    seen.follower.run()
    assert seen.versions == ["1", "2"]
    assert seen.remarks == ["", ""], "that is nobody's trouble"


def test_a_failure_is_told_and_what_was_said_last_stands(
    answers: responses.RequestsMock, maps: ConfigMaps, tmp_path: Path
) -> None:
    seen = Seen(tmp_path, maps, enough=3)
    answer_list(answers, "1", "5")
    answer_watch(answers, "5", status=500)
    answer_list(answers, "2", "6")
    seen.follower.run()
    assert seen.versions == ["1", "1", "2"]
    assert seen.remarks[0] == seen.remarks[2] == ""
    assert seen.remarks[1].startswith("ConfigMap 'wear' cannot be followed: watch of ConfigMap 'wear'")


def publisher(maps: ConfigMaps) -> Publisher:
    return Publisher(maps, "status", "line-0.json")


def test_the_newest_report_is_published_for_as_long_as_it_takes(
    answers: responses.RequestsMock, maps: ConfigMaps
) -> None:
    publishing, sent = publisher(maps), []

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        sent.append(json.loads(request.body)["data"])
        if len(sent) == 1:
            publishing.offer("second")
            publishing.offer("third")
            return 503, {}, "{}"
        publishing.close(withdraw=False, timeout=0)
        return 200, {}, "{}"

    answers.add_callback("PATCH", f"{URL}/status", callback=answer)
    publishing.offer("first")
    _run(publishing)
    assert sent == [{"line-0.json": "first"}, {"line-0.json": "third"}]


@pytest.mark.parametrize("status", [200, 500])
def test_a_report_is_withdrawn_if_the_first_try_succeeds(
    status: int, answers: responses.RequestsMock, maps: ConfigMaps
) -> None:
    publishing, sent = publisher(maps), []

    def answer(request: Any) -> tuple[int, dict[str, str], str]:
        sent.append(json.loads(request.body)["data"])
        if len(sent) == 1:
            publishing.close(withdraw=True, timeout=0)
            return 200, {}, "{}"
        return status, {}, "{}"

    answers.add_callback("PATCH", f"{URL}/status", callback=answer)
    publishing.offer("ready")
    _run(publishing)
    assert sent == [{"line-0.json": "ready"}, {"line-0.json": None}]


def _run(publishing: Publisher) -> None:
    """In the thread of the test, which cannot join itself."""
    publishing.join = lambda timeout=None: None  # type: ignore[method-assign]
    publishing.run()
