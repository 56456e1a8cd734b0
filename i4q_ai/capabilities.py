"""What a backend can do, as data: asked before anything is tried."""

from __future__ import annotations

from dataclasses import dataclass

from i4q_ai.desired import Flavour


@dataclass(frozen=True)
class Capabilities:
    """What a backend can do, as data.

    Args:
        flavours: how it can deliver a model.
        images: it runs workloads from container images.
        commands: it runs workloads from a command with pushed code.
        reach: it can give an address of what runs on a cluster.
        logs: it can show logs.
        stop: its clusters can be stopped and started.
        gitops: it can deliver through Git.
        joins: clusters that are there already can join by their kubeconfig.
        compare: it can say what differs on a cluster, object by object, and repair it.
        scores: it keeps scores of clusters, which placements prefer by.
        single: it can tell single clusters; else a group of a placement at once, and roll-outs are not finer.
    """

    flavours: frozenset[Flavour]
    images: bool = False
    commands: bool = False
    reach: bool = False
    logs: bool = False
    stop: bool = False
    gitops: bool = False
    joins: bool = False
    compare: bool = False
    scores: bool = False
    single: bool = True
