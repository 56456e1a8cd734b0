"""Artifacts in registries and OCI layout folders: pushed, fetched, copied, saved, looked at.

Cheap to import; what a call needs is imported by the call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from i4q_ai.oci.attaching import attach
    from i4q_ai.oci.comparing import diff
    from i4q_ai.oci.describing import describe, resolve
    from i4q_ai.oci.downloads.unpacking import pull
    from i4q_ai.oci.fetching import fetch
    from i4q_ai.oci.inspecting import inspect
    from i4q_ai.oci.listing import tags
    from i4q_ai.oci.pushing import push
    from i4q_ai.oci.reference import Reference
    from i4q_ai.oci.signing import sign, verify
    from i4q_ai.oci.telling import tell
    from i4q_ai.oci.transfers.copying import copy
    from i4q_ai.oci.transfers.saving import load, save
    from i4q_ai.oci.uploads.rawfiles import push_files

__all__ = [
    "Reference",
    "attach",
    "copy",
    "describe",
    "diff",
    "fetch",
    "inspect",
    "load",
    "pull",
    "push",
    "push_files",
    "resolve",
    "save",
    "sign",
    "tags",
    "tell",
    "verify",
]

_HOMES = {
    "Reference": "reference",
    "attach": "attaching",
    "copy": "transfers.copying",
    "describe": "describing",
    "diff": "comparing",
    "fetch": "fetching",
    "inspect": "inspecting",
    "load": "transfers.saving",
    "pull": "downloads.unpacking",
    "push": "pushing",
    "push_files": "uploads.rawfiles",
    "resolve": "describing",
    "save": "transfers.saving",
    "sign": "signing",
    "tags": "listing",
    "tell": "telling",
    "verify": "signing",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
