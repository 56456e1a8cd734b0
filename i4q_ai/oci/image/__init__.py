"""The image in which the model server and the edge agent run, built from a base, wheels and this package.

Cheap to import; what a call needs is imported by the call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from i4q_ai.oci.image.building import build
    from i4q_ai.oci.image.result import BuiltImage, Part, PlatformImage

__all__ = ["BuiltImage", "Part", "PlatformImage", "build"]

_HOMES = {"BuiltImage": "result", "Part": "result", "PlatformImage": "result", "build": "building"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
