"""From a reference to what answers for it."""

from __future__ import annotations

from i4q_ai.oci.layout import Layout
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.source import Repository


def source(reference: Reference, *, plain_http: bool = False) -> Repository:
    """The layout folder or registry of a reference; nothing is asked yet.

    Args:
        reference: only where, not what.
        plain_http: talk http to a registry that is not on this machine.
    """
    if reference.is_layout:
        return Layout(reference.folder)
    from i4q_ai.oci.remote import Remote

    return Remote(reference, plain_http=plain_http)
