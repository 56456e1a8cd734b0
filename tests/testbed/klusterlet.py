"""The agents of Open Cluster Management on one edge, which register it and carry out its works."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tests.testbed.apiserver import ApiServer
from tests.testbed.crds import cluster_crds
from tests.testbed.edge import Edge
from tests.testbed.kinds import apply, apply_crds, namespace
from tests.testbed.processes import Process, free_port
from tests.testbed.programs import control_plane
from tests.testbed.runs import Run

NAMESPACE = "open-cluster-management-agent"
_PROBE = "agents-answer"

# An agent that lost its hub notices after a second, not after 45, and connects anew as soon as there is a way.
_BREAK_OFF = {"HTTP2_READ_IDLE_TIMEOUT_SECONDS": "1", "HTTP2_PING_TIMEOUT_SECONDS": "1"}


class Klusterlet:
    """The registration agent and the work agent in the namespaces of an edge.

    The hub must know the cluster already; when this is entered, the cluster has joined, and a first work has gone
    there and come back.

    Args:
        run: the run that they belong to.
        hub: whose controllers run.
        edge: the cluster; it keeps its name on the hub.
        bootstrap: the kubeconfig by which it asks the hub for one of its own.

    Attributes:
        processes: "registration-agent" and "work-agent".
    """

    def __init__(self, run: Run, hub: ApiServer, edge: Edge, *, bootstrap: Path) -> None:
        self._run, self._hub, self._edge, self._bootstrap = run, hub, edge, bootstrap
        self.processes: dict[str, Process] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._folder = self._run.fresh_folder(f"{self._edge.name}-klusterlet")
            apply_crds(self._edge.server, cluster_crds())
            apply(self._edge.server, namespace(NAMESPACE))
            self._start(stack, "registration-agent", self._registration_flags())
            self._wait("--for=condition=ManagedClusterConditionAvailable", f"managedcluster/{self._edge.name}")
            self._start(stack, "work-agent", self._work_flags())
            self._prove()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def hub_kubeconfig(self) -> Path:
        """What the hub has given to this cluster: it may read and report its own works, and nothing more."""
        return self._folder / "hub" / "kubeconfig"

    def _registration_flags(self) -> list[str]:
        return [
            f"--namespace={NAMESPACE}",
            f"--bootstrap-kubeconfig={self._bootstrap}",
            f"--hub-kubeconfig-dir={self.hub_kubeconfig.parent}",
            "--cluster-healthcheck-period=10s",
        ]

    def _work_flags(self) -> list[str]:
        return [
            f"--namespace={NAMESPACE}",
            "--workload-source-driver=kube",
            f"--workload-source-config={self.hub_kubeconfig}",
            "--status-sync-interval=3s",
            "--appliedmanifestwork-eviction-grace-period=1h",
        ]

    def _start(self, stack: ExitStack, name: str, flags: list[str]) -> None:
        kubeconfig = self._edge.kubeconfig
        command = [
            *control_plane(name),
            f"--kubeconfig={kubeconfig}",
            f"--spoke-kubeconfig={kubeconfig}",
            f"--spoke-cluster-name={self._edge.name}",
            "--disable-leader-election",
            f"--listen=127.0.0.1:{free_port()}",
            *flags,
        ]
        enter, env = self._edge.room.enter, {"TMPDIR": str(self._folder), **_BREAK_OFF}
        process = Process(command, name=name, run=self._run, folder=self._folder, enter=enter, env=env)
        stack.callback(process.kill)
        self.processes[name] = process

    def _prove(self) -> None:
        """Send a work there and take it back: neither agent tells by itself that it has begun."""
        where = {"namespace": NAMESPACE, "name": _PROBE}
        manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": where}
        work = {
            "apiVersion": "work.open-cluster-management.io/v1",
            "kind": "ManifestWork",
            "metadata": {"namespace": self._edge.name, "name": _PROBE},
            "spec": {"workload": {"manifests": [manifest]}},
        }
        apply(self._hub, work)
        self._wait("--for=condition=Available", f"manifestwork/{_PROBE}", f"--namespace={self._edge.name}")
        self._hub.kubectl("delete", "manifestwork", _PROBE, "-n", self._edge.name, "--wait=false")
        self._wait("--for=delete", f"manifestwork/{_PROBE}", f"--namespace={self._edge.name}")

    def _wait(self, *arguments: str) -> None:
        self._hub.wait(*arguments, of=self.processes.values())
