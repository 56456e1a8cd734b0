from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from i4q_ai.deadline import Deadline
from i4q_ai.deployment import Deployment
from i4q_ai.errors import ConflictError, NotFoundError, StorageError, UnreachableError
from i4q_ai.serve.client import Client
from i4q_ai.status import Phase
from i4q_ai.testing.beside import Beside
from i4q_ai.testing.connection import Connection
from i4q_ai.testing.samples import Samples
from tests.e2e.local.site import LIMIT, Site, at_once, eventually, kill, on


def test_what_was_deployed_outlives_the_process_that_deployed_it(site: Site, samples: Samples) -> None:
    site.hub().clusters.add("edge-1")
    beside = Beside(Connection("embedded", {"home": str(site.home)}), "i4q")
    process = beside.deploy(samples.one, on("edge-1"))
    process.communicate(timeout=LIMIT)
    assert process.returncode == 0
    hub = site.hub()
    agent = site.agent("edge-1")
    deployment = hub.get("wear").wait(timeout=LIMIT)
    assert site.agent("edge-1") == agent, "it is the one that the other process started"
    assert os.getsid(agent) != os.getsid(0)
    address = deployment.address("edge-1")
    hub.close()
    assert site.control("edge-1").alive()
    with Client(address) as client:
        assert float(client.predict([[3.0]])[0][0]) == 3.0


def test_stop_ends_the_agent_and_its_children(site: Site, samples: Samples) -> None:
    hub = site.hub()
    hub.clusters.add("edge-1")
    hub.deploy(samples.one, to=on("edge-1"))
    hub.deploy(samples.by_url, to=on("edge-1")).wait(timeout=LIMIT)
    assert len(site.processes()) == 3, "an agent, a server, a workload"
    hub.clusters.stop("edge-1")
    site.until_empty()
    hub.list()[0].status()
    hub.deploy(samples.two, to=on("edge-1"))
    assert site.processes() == {}, "nothing but start starts it"


def test_stop_ends_what_a_killed_agent_left_behind(site: Site, samples: Samples) -> None:
    hub = site.hub()
    hub.clusters.add("edge-1")
    hub.deploy(samples.one, to=on("edge-1")).wait(timeout=LIMIT)
    kill(site.agent("edge-1"))
    assert len(site.processes()) == 1, "the server goes on"
    hub.clusters.stop("edge-1")
    site.until_empty()


def test_a_killed_agent_is_started_again_and_keeps_its_server(site: Site, samples: Samples) -> None:
    hub = site.hub()
    hub.clusters.add("edge-1")
    deployment = hub.deploy(samples.one, to=on("edge-1")).wait(timeout=LIMIT)
    before = set(site.processes())
    statuses = deployment.watch(timeout=LIMIT)
    next(statuses)
    agent = site.agent("edge-1")
    kill(agent)
    deployment.update(samples.two)
    assert any(status.ready and status.version == "2" for status in statuses)
    assert before & set(site.processes()) == before - {agent}


def test_removing_a_cluster_leaves_nothing_of_it(site: Site, samples: Samples) -> None:
    hub = site.hub()
    hub.clusters.add("edge-1")
    hub.deploy(samples.one, to=on("edge-1")).wait(timeout=LIMIT)
    hub.clusters.remove("edge-1")
    site.until_empty()
    assert not site.folder("edge-1").exists()
    assert hub.engine.fleet.assigned(deadline=Deadline.after(LIMIT)) == []
    hub.clusters.add("edge-1")
    assert hub.get("wear").wait(timeout=LIMIT).status().ready, "a new cluster of that name gets it anew"


def test_removing_that_was_broken_off_can_be_finished(site: Site, samples: Samples) -> None:
    hub = site.hub()
    hub.clusters.add("edge-1")
    hub.deploy(samples.one, to=on("edge-1")).wait(timeout=LIMIT)
    with hub.engine.fleet._database.write(Deadline.after(LIMIT)) as connection:
        connection.execute("UPDATE clusters SET state = 'removing'")
    assert hub.clusters.get("edge-1").available.reason == "Removing"
    with pytest.raises(ConflictError, match="being removed"):
        hub.clusters.start("edge-1")
    hub.clusters.remove("edge-1")
    site.until_empty()
    with pytest.raises(NotFoundError):
        hub.clusters.get("edge-1")


def test_a_folder_of_a_cluster_that_nobody_knows_is_not_taken_over(site: Site, samples: Samples) -> None:
    hub = site.hub()
    hub.clusters.add("edge-1")
    hub.deploy(samples.one, to=on("edge-1")).wait(timeout=LIMIT)
    with hub.engine.fleet._database.write(Deadline.after(LIMIT)) as connection:
        connection.execute("DELETE FROM clusters")
    hub.clusters.add("edge-1", refresh=False)
    site.until_empty()
    assert not site.folder("edge-1").exists()


