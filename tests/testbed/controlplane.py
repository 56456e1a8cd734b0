"""A plant: a hub, its edge clusters and a registry that all of them reach."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Self

from tests.testbed.apiserver import ApiServer, Place
from tests.testbed.edge import Edge
from tests.testbed.lacking import need_root
from tests.testbed.network import HUB, Backbone
from tests.testbed.registry import Registry
from tests.testbed.runs import Run
from tests.testbed.together import enter_together


class ControlPlane:
    """Started together: each part is ready when this has been entered.

    Needs root: without, the test is skipped (in CI: fails).

    Args:
        run: the run that it belongs to.
        edges: how many edge clusters: "edge-1", "edge-2" …
        nodes: how many of them, the first ones, have a node that runs pods.

    Attributes:
        hub: an API server with controllers; edges reach it, too.
        edges: the edge clusters by name.
        registry: speaks plain http; nodes pull from it.
    """

    def __init__(self, run: Run, *, edges: int = 3, nodes: int = 3) -> None:
        self._run = run
        self.hub = ApiServer(run, "hub", controllers=True, place=Place(address=HUB))
        names = [f"edge-{number}" for number in range(1, edges + 1)]
        self.edges = {name: Edge(run, name, node=number < nodes) for number, name in enumerate(names)}
        self.registry = Registry(run.fresh_folder("registry"), address=HUB)
        self._nodes = names[:nodes]
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        need_root("a plant with networks of its own")
        with ExitStack() as stack:
            stack.enter_context(Backbone())
            enter_together(stack, [self.registry, self.hub, *self.edges.values()])
            for name in self._nodes:
                self.edges[name].trust(self.registry.host)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
