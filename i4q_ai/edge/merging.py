"""Several sources, as ConfigMaps or places in Git, to one desired state; pure.

The revision of the merged document is a count of its own: that of the last one, and one more when anything in it is
different. Revisions of the sources do not do: a ConfigMap that is deleted and made again begins anew, a tree in Git has
none, and the agent never goes back to a lower revision.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from i4q_ai.desired import Desired, Item, ModelItem, Policy, WorkloadItem
from i4q_ai.errors import SchemaError

DOCUMENT = "desired.json"
"""The key of a ConfigMap, or the name of a file, that holds the desired state."""
LARGEST = 4 * 1024 * 1024
"""Bytes of one document; what wants more is a mistake, or malice."""


@dataclass(frozen=True)
class Source:
    """One that says what is wanted.

    Args:
        name: of it.
        document: what it says; None while nobody has said anything.
        asked: it has answered once, or was found not to.
        trouble: why it cannot be read or followed; what it said last stands.
        kind: what it is.
    """

    name: str
    document: Desired | None = None
    asked: bool = False
    trouble: str = ""
    kind: str = "ConfigMap"

    def __str__(self) -> str:
        return f"{self.kind} '{self.name}'"


def parse(text: str, *, name: str) -> Desired:
    """The document of a ConfigMap.

    Raises:
        SchemaError: it is none.
    """
    return Desired.from_json(text, where=f"ConfigMap '{name}', {DOCUMENT}")


def joined(files: Mapping[str, bytes], *, cluster: str, where: str) -> Desired:
    """The documents of several files as one; all of them, or none.

    Args:
        files: name → content; at least one.
        cluster: whose the joined document is.
        where: they are, for errors.

    Raises:
        SchemaError: one is none, or two name the same model or workload.
    """
    documents = {name: _from_file(raw, where=f"{where}, {name}") for name, raw in sorted(files.items())}
    first: dict[tuple[str, str], str] = {}
    for name, document in documents.items():
        for item in document.items:
            other = first.setdefault((item.namespace, item.name), name)
            if other != name:
                what = f"{where}: {other} and {name} both name {item.namespace}/{item.name}"
                raise SchemaError(what, hint="follow the folder of one group, or take one of them away")
    return Desired(
        cluster=cluster,
        models=tuple(item for document in documents.values() for item in document.models),
        workloads=tuple(item for document in documents.values() for item in document.workloads),
        policy=_most_patient([document.policy for document in documents.values()]),
    )


def numbered(document: Desired, last: Desired | None) -> Desired:
    """The document with a revision for each item that has none: that of the last change of it that was seen here.

    An item that comes again after another version has a new one, so that the agent tries it again.

    Args:
        document: as somebody said it.
        last: what was merged before.
    """
    known = {(item.namespace, item.name): item for item in last.items} if last else {}
    new = (last.revision if last else 0) + 1

    def number(item: Item) -> int:
        before = known.get((item.namespace, item.name))
        same = before is not None and type(before) is type(item) and before.replace(revision=0) == item
        return before.revision if before is not None and same else new

    return document.replace(
        models=tuple(item if item.revision else item.replace(revision=number(item)) for item in document.models),
        workloads=tuple(item if item.revision else item.replace(revision=number(item)) for item in document.workloads),
    )


def newest(*documents: Desired | None) -> Desired | None:
    """The document with the highest revision, the first of equals: of copies that nobody can tell the age of."""
    there = [document for document in documents if document is not None]
    return max(there, key=lambda document: document.revision, default=None)


def merge(sources: Sequence[Source], last: Desired | None) -> Desired | None:
    """All that is wanted.

    Args:
        sources: the first that names an item decides about it.
        last: what was merged before.

    Returns:
        The last document where nothing in it changes; None where nobody has ever said anything.
    """
    documents = [source.document for source in sources if source.document is not None]
    known = [*documents, last] if last is not None else documents
    if not known:
        return None
    items = _first_of_each(documents)
    merged = Desired(
        cluster=known[0].cluster,
        revision=last.revision if last else 0,
        models=tuple(item for item in items if isinstance(item, ModelItem)),
        workloads=tuple(item for item in items if isinstance(item, WorkloadItem)),
        policy=_most_patient([document.policy for document in documents]),
    )
    return merged if merged == last else merged.replace(revision=merged.revision + 1)


def remark(sources: Sequence[Source]) -> str:
    """What keeps sources from being followed, for people; empty where nothing does."""
    found = [source.trouble or _waits(source) for source in sources if source.asked]
    return "; ".join(part for part in (*found, *_clashes(sources)) if part)


def complete(sources: Iterable[Source]) -> bool:
    """Every source says what it wants."""
    return all(source.document is not None and len(source.document.items) > 0 for source in sources)


def _waits(source: Source) -> str:
    return "" if source.document else f"waiting for its model: {source} is not there yet"


def _clashes(sources: Sequence[Source]) -> list[str]:
    first: dict[tuple[str, str], str] = {}
    found = []
    for source in sources:
        for item in source.document.items if source.document else ():
            decides = first.setdefault((item.namespace, item.name), source.name)
            if decides != source.name:
                found.append(f"{source} names {item.namespace}/{item.name} too, about which '{decides}' decides")
    return found


def _from_file(raw: bytes, *, where: str) -> Desired:
    if len(raw) > LARGEST:
        raise SchemaError(f"{where}: larger than {LARGEST} bytes")
    return Desired.from_json(raw, where=where)


def _first_of_each(documents: Iterable[Desired]) -> list[Item]:
    found: dict[tuple[str, str], Item] = {}
    for document in documents:
        for item in document.items:
            found.setdefault((item.namespace, item.name), item)
    return list(found.values())


def _most_patient(policies: Sequence[Policy]) -> Policy:
    """One policy that does justice to all, whatever their order."""
    if not policies:
        return Policy()
    return Policy.parse({field: max(getattr(policy, field) for policy in policies) for field in Policy.model_fields})
