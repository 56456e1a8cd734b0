"""Rights that a hub's webhooks ask for, in words of their own, told as those that the API server asks for itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from i4q_ai.errors import ForbiddenError, InvalidError

PROGRAM = "i4q_ai_ocm.rbac"
"""Prints the rights that somebody needs."""
_NAMED = re.compile(r"\b(?P<resource>managedclusters(?:ets)?/(?:bind|join|accept))\b.* is forbidden")
_ASKED = {
    "managedclustersets/bind": ("create", "cluster.open-cluster-management.io", "--hub"),
    "managedclustersets/join": ("create", "cluster.open-cluster-management.io", "--clusters"),
    "managedclusters/accept": ("update", "register.open-cluster-management.io", "--clusters"),
}
"""Resource → verb, group, and the option of our program that prints it."""


@contextmanager
def told() -> Iterator[None]:
    """Name the right that a webhook of the hub misses.

    Raises:
        ForbiddenError: in place of a refusal that does not name it.
    """
    try:
        yield
    except InvalidError as error:
        named = _NAMED.search(str(error))
        if named is None:
            raise
        verb, group, option = _ASKED[named["resource"]]
        raise ForbiddenError(
            f"{error.what}: no right to {verb} {named['resource']} in all of the cluster",
            verb=verb, resource=named["resource"], group=group, namespace=None,
            hint=f"grant the ClusterRole: python -m {PROGRAM} {option} --user …",
        ) from error  # fmt: skip
