"""The controllers of Advanced Cluster Management that deliver from Git: some on the hub, an agent on each edge."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from tests.testbed.apiserver import ApiServer
from tests.testbed.crds import subscription_crds
from tests.testbed.edge import Edge
from tests.testbed.kinds import apply, apply_crds, namespace
from tests.testbed.network import Room
from tests.testbed.ocm import Management
from tests.testbed.processes import Process
from tests.testbed.programs import subscriptions
from tests.testbed.runs import Run

NAMESPACE = "open-cluster-management-agent-addon"
_REPORT_SECONDS = 5
"""How often the hub sums up what clusters report; its own default is 15."""
_CONTROLLERS = {
    "manager": ("--sync-interval=60", "--debug"),
    "placementrule": (),
    "appsubsummary": (f"--sync-interval={_REPORT_SECONDS}",),
}
_AGENT = "subscription-agent"


class Subscriptions:
    """Channels and Subscriptions work on a managed plant: what lies in Git comes to its edges.

    Args:
        run: the run that it belongs to.
        management: running.

    Attributes:
        processes: the controllers of the hub: "manager", "placementrule", "appsubsummary".
        agents: the agent of each edge, by the edge's name.
    """

    def __init__(self, run: Run, management: Management) -> None:
        self._run, self.management = run, management
        self.processes: dict[str, Process] = {}
        self.agents: dict[str, Process] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for server in (self.hub, *(edge.server for edge in self.management.edges.values())):
                apply_crds(server, subscription_crds())
                apply(server, namespace(NAMESPACE))
            # They all listen on fixed ports, so that those of the hub are in a network of their own, too.
            folder = self._run.fresh_folder("subscriptions")
            room = stack.enter_context(Room(self._run, folder))
            for name, flags in _CONTROLLERS.items():
                command = [subscriptions(name), f"--kubeconfig={self.hub.kubeconfig}", *flags]
                self.processes[name] = self._start(stack, name, command, folder, room, self.hub)
            for name, edge in self.management.edges.items():
                self.agents[name] = self._agent(stack, edge)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def hub(self) -> ApiServer:
        """Of the plant."""
        return self.management.hub

    def _agent(self, stack: ExitStack, edge: Edge) -> Process:
        folder = self._run.fresh_folder(f"{edge.name}-subscriptions")
        # The agent ends where its klusterlet has no kubeconfig at this place, which no flag moves.
        script = 'mount -t tmpfs tmpfs /run && mkdir /run/klusterlet && cp "$0" /run/klusterlet/kubeconfig && exec "$@"'
        command = [
            *("unshare", "--mount", "sh", "-c", script, str(edge.kubeconfig)),
            subscriptions("manager"),
            f"--kubeconfig={edge.kubeconfig}",
            f"--cluster-name={edge.name}",
            f"--hub-cluster-configfile={self.hub.kubeconfig}",
        ]
        return self._start(stack, _AGENT, command, folder, edge.room, edge.server)

    def _start(
        self, stack: ExitStack, name: str, command: list[Any], folder: Path, room: Room, server: ApiServer
    ) -> Process:
        temporary = folder / f"{name}-tmp"  # where it clones to
        temporary.mkdir()
        env = {"KUBECONFIG": str(server.kubeconfig), "TMPDIR": str(temporary), "HOME": str(temporary)}
        env["AWS_CA_BUNDLE"] = ""  # their client of buckets refuses to begin where this machine has one
        process = Process(command, name=name, run=self._run, folder=folder, enter=room.enter, env=env)
        stack.callback(process.kill)
        return process
