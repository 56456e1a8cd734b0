"""Open Cluster Management on a plant: its controllers on the hub, its agents on the edges."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import chain
from typing import Any, Self

from tests.testbed.apiserver import ApiServer
from tests.testbed.controlplane import ControlPlane
from tests.testbed.crds import hub_crds
from tests.testbed.edge import Edge
from tests.testbed.kinds import apply, apply_crds, namespace
from tests.testbed.klusterlet import Klusterlet
from tests.testbed.processes import Process, free_port
from tests.testbed.programs import control_plane
from tests.testbed.registry import Registry
from tests.testbed.runs import Run
from tests.testbed.together import enter_together

CLUSTER_SET = "default"
LEASE_SECONDS = 12
"""How often an agent says that it lives; after five times that the hub counts its cluster as unreachable."""
_SHORT_LEASE = 2
"""For an edge that is to be missed soon; a busy machine would miss one that is there."""

_NAMESPACE = "open-cluster-management-hub"
_BOOTSTRAP = "bootstrap"
_CONTROLLERS: Mapping[str, tuple[str, ...]] = {
    "registration-hub": (
        "--feature-gates=ManagedClusterAutoApproval=true,DefaultClusterSet=true",
        f"--auto-approved-csr-users={_BOOTSTRAP}",
    ),
    "placement": (),
    "work-hub": ("--feature-gates=ManifestWorkReplicaSet=true", "--work-driver=kube"),
}


class Management:
    """All edges of a plant are managed clusters, in the set `default`, by agents that registered themselves.

    Args:
        run: the run that it belongs to.
        plant: running.

    Attributes:
        processes: the controllers of the hub: "registration-hub", "placement", "work-hub".
        klusterlets: the agents of each edge, by its name.
    """

    def __init__(self, run: Run, plant: ControlPlane) -> None:
        self._run, self.plant = run, plant
        self.processes: dict[str, Process] = {}
        self.klusterlets: dict[str, Klusterlet] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._folder = self._run.fresh_folder("ocm")
            apply_crds(self.hub, hub_crds())
            apply(self.hub, namespace(_NAMESPACE), *_bootstrap_rights())
            for name, flags in _CONTROLLERS.items():
                self._start(stack, name, flags)
            self.hub.wait("--for=create", f"managedclusterset/{CLUSTER_SET}", of=self.processes.values())
            apply(self.hub, *(_managed_cluster(name) for name in self.edges))
            bootstrap = self.hub.user(_BOOTSTRAP)
            for name, edge in self.edges.items():
                self.klusterlets[name] = Klusterlet(self._run, self.hub, edge, bootstrap=bootstrap)
            enter_together(stack, list(self.klusterlets.values()))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def hub(self) -> ApiServer:
        """Of the plant."""
        return self.plant.hub

    @property
    def edges(self) -> dict[str, Edge]:
        """Of the plant, by name."""
        return self.plant.edges

    @property
    def registry(self) -> Registry:
        """Of the plant."""
        return self.plant.registry

    @property
    def address(self) -> str:
        """What a user of the hub gives to `i4q.Hub`, as its administrator."""
        return f"ocm://{self.hub.kubeconfig}"

    def cut(self, name: str) -> None:
        """Cut an edge off, and wait until the hub has noticed by the edge's lease."""
        self.edges[name].cut()
        self._lease(name, _SHORT_LEASE)
        self._wait_available("Unknown", name)

    def join(self, name: str) -> None:
        """Put an edge back, and wait until the hub counts on it again."""
        self._lease(name, LEASE_SECONDS)
        self.edges[name].join()
        self._wait_available("True", name)

    def remove_namespace(self, name: str) -> None:
        """Remove a namespace from the hub and from every edge, with all works that put something into it."""
        self.hub.kubectl("delete", "namespace", name, "--ignore-not-found")  # replica sets take their works along
        for cluster, work in self._works_of(name):
            self.hub.kubectl("delete", "manifestwork", work, "-n", cluster, "--ignore-not-found")
        for edge in self.edges.values():
            edge.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")

    def _lease(self, name: str, seconds: int) -> None:
        spec = json.dumps({"spec": {"leaseDurationSeconds": seconds}})
        self.hub.kubectl("patch", "managedcluster", name, "--type=merge", "-p", spec)

    def _wait_available(self, status: str, name: str) -> None:
        condition = f"--for=condition=ManagedClusterConditionAvailable={status}"
        self.hub.wait(condition, f"managedcluster/{name}", of=self._all_processes())

    def _all_processes(self) -> list[Process]:
        agents = (each.processes.values() for each in self.klusterlets.values())
        return [*self.processes.values(), *chain.from_iterable(agents)]

    def _works_of(self, name: str) -> Iterator[tuple[str, str]]:
        """Cluster and name of the works that put something into a namespace, or are the namespace."""
        for work in json.loads(self.hub.kubectl("get", "manifestworks", "-A", "-o", "json"))["items"]:
            manifests = [each["metadata"] for each in work["spec"]["workload"]["manifests"]]
            if any(name in (each.get("namespace"), each["name"]) for each in manifests):
                yield work["metadata"]["namespace"], work["metadata"]["name"]

    def _start(self, stack: ExitStack, name: str, flags: tuple[str, ...]) -> None:
        command = [
            *control_plane(name),
            f"--kubeconfig={self.hub.kubeconfig}",
            f"--namespace={_NAMESPACE}",
            "--disable-leader-election",
            f"--listen=127.0.0.1:{free_port()}",
            *flags,
        ]
        env = {"TMPDIR": str(self._folder)}
        process = Process(command, name=name, run=self._run, folder=self._folder, env=env)
        stack.callback(process.kill)
        self.processes[name] = process


def _managed_cluster(name: str) -> dict[str, Any]:
    """As an administrator makes it who knows the edge before it asks; the label of the set is else the webhook's."""
    return {
        "apiVersion": "cluster.open-cluster-management.io/v1",
        "kind": "ManagedCluster",
        "metadata": {"name": name, "labels": {"cluster.open-cluster-management.io/clusterset": CLUSTER_SET}},
        "spec": {"hubAcceptsClient": True, "leaseDurationSeconds": LEASE_SECONDS},
    }


def _bootstrap_rights() -> list[dict[str, Any]]:
    """A cluster that asks to be let in may ask, and no more."""
    named = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": _BOOTSTRAP}}
    asking = {"apiGroups": ["certificates.k8s.io"], "resources": ["certificatesigningrequests"]}
    joining = {"apiGroups": ["cluster.open-cluster-management.io"], "resources": ["managedclusters"]}
    rules = [{**asking, "verbs": ["create", "get", "list", "watch"]}, {**joining, "verbs": ["create", "get"]}]
    to = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": _BOOTSTRAP}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": _BOOTSTRAP}
    return [
        {**named, "kind": "ClusterRole", "rules": rules},
        {**named, "kind": "ClusterRoleBinding", "roleRef": to, "subjects": [subject]},
    ]
