"""What an object is called, and what it is marked with."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

NOTHING: Mapping[str, str] = MappingProxyType({})


def metadata(
    namespace: str, name: str, labels: Mapping[str, str] = NOTHING, annotations: Mapping[str, str] = NOTHING
) -> dict[str, Any]:
    """The metadata of an object; what is empty is left out."""
    found: dict[str, Any] = {"name": name, "namespace": namespace}
    if labels:
        found["labels"] = dict(labels)
    if annotations:
        found["annotations"] = dict(annotations)
    return found
