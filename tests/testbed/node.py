"""A node: containerd, kubelet, kube-proxy and DNS in the namespaces of an edge, at the paths where nodes have them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import requests

from tests.testbed import cgroups, machine
from tests.testbed.apiserver import ApiServer
from tests.testbed.network import Room
from tests.testbed.packages import CNI
from tests.testbed.pause import PAUSE, pause_tar
from tests.testbed.processes import Process, wait_until
from tests.testbed.programs import control_plane, dns, node
from tests.testbed.runs import Run

_PODS = "10.244.0.0/24"
_DNS_READY = 8181
_IMPORT_TIMEOUT = 600
_REQUEST_TIMEOUT = 5

# What kubelet sets on its machine. It finds them set already, so that a test does not change how this machine behaves.
_KERNEL = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1_000_000,
    "kernel/keys/root_maxbytes": 25_000_000,
}

_CONTAINERD = """\
version = 3
[plugins.'io.containerd.cri.v1.images']
  snapshotter = "overlayfs"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{pause}"
[plugins.'io.containerd.cri.v1.images'.registry]
  config_path = "{registries}"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true  # without CAP_SYS_RESOURCE runc cannot lower it, and no pod starts
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["{cni}"]
  conf_dir = "{networks}"
"""

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


class Containers:
    """containerd in the namespaces of an edge, with the pause image.

    Args:
        run: the run that it belongs to.
        room: the namespaces.
        folder: an empty one; what a node keeps under /var and /run is in there.
    """

    def __init__(self, run: Run, room: Room, folder: Path) -> None:
        self._run, self._room, self.folder = run, room, folder
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._mount()
            config = self.folder / "containerd.toml"
            text = _CONTAINERD.format(pause=PAUSE, registries=self._registries, cni=CNI, networks=self.folder / "cni")
            config.write_text(text)
            _write_json(self.folder / "cni" / "10-pods.conflist", _pod_network())
            command = [str(node("containerd")), f"--config={config}"]
            self.process = Process(
                command, name="containerd", run=self._run, folder=self.folder, enter=self._room.enter, env=_path()
            )
            stack.callback(self.process.kill)
            wait_until(self._answers, what="containerd answers", of=[self.process])
            self.import_image(pause_tar(self.folder))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def ctr(self, *arguments: str | Path) -> str:
        """Run containerd's own client on the images and containers of Kubernetes; gives what it prints."""
        return self._room.run([node("ctr"), "--namespace=k8s.io", *arguments])

    def import_image(self, tar: Path) -> None:
        """Import the images of a tar, as k3s does with those in its images folder."""
        command = [*self._room.enter, str(node("ctr")), "--namespace=k8s.io", "images", "import", "-"]
        with tar.open("rb") as content:
            done = subprocess.run(command, stdin=content, capture_output=True, text=True, timeout=_IMPORT_TIMEOUT)
        if done.returncode:
            raise RuntimeError(f"containerd does not import {tar}: {done.stderr.strip()}")

    def trust(self, registry: str, *, authority: Path | None = None) -> None:
        """Let containerd pull from a registry of the tests.

        Args:
            registry: its host and port.
            authority: the certificate to check it by; without, it speaks plain http.
        """
        url = f"{'https' if authority else 'http'}://{registry}"
        lines = [f'server = "{url}"', f'[host."{url}"]', 'capabilities = ["pull", "resolve"]']
        if authority:
            lines.append(f'ca = "{authority}"')
        folder = self._registries / registry
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "hosts.toml").write_text("\n".join(lines) + "\n")

    @property
    def _registries(self) -> Path:
        return self.folder / "registries"

    def _mount(self) -> None:
        """Give the node folders of its own where several nodes of one machine would meet."""
        self.folder.mkdir()
        self._room.run(["mount", "-t", "tmpfs", "tmpfs", "/run"])
        for path in ("/var/lib/kubelet", "/var/lib/containerd", "/var/lib/cni", "/var/log"):
            own = self.folder / path.removeprefix("/")
            own.mkdir(parents=True)
            machine.mount_point(Path(path))
            self._room.run(["mount", "--bind", own, path])
        for name, value in _KERNEL.items():
            own = self.folder / "kernel" / name
            own.parent.mkdir(parents=True, exist_ok=True)
            own.write_text(f"{value}\n")
            self._room.run(["mount", "--bind", own, f"/proc/sys/{name}"])

    def _answers(self) -> bool:
        try:
            self.ctr("version")
        except RuntimeError:
            return False
        return True


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
        config = _write_json(self._folder / "kubelet.json", self._kubelet())
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
            "clusterCIDR": _PODS,
            # Limits of the whole machine, which are not ours to change.
            "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        }
        path = _write_json(self._folder / "kube-proxy.json", config)
        self._start(stack, "kube-proxy", [*control_plane("kube-proxy"), f"--config={path}"])

    def _start_dns(self, stack: ExitStack) -> None:
        self._server.kubectl("apply", "-f", "-", input=_DNS_RIGHTS)
        user = self._server.user("testbed-dns")
        corefile = self._folder / "Corefile"
        corefile.write_text(_COREFILE.format(address=self._room.address, ready=_DNS_READY, kubeconfig=user))
        self._start(stack, "coredns", [dns(), f"-conf={corefile}"])

    def _start(self, stack: ExitStack, name: str, command: Sequence[str | Path]) -> None:
        process = Process(command, name=name, run=self._run, folder=self._folder, enter=self._room.enter, env=_path())
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


def _pod_network() -> dict[str, Any]:
    addresses = {"type": "host-local", "ranges": [[{"subnet": _PODS}]], "routes": [{"dst": "0.0.0.0/0"}]}
    bridge = {"type": "bridge", "bridge": "pods", "isGateway": True, "ipMasq": True, "hairpinMode": True}
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": [{**bridge, "ipam": addresses}, ports]}


def _path() -> dict[str, str]:
    """Where containerd finds its shim, and everyone iptables and runc."""
    return {"PATH": f"{node('ctr').parent}:{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}


def _write_json(path: Path, content: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2))
    return path
