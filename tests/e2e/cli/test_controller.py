"""The controller as a process on the embedded backend."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable

from i4q_ai.hub import Hub
from i4q_ai.model import Model
from i4q_ai.placement import Placement
from i4q_ai.placing.builders import Label
from tests.e2e.cli.conftest import LIMIT, Background, Shell, eventually


def lease(hub: Hub) -> str | None:
    """Who holds the lease."""
    record = hub.engine.store.get("lease", "i4q", f"controller-{hub.owner}", deadline=hub.engine.deadline())
    return str(record.data["holder"]) if record else None


def placed(hub: Hub) -> set[str]:
    return {each.cluster for each in hub.engine.fleet.assigned(name="wear", deadline=hub.engine.deadline())}


def controller(i4q: Shell) -> subprocess.Popen[str]:
    return i4q.start("controller", "--lease", "3")


def test_it_moves_what_a_label_moves_and_another_takes_over(
    i4q: Shell, pushed: Callable[[int], str], background: Background
) -> None:
    for name in ("edge-1", "edge-2", "edge-3"):
        i4q("cluster", "add", name)
    model = Model.from_oci(pushed(2))
    with Hub("embedded", namespace="i4q", owner="i4q", home=str(i4q.home)) as hub:
        hub.clusters.label("edge-1", {"line": "cnc"}, refresh=False)
        hub.deploy(model, to=Placement("cnc", Label("line") == "cnc"))

        first = background(controller(i4q))
        eventually(lambda: lease(hub) is not None)
        holder = lease(hub)
        second = background(controller(i4q))
        hub.clusters.label("edge-2", {"line": "cnc"}, refresh=False)
        eventually(lambda: placed(hub) == {"edge-1", "edge-2"})
        assert lease(hub) == holder

        first.kill()
        first.wait(LIMIT)
        hub.clusters.label("edge-3", {"line": "cnc"}, refresh=False)
        eventually(lambda: placed(hub) == {"edge-1", "edge-2", "edge-3"})
        assert lease(hub) not in (None, holder)
        assert i4q.run("controller", "--once").returncode == 4

        second.send_signal(signal.SIGTERM)
        second.communicate(timeout=LIMIT)
        assert second.returncode == 0
        assert lease(hub) is None


def test_it_finishes_what_was_deleted_while_a_cluster_was_away(
    i4q: Shell, pushed: Callable[[int], str], background: Background
) -> None:
    i4q("cluster", "add", "edge-1")
    i4q("deploy", pushed(2), "--everywhere", "--wait", "--timeout", str(LIMIT))
    i4q("cluster", "stop", "edge-1")
    i4q("delete", "wear", "--timeout", str(LIMIT))
    assert [row["phase"] for row in i4q.data("list")] == ["Removing"]
    background(controller(i4q))
    i4q("cluster", "start", "edge-1")
    eventually(lambda: i4q.data("list") == [])
