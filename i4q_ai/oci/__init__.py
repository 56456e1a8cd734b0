"""Artifacts in registries and OCI layout folders: push, resolve, describe, fetch.

Cheap to import; what a call needs is imported by the call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from i4q_ai.oci.describing import describe, resolve
    from i4q_ai.oci.fetching import fetch
    from i4q_ai.oci.pushing import push
    from i4q_ai.oci.rawfiles import push_files
    from i4q_ai.oci.reference import Reference

__all__ = ["Reference", "describe", "fetch", "push", "push_files", "resolve"]

_HOMES = {
    "Reference": "reference",
    "describe": "describing",
    "fetch": "fetching",
    "push": "pushing",
    "push_files": "rawfiles",
    "resolve": "describing",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
