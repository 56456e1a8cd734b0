"""An edge cluster: a real one, in namespaces of its own, whose network can be cut."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tests.testbed.apiserver import ApiServer, Place
from tests.testbed.containers import Containers
from tests.testbed.lacking import need_root
from tests.testbed.network import HUB, Backbone, Room
from tests.testbed.node import Node
from tests.testbed.packages import need_programs
from tests.testbed.processes import Process
from tests.testbed.runs import Run
from tests.testbed.together import enter_together


class Edge:
    """A cluster with controllers, scheduler and, with `node`, one node that runs pods.

    Needs root: without, the test is skipped (in CI: fails).

    Args:
        run: the run that it belongs to.
        name: of the cluster and of its node.
        node: whether it has a node.
    """

    def __init__(self, run: Run, name: str, *, node: bool = True) -> None:
        self.name = name
        self._run, self._has_node = run, node
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        need_root("an edge with a network of its own")
        need_programs(*(() if self._has_node else ("ip", "nsenter", "unshare")))
        with ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def address(self) -> str:
        """Where the edge is reached from the hub's side: its API server, and its NodePorts."""
        return self.room.address

    @property
    def kubeconfig(self) -> Path:
        """Of the administrator; works from the hub's side while the edge is not cut off."""
        return self.server.kubeconfig

    @property
    def processes(self) -> dict[str, Process]:
        """What runs, by name: `edge.processes["kubelet"].kill()`."""
        found = {**self.server.processes}
        if self._has_node:
            found |= {"containerd": self.containers.process, **self.node.processes}
        return found

    def user(self, name: str, groups: Iterable[str] = ()) -> Path:
        """A kubeconfig of a user, who may do what RBAC grants and nothing more."""
        return self.server.user(name, groups)

    def kubectl(self, *arguments: str | Path, input: str | None = None, timeout: float = 180) -> str:
        """Run kubectl as the administrator, at the edge; see `ApiServer.kubectl`."""
        return self.server.kubectl(*arguments, input=input, timeout=timeout)

    def ctr(self, *arguments: str | Path) -> str:
        """Run containerd's own client on the node."""
        return self.containers.ctr(*arguments)

    def import_image(self, tar: Path) -> None:
        """Put the images of a tar on the node."""
        self.containers.import_image(tar)

    def trust(self, registry: str, *, authority: Path | None = None) -> None:
        """Let the node pull from a registry: by plain http, or checked by an authority's certificate."""
        self.containers.trust(registry, authority=authority)

    def cut(self) -> None:
        """Cut the network between hub and edge; the edge itself goes on."""
        self.room.cut()

    def join(self) -> None:
        """Put the network back."""
        self.room.join()

    def _start(self, stack: ExitStack) -> None:
        folder = self._run.fresh_folder(self.name)
        stack.enter_context(Backbone())
        self.room = stack.enter_context(Room(self._run, folder))
        place = Place(address=self.room.address, others=(HUB,), enter=self.room.enter)
        self.server = ApiServer(self._run, self.name, controllers=True, scheduler=True, place=place, folder=folder)
        if not self._has_node:
            stack.enter_context(self.server)
            return
        self.containers = Containers(self._run, self.room, folder / "node")
        enter_together(stack, [self.containers, self.server])
        self.node = stack.enter_context(Node(self._run, self.room, self.containers, self.server))
