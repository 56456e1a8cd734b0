"""containerd of a node, and the folders that a node has for itself."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from tests.testbed import machine
from tests.testbed.network import Room
from tests.testbed.packages import CNI
from tests.testbed.pause import PAUSE, pause_tar
from tests.testbed.processes import Process, wait_until
from tests.testbed.programs import node
from tests.testbed.runs import Run

PODS = "10.244.0.0/24"
_IMPORT_TIMEOUT = 600

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
            write_json(self.folder / "cni" / "10-pods.conflist", _pod_network())
            command = [str(node("containerd")), f"--config={config}"]
            enter, env = self._room.enter, search_path()
            self.process = Process(command, name="containerd", run=self._run, folder=self.folder, enter=enter, env=env)
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


def _pod_network() -> dict[str, Any]:
    addresses = {"type": "host-local", "ranges": [[{"subnet": PODS}]], "routes": [{"dst": "0.0.0.0/0"}]}
    bridge = {"type": "bridge", "bridge": "pods", "isGateway": True, "ipMasq": True, "hairpinMode": True}
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": [{**bridge, "ipam": addresses}, ports]}


def search_path() -> dict[str, str]:
    """Where containerd finds its shim, and everyone iptables and runc."""
    return {"PATH": f"{node('ctr').parent}:{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}


def write_json(path: Path, content: dict[str, Any]) -> Path:
    """Write a configuration; gives its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2))
    return path
