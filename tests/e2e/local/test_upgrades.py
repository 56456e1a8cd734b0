"""An agent that an earlier build of the package started is replaced while its servers answer."""

from __future__ import annotations

import json
import threading

from i4q_ai.serve.client import Client
from i4q_ai.testing.samples import Samples
from tests.e2e.local.site import LIMIT, Site, at_once, eventually, on


class Asking:
    """Asks a server again and again until it is left; any error or wrong answer is raised there."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.answers = 0
        self._failures: list[Exception | float] = []

    def __enter__(self) -> Asking:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join(LIMIT)
        assert self._failures == []

    def _ask(self) -> None:
        with Client(self._address) as client:
            while not self._enough.wait(0.005):
                try:
                    answer = float(client.predict([[3.0]])[0][0])
                except Exception as error:
                    self._failures.append(error)
                    return
                if answer != 3.0:
                    self._failures.append(answer)
                self.answers += 1


def age(site: Site, cluster: str) -> None:
    """Let the agent's lock file tell that an earlier version of the package started it."""
    lock = site.folder(cluster) / "agent.lock"
    lock.write_text(json.dumps({**json.loads(lock.read_bytes()), "version": "0.0.1"}))


def test_an_agent_of_an_earlier_build_is_replaced_and_its_server_answers_meanwhile(
    site: Site, samples: Samples
) -> None:
    hub = site.hub()
    hub.clusters.add("edge-1")
    deployment = hub.deploy(samples.one, to=on("edge-1")).wait(timeout=LIMIT)
    before, agent = set(site.processes()), site.agent("edge-1")
    (server,) = before - {agent}
    deployment.status()
    assert site.agent("edge-1") == agent, "one of this build stays"
    with Asking(deployment.address("edge-1")) as asking:
        eventually(lambda: asking.answers > 0)
        age(site, "edge-1")
        deployment.status()
        assert site.agent("edge-1") != agent
        assert not site.control("edge-1").outdated()
        eventually(lambda: deployment.status().ready)
        enough = asking.answers + 5
        eventually(lambda: asking.answers >= enough)
    eventually(lambda: agent not in site.processes())
    assert set(site.processes()) == {server, site.agent("edge-1")}
    assert deployment.update(samples.two).wait(timeout=LIMIT).status().version == "2"
    assert server in site.processes(), "the next agent commands it"


def test_many_hubs_at_once_replace_an_agent(site: Site, samples: Samples) -> None:
    hub = site.hub()
    hub.clusters.add("edge-1")
    hub.deploy(samples.one, to=on("edge-1")).wait(timeout=LIMIT)
    (server,) = set(site.processes()) - {site.agent("edge-1")}
    age(site, "edge-1")
    at_once([site.hub().get("wear").status for _ in range(4)])
    eventually(lambda: hub.get("wear").status().ready)
    eventually(lambda: sum("i4q_ai.edge" in command for command in site.processes().values()) == 1)
    assert not site.control("edge-1").outdated()
    assert server in site.processes()


def test_stopping_wins_over_replacing(site: Site, samples: Samples) -> None:
    hub = site.hub()
    hub.clusters.add("edge-1")
    hub.deploy(samples.one, to=on("edge-1")).wait(timeout=LIMIT)
    age(site, "edge-1")
    at_once([*(site.hub().get("wear").status for _ in range(2)), lambda: hub.clusters.stop("edge-1")])
    site.until_empty()
