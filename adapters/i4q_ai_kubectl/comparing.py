"""Comparing: what applying would change on a cluster, asked of its API server by dry-run, object by object."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from i4q_ai import yamls
from i4q_ai.backends.base import Difference
from i4q_ai.deadline import Deadline
from i4q_ai.errors import I4qError, NotFoundError, UnreachableError
from i4q_ai.kube import Api, FieldConflictError
from i4q_ai.manifests import Object, Site, key_of, objects
from i4q_ai_kubectl.delivering import FIELD_MANAGER, leftovers, refuse_foreign
from i4q_ai_kubectl.ledger import Row

_SERVERS_OWN = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")


def compare(api: Api, site: Site, row: Row, deadline: Deadline) -> list[Difference]:
    """What delivering a row would change now: nothing where it has arrived and nobody has touched it.

    Args:
        api: of the cluster.
        site: how things are written there.
        row: what it is, or would be, told.
        deadline: when to give up.
    """
    wanted = objects(row.item, site) if row.item else []
    found: list[Difference] = []
    for each in wanted:
        found += _one(api, site, row, each, deadline)
    for each in leftovers(api, site, row, wanted, deadline):
        named = " ".join(key_of(each))
        found.append(Difference(site.cluster, row.namespace, row.name, named, "remove"))
    return found


def _one(api: Api, site: Site, row: Row, wanted: Object, deadline: Deadline) -> Iterator[Difference]:
    kind, name = key_of(wanted)
    about = partial(Difference, site.cluster, row.namespace, row.name, f"{kind} {name}")
    present = api.get(kind, site.namespace, name, deadline=deadline)
    conflicts: tuple[str, ...] = ()
    if present is not None:
        refuse_foreign(present, wanted)
    try:
        after = api.apply(wanted, manager=FIELD_MANAGER, dry_run=True, deadline=deadline)
    except FieldConflictError as error:
        conflicts = tuple(f"{field.field} is managed by {field.manager}" for field in error.fields)
        after = api.apply(wanted, manager=FIELD_MANAGER, dry_run=True, force=True, deadline=deadline)
    except NotFoundError:
        after = wanted  # its namespace is not there yet, and nothing can be tried in it
    except UnreachableError:
        raise
    except I4qError as error:
        yield about("refused", lines=(error.what,))
        return
    if present is None:
        yield about("create")
        return
    lines = tuple(diff(present, after))
    if lines or conflicts:
        yield about("update", lines=lines, conflicts=conflicts)


def diff(before: Object, after: Object) -> Iterator[str]:
    """The lines that differ, without what the server writes by itself.

    Example:
        >>> list(diff({"spec": {"replicas": 3}}, {"spec": {"replicas": 1}}))
        [' spec:', '-  replicas: 3', '+  replicas: 1']
    """
    return yamls.diff(_ours(before), _ours(after))


def _ours(found: Object) -> Object:
    kept = {key: value for key, value in found.items() if key != "status"}
    if "metadata" in kept:
        kept["metadata"] = {key: value for key, value in kept["metadata"].items() if key not in _SERVERS_OWN}
    return kept