def test_what_was_told_reaches_the_file_after_a_kill_before_it_was_written(site: Site, samples: Samples) -> None:
    hub = site.hub()
    hub.clusters.add("edge-1")
    deployment = hub.deploy(samples.one, to=on("edge-1")).wait(timeout=LIMIT)
    desired = site.folder("edge-1") / "desired.json"
    before = desired.read_bytes()
    deployment.update(samples.two)
    desired.write_bytes(before)
    fresh = site.hub()
    assert fresh.get("wear").wait(timeout=LIMIT).status().version == "2"
    assert samples.two.digest in desired.read_text()


def test_many_hubs_at_once_start_one_agent(site: Site, samples: Samples) -> None:
    hub = site.hub()
    hub.clusters.add("edge-1")
    hub.deploy(samples.one, to=on("edge-1")).wait(timeout=LIMIT)
    kill(site.agent("edge-1"))
    at_once([site.hub().get("wear").status for _ in range(4)])
    eventually(lambda: sum("i4q_ai.edge" in command for command in site.processes().values()) == 1)
    assert hub.get("wear").wait(timeout=LIMIT).status().clusters[0].phase is Phase.READY


def test_stopping_wins_over_whoever_starts_at_the_same_time(site: Site, samples: Samples) -> None:
    hub = site.hub()
    hub.clusters.add("edge-1")
    deployment = hub.deploy(samples.one, to=on("edge-1")).wait(timeout=LIMIT)
    for _ in range(2):
        kill(site.agent("edge-1"))
        at_once([*(site.hub().get("wear").status for _ in range(3)), lambda: hub.clusters.stop("edge-1")])
        site.until_empty()
        hub.clusters.start("edge-1")
        assert deployment.wait(timeout=LIMIT).status().ready


def test_an_agent_that_cannot_start_is_offline_and_says_why(site: Site, samples: Samples) -> None:
    hub = site.hub()
    hub.clusters.add("edge-1")
    site.folder("edge-1").mkdir(parents=True)
    (site.folder("edge-1") / "run").write_text("a file where the agent needs a folder")
    deployment = hub.deploy(samples.one, to=on("edge-1"))
    (row,) = deployment.status().clusters
    assert (row.phase, row.reason) == (Phase.OFFLINE, "AgentFailed")
    assert "agent.log" in row.message
    with pytest.raises(UnreachableError, match=r"agent\.log"):
        hub.clusters.start("edge-1")
    (site.folder("edge-1") / "run").unlink()
    hub.clusters.start("edge-1")
    assert deployment.wait(timeout=LIMIT).status().ready


def test_a_desired_state_that_cannot_be_written_is_an_error(site: Site, samples: Samples) -> None:
    hub = site.hub()
    hub.clusters.add("edge-1")
    site.folder("edge-1").parent.mkdir(parents=True)
    site.folder("edge-1").write_text("a file where the cluster's folder should be")
    with pytest.raises(Exception, match="edge-1") as refused:
        hub.deploy(samples.one, to=on("edge-1"))
    assert not isinstance(refused.value, OSError)
    site.folder("edge-1").unlink()
    assert hub.deploy(samples.one, to=on("edge-1")).wait(timeout=LIMIT).status().ready


def test_a_home_that_is_a_file_is_refused(site: Site) -> None:
    site.home.write_text("a file")
    with pytest.raises(StorageError):
        site.hub()
    site.home.unlink()


def test_watching_leaves_no_threads_and_no_connections(site: Site, samples: Samples) -> None:
    hub, idle = site.hub(), _threads()
    hub.clusters.add("edge-1")
    deployment = hub.deploy(samples.one, to=on("edge-1")).wait(timeout=LIMIT)
    _watch_and_leave(deployment)
    eventually(lambda: _threads() <= idle)  # those that helped to wait have ended
    before = _descriptors()
    for _ in range(3):
        _watch_and_leave(deployment)
        assert list(deployment.watch(timeout=2))
    eventually(lambda: _threads() <= idle)
    assert _descriptors() <= before


def _watch_and_leave(deployment: Deployment) -> None:
    statuses = deployment.watch(timeout=LIMIT)
    next(statuses)
    statuses.close()


def _threads() -> int:
    """Besides the hub's own, which wait for the next thing to be told."""
    return sum(not each.name.startswith("i4q-cluster") for each in threading.enumerate())


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
