"""A new tag in a registry: noticed by its own notifications and by polling; the deployment follows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from i4q_ai import Hub, oci
from i4q_ai.listening.doors import Doors, serving
from i4q_ai.listening.listening import Listening
from i4q_ai.listening.rules import Listener
from tests.e2e.cli.conftest import LIMIT, eventually
from tests.e2e.listening.conftest import CNC, Plant
from tests.testbed.registry import Registry

TOKEN = "Bearer doorbell"


class Notifying(Registry):
    """Tells somebody of what is pushed."""

    url_told = ""

    def _config(self) -> dict[str, Any]:
        endpoint = {
            "name": "listener", "url": self.url_told, "headers": {"Authorization": [TOKEN]},
            "timeout": "5s", "threshold": 3, "backoff": "1s",
        }  # fmt: skip
        return {**super()._config(), "notifications": {"endpoints": [endpoint]}}


@pytest.fixture
def hub(tmp_path: Path, opened: Callable[[Path], Hub]) -> Hub:
    hub = opened(tmp_path / "home")
    hub.clusters.add("edge-1", labels={"line": "cnc"})
    return hub


def listener(repository: str, *, tags: str = "*", **about: Any) -> Listener:
    source = {
        "name": "wear", "registry": {"repository": repository, "tags": tags}, "allow": {"names": ["wear"]}, **about,
    }  # fmt: skip
    hooks = [{"name": "registry", "sender": "registry", "secret": {"env": "TEST_DOORBELL"}}]
    return Listener.parse({"hooks": hooks, "sources": [source]})


def version(hub: Hub) -> str:
    return hub.get("wear").spec.object.version


def test_by_its_notifications(plant: Plant, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_DOORBELL", TOKEN)
    (tmp_path / "storage").mkdir()
    registry = Notifying(tmp_path / "storage")
    rung = threading.Event()
    bells: list[Callable[[str], None]] = []

    def ring(name: str) -> None:
        rung.set()
        for bell in bells:
            bell(name)

    with serving(
        Doors(listener("registry.factory/models/wear", hook="registry"), ring), host="127.0.0.1", port=0
    ) as port:
        registry.url_told = f"http://127.0.0.1:{port}/hooks/registry"
        with registry:
            where = f"{registry.host}/models/wear"
            hub.deploy(plant.model("1", to=f"{where}:1"), to=CNC, flavour="files")
            assert rung.wait(LIMIT)
            listening = Listening(hub, listener(where, poll=3600, hook="registry"), cache=tmp_path / "cache")
            bells.append(listening.ring)
            stop = threading.Event()
            thread = threading.Thread(target=listening.run, args=(stop,))
            thread.start()
            try:
                plant.model("2", to=f"{where}:2")
                eventually(lambda: version(hub) == "2")
            finally:
                stop.set()
                thread.join()


@pytest.fixture
def repository(plant: Plant, request: pytest.FixtureRequest) -> Iterator[str]:
    """In a registry, and in a folder."""
    if request.param == "registry":
        yield f"{request.getfixturevalue('registry').host}/models/wear"
    else:
        yield plant.repository


@pytest.mark.parametrize("repository", ["registry", "folder"], indirect=True)
def test_by_polling(repository: str, plant: Plant, hub: Hub, tmp_path: Path) -> None:
    listening = Listening(hub, listener(repository), cache=tmp_path / "cache")
    assert listening.once() == {"wear": None}, "there is nothing yet"
    hub.deploy(plant.model("9", to=f"{repository}:9"), to=CNC, flavour="files")
    assert listening.once() == {"wear": "applied"}
    assert len(hub.get("wear").history()) == 1
    plant.model("10", to=f"{repository}:10")
    assert listening.once() == {"wear": "applied"}
    assert version(hub) == "10"
    plant.model("2", to=f"{repository}:2")
    assert listening.once() == {"wear": None}, "an older version that comes late"
    hub.get("wear").rollback()
    assert listening.once() == {"wear": None}, "what a person has decided stays, until something new comes"
    assert version(hub) == "9"


def test_one_tag_is_followed_there_and_back(plant: Plant, hub: Hub, tmp_path: Path) -> None:
    live, stands_for = f"{plant.repository}:live", None
    listening = Listening(hub, listener(plant.repository, tags="live"), cache=tmp_path / "cache")
    one, two = (plant.model(each) for each in "12")
    hub.deploy(one, to=CNC, flavour="files")
    assert listening.once() == {"wear": None}, "there is no such tag yet"
    for model in (two, one, two):
        oci.copy(f"{plant.repository}@{model.digest}", live, if_match=stands_for)
        stands_for = model.digest
        assert listening.once() == {"wear": "applied"}
        assert version(hub) == model.version
