"""All that hangs together below one manifest or index, as it must be written: blobs, then manifests, leaves first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from i4q_ai.deadline import Deadline
from i4q_ai.errors import IntegrityError
from i4q_ai.oci import contents, media, referrers
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.source import Listed, Source

_DEPTH = 6
_MANIFESTS = 10_000
_ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json"
_LISTED = frozenset({*media.MANIFESTS, *media.INDEXES, _ARTIFACT, ""})


@dataclass(frozen=True)
class Node:
    """One manifest or index.

    Args:
        descriptor: of it, with type and annotations as lists of referrers have them.
        raw: its bytes.
        subject: what it refers to.
    """

    descriptor: Descriptor
    raw: bytes
    subject: str | None


@dataclass
class Graph:
    """What hangs together.

    Args:
        root: where it begins.
        nodes: manifests and indexes below the root and itself, each after all that it lists; without referrers.
        blobs: by digest; of referrers, too.
        referrers: what refers to any of the nodes, or to one of themselves; each after what it refers to.
    """

    root: Descriptor
    nodes: dict[str, Node] = field(default_factory=dict)
    blobs: dict[str, Descriptor] = field(default_factory=dict)
    referrers: dict[str, Node] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of all of it."""
        nodes = (*self.nodes.values(), *self.referrers.values())
        return sum(blob.size for blob in self.blobs.values()) + sum(len(node.raw) for node in nodes)


def walk(source: Listed, digest: str, deadline: Deadline, *, with_referrers: bool = True) -> Graph:
    """Read all manifests that hang together.

    Args:
        source: that has them.
        digest: of the root.
        deadline: for reading them.
        with_referrers: and what refers to them.

    Raises:
        NotFoundError: one that is listed is not there.
        IntegrityError: one is no manifest, lists itself, or there are too many.
    """
    graph = Graph(Descriptor("", digest, 0))
    _descend(source, digest, graph, graph.nodes, deadline, 0)
    graph.root = graph.nodes[digest].descriptor
    if with_referrers:
        _beside(source, graph, deadline)
    return graph


def _descend(source: Source, digest: str, graph: Graph, into: dict[str, Node], deadline: Deadline, depth: int) -> None:
    if digest in into:
        return
    where = f"{source.name}@{digest}"
    if depth > _DEPTH or len(into) >= _MANIFESTS:
        raise IntegrityError(f"{where} is listed {_DEPTH} indexes deep, or as one of more than {_MANIFESTS} manifests")
    raw = source.manifest(digest, deadline)
    manifest = contents.parse(raw, where=where)
    for child in children(manifest, where=where):
        if is_manifest(child, manifest):
            _descend(source, child.digest, graph, into, deadline, depth + 1)
        else:
            graph.blobs.setdefault(child.digest, child)
    subject = contents.subject_of(manifest)
    into[digest] = Node(contents.referrer(digest, len(raw), manifest), raw, subject)


def _beside(source: Listed, graph: Graph, deadline: Deadline) -> None:
    asked = list(graph.nodes)
    for subject in asked:  # grows while it is read
        if len(asked) > _MANIFESTS:
            raise IntegrityError(f"{source.name}: more than {_MANIFESTS} manifests refer to {graph.root.digest}")
        for one in referrers.referrers(source, subject, deadline=deadline):
            if one.digest in graph.referrers or one.digest in graph.nodes:
                continue
            below: dict[str, Node] = {}
            _descend(source, one.digest, graph, below, deadline, 0)
            if below[one.digest].subject != subject:
                raise IntegrityError(
                    f"{source.name}@{one.digest} is listed among the referrers of {subject}, and does not refer to it"
                )
            graph.referrers |= below
            asked.append(one.digest)


def children(manifest: dict[str, Any], *, where: str) -> list[Descriptor]:
    """What a manifest or index lists, without its subject."""
    config = [manifest["config"]] if "config" in manifest else []
    found = [
        *contents.listed(manifest, "manifests", where=where),
        *contents.listed(manifest, "layers", where=where),
        *contents.listed(manifest, "blobs", where=where),
        *config,
    ]
    return [Descriptor.parse(item, where=where) for item in found]


def is_manifest(child: Descriptor, parent: dict[str, Any]) -> bool:
    """Whether what is listed is a manifest itself, so that a registry has it among those, not among its blobs."""
    return contents.is_index(parent) and child.media_type in _LISTED
