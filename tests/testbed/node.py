"""A node: containerd, kubelet, kube-proxy and DNS in the namespaces of an edge, at the paths where nodes have them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import requests

from tests.testbed import cgroups
from tests.testbed.apiserver import ApiServer
from tests.testbed.containers import PODS, Containers, search_path, write_json
from tests.testbed.network import Room
from tests.testbed.processes import Process, wait_until
from tests.testbed.programs import control_plane, dns
from tests.testbed.runs import Run

_DNS_READY = 8181
_REQUEST_TIMEOUT = 5

_COREFILE = """\
cluster.local in-addr.arpa {{
  bind {address}
  errors
  ready {address}:{ready}
  kubernetes cluster.local in-addr.arpa {{
    kubeconfig {kubeconfig}
    ttl 1
  }}
}}
. {{
  bind {address}
  template ANY ANY {{
    rcode NXDOMAIN
  }}
}}
"""

_DNS_RIGHTS = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: testbed-dns}
rules:
- {apiGroups: [""], resources: [services, pods, namespaces], verbs: [list, watch]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: testbed-dns}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: testbed-dns}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: testbed-dns}]
"""


class Node:
    """kubelet, kube-proxy and DNS of a cluster with one node, which is ready when this has been entered.

    Args:
        run: the run that it belongs to.
        room: the namespaces.
        containers: containerd in there.
        server: the API server in there.
    """

    def __init__(self, run: Run, room: Room, containers: Containers, server: ApiServer) -> None:
        self._run, self._room, self._server = run, room, server
        self._folder = containers.folder
        self._stack = ExitStack()
        self.processes: dict[str, Process] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._start_kubelet(stack)
            self._start_proxy(stack)
            self._start_dns(stack)
            for condition in ("create", "condition=Ready"):
                self._server.wait(f"--for={condition}", f"node/{self._server.name}", of=self.processes.values())
            wait_until(self._dns_ready, what="DNS is ready", of=self.processes.values())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start_kubelet(self, stack: ExitStack) -> None:
        name = self._server.name
        user = self._server.user(f"system:node:{name}", ["system:nodes"])
        config = write_json(self._folder / "kubelet.json", self._kubelet())
        flags = [f"--config={config}", f"--kubeconfig={user}", f"--hostname-override={name}"]
        flags += [f"--node-ip={self._room.address}"]
        self._start(stack, "kubelet", [*control_plane("kubelet"), *flags])

    def _start_proxy(self, stack: ExitStack) -> None:
        config = {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            "clientConnection": {"kubeconfig": str(self._server.user("system:kube-proxy"))},
            "hostnameOverride": self._server.name,
            "clusterCIDR": PODS,
            # Limits of the whole machine, which are not ours to change.
            "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        }
        path = write_json(self._folder / "kube-proxy.json", config)
        self._start(stack, "kube-proxy", [*control_plane("kube-proxy"), f"--config={path}"])

    def _start_dns(self, stack: ExitStack) -> None:
        self._server.kubectl("apply", "-f", "-", input=_DNS_RIGHTS)
        user = self._server.user("testbed-dns")
        corefile = self._folder / "Corefile"
        corefile.write_text(_COREFILE.format(address=self._room.address, ready=_DNS_READY, kubeconfig=user))
        self._start(stack, "coredns", [dns(), f"-conf={corefile}"])

    def _start(self, stack: ExitStack, name: str, command: Sequence[str | Path]) -> None:
        process = Process(
            command, name=name, run=self._run, folder=self._folder, enter=self._room.enter, env=search_path()
        )
        stack.callback(process.kill)
        self.processes[name] = process

    def _kubelet(self) -> dict[str, Any]:
        resolver = self._folder / "resolv.conf"
        resolver.touch()  # pods ask the cluster's DNS and nobody else
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": self._room.address,
            "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": cgroups.make(self._run.name, self._server.folder.name),
            "enforceNodeAllocatable": [],
            "failSwapOn": False,
            "localStorageCapacityIsolation": False,
            "featureGates": {"ImageVolume": True},
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(self._server.folder / "clients.crt")},
            },
            "authorization": {"mode": "Webhook"},
            "clusterDNS": [self._room.address],
            "clusterDomain": "cluster.local",
            "resolvConf": str(resolver),
            "serializeImagePulls": False,
            "registryPullQPS": 0,
            # This machine's disk may be as full as it likes.
            "imageGCHighThresholdPercent": 100,
            "evictionHard": {"memory.available": "0%", "nodefs.available": "0%", "imagefs.available": "0%"},
        }

    def _dns_ready(self) -> bool:
        try:
            url = f"http://{self._room.address}:{_DNS_READY}/ready"
            return requests.get(url, timeout=_REQUEST_TIMEOUT).ok
        except requests.RequestException:
            return False
