"""Delivering a row of a ledger to its cluster: applied in safe order, what is not wanted any more pruned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from i4q_ai.deadline import Deadline
from i4q_ai.errors import NotFoundError, OwnedError
from i4q_ai.kube import Api
from i4q_ai.manifests import Object, Site, objects, selector
from i4q_ai.manifests.naming import HUB, MANAGED_BY, MANAGER, NAMESPACE
from i4q_ai.manifests.order import ORDER
from i4q_ai_kubectl.home import make_namespace
from i4q_ai_kubectl.ledger import Row

FIELD_MANAGER = "i4q-ai"


def deliver(api: Api, site: Site, row: Row, *, force: bool = False, deadline: Deadline) -> None:
    """Bring a cluster to what a row says; may be done again at any time, from anywhere, half-way included.

    Args:
        api: of the cluster.
        site: how things are written there.
        row: what it has been told.
        force: take fields that somebody else manages.
        deadline: when to give up.

    Raises:
        FieldConflictError: somebody else manages a field, and `force` is not set.
        OwnedError: an object of that name is not ours.
        I4qError: what the API server refuses.
    """
    wanted = objects(row.item, site) if row.item else []
    fresh = not (row.delivered or row.left)
    for each in wanted:
        if fresh:
            _look(api, each, deadline)
        _apply(api, each, site, force=force, deadline=deadline)
    for each in leftovers(api, site, row, wanted, deadline):
        about = each["metadata"]
        api.delete(each["kind"], site.namespace, about["name"], uid=about["uid"], deadline=deadline)


def leftovers(api: Api, site: Site, row: Row, wanted: Sequence[Object], deadline: Deadline) -> Iterator[Object]:
    """What is there from before, and of a kind that is not wanted any more; each before what it needs."""
    labels = selector(row.namespace, row.name, hub=site.hub)
    for kind in sorted({*row.left} - {each["kind"] for each in wanted}, key=ORDER.index, reverse=True):
        yield from api.list(kind, site.namespace, labels=labels, deadline=deadline).items


def _look(api: Api, wanted: Object, deadline: Deadline) -> None:
    """Refuse to take over what somebody else has made; applying would not, as long as no field differs."""
    metadata = wanted["metadata"]
    found = api.get(wanted["kind"], metadata["namespace"], metadata["name"], deadline=deadline)
    if found is not None:
        refuse_foreign(found, wanted)


def _apply(api: Api, wanted: Object, site: Site, *, force: bool, deadline: Deadline) -> None:
    try:
        api.apply(wanted, manager=FIELD_MANAGER, force=force, deadline=deadline)
    except NotFoundError:
        make_namespace(api, site.namespace, deadline)
        api.apply(wanted, manager=FIELD_MANAGER, force=force, deadline=deadline)


def refuse_foreign(found: Object, wanted: Object) -> None:
    """Raise if an object that is there belongs to somebody else.

    Raises:
        OwnedError: it is not ours, another hub's, or of another deployment that lands in the same namespace.
    """
    has = found["metadata"].get("labels") or {}
    should = wanted["metadata"]["labels"]
    what = f"{wanted['kind']} '{wanted['metadata']['namespace']}/{wanted['metadata']['name']}'"
    if has.get(MANAGED_BY) != MANAGER:
        raise OwnedError(f"{what} is there already, and not ours", hint="take another name=, or another namespace")
    if has.get(HUB) != should[HUB]:
        raise OwnedError(f"{what} belongs to another hub", hint="two hubs may not use one namespace for one name")
    if has.get(NAMESPACE) != should[NAMESPACE]:
        raise OwnedError(
            f"{what} is of namespace '{has.get(NAMESPACE)}', which lands here too",
            hint="the inventory puts both namespaces into one here; take another name=",
        )
