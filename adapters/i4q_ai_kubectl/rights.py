"""Rights that are missing: told apart from namespaces that are not there, which an API server tells nobody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from i4q_ai.deadline import Deadline
from i4q_ai.errors import ForbiddenError
from i4q_ai.kube import Api

PROGRAM = "i4q_ai_kubectl.rbac"
"""Prints the rights that somebody needs."""
_USUAL = (("list", "pods", ""), ("patch", "deployments", "apps"))
"""Two rights that whoever has been given any has both of, or lacks one at most by mistake."""


@contextmanager
def told(api: Api, deadline: Deadline) -> Iterator[None]:
    """Where something is refused in a namespace in which nothing is granted at all, say that it may not be there.

    Args:
        api: of the cluster.
        deadline: of the questions that this takes.

    Raises:
        ForbiddenError: in those words.
    """
    try:
        yield
    except ForbiddenError as error:
        namespace = error.namespace
        if namespace is None or any(
            api.allowed(verb, resource, namespace, group=group, deadline=deadline) for verb, resource, group in _USUAL
        ):
            raise
        raise ForbiddenError(
            f"{error.what}, nor any other right there: maybe there is no such namespace",
            verb=error.verb, resource=error.resource, group=error.group, namespace=namespace,
            hint=f"create it and grant the Role: python -m {PROGRAM} --namespace {namespace} --user …; "
            "or grant the optional ClusterRole: --all-namespaces",
        ) from error  # fmt: skip


def no_namespace(name: str, error: ForbiddenError, program: str = PROGRAM) -> ForbiddenError:
    """A namespace that is not there, and may not be made by us; the program prints the rights that it takes."""
    return ForbiddenError(
        f"there is no namespace '{name}', and no right to create it",
        verb=error.verb, resource=error.resource, group=error.group, namespace=error.namespace,
        hint=f"create it, or grant the optional ClusterRole: python -m {program} --all-namespaces --user …",
    )  # fmt: skip
