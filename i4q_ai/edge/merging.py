"""Several ConfigMaps to one desired state; pure.

The revision of the merged document is a count of its own: that of the last one, and one more when anything in it is
different. Revisions of the ConfigMaps do not do: one that is deleted and made again begins anew, and the agent never
goes back to a lower revision.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from i4q_ai.desired import Desired, Item, ModelItem, Policy, WorkloadItem

DOCUMENT = "desired.json"
"""The key of a ConfigMap that holds the desired state."""


@dataclass(frozen=True)
class Source:
    """One ConfigMap that says what is wanted.

    Args:
        name: of the ConfigMap.
        document: what it says; None while nobody has said anything.
        asked: the API server has answered once, or was found not to.
        trouble: why it cannot be read or followed; what it said last stands.
    """

    name: str
    document: Desired | None = None
    asked: bool = False
    trouble: str = ""


def parse(text: str, *, name: str) -> Desired:
    """The document of a ConfigMap.

    Raises:
        SchemaError: it is none.
    """
    return Desired.from_json(text, where=f"ConfigMap '{name}', {DOCUMENT}")


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
    """What keeps ConfigMaps from being followed, for people; empty where nothing does."""
    found = [source.trouble or _waits(source) for source in sources if source.asked]
    return "; ".join(part for part in (*found, *_clashes(sources)) if part)


def complete(sources: Iterable[Source]) -> bool:
    """Every ConfigMap says what it wants."""
    return all(source.document is not None and len(source.document.items) > 0 for source in sources)


def _waits(source: Source) -> str:
    return "" if source.document else f"waiting for its model: ConfigMap '{source.name}' is not there yet"


def _clashes(sources: Sequence[Source]) -> list[str]:
    first: dict[tuple[str, str], str] = {}
    found = []
    for source in sources:
        for item in source.document.items if source.document else ():
            decides = first.setdefault((item.namespace, item.name), source.name)
            if decides != source.name:
                about = f"{item.namespace}/{item.name}"
                found.append(f"ConfigMap '{source.name}' names {about} too, about which '{decides}' decides")
    return found


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
