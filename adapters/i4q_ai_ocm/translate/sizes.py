"""How much fits into one work, and what becomes of more."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from i4q_ai.errors import InvalidError
from i4q_ai.manifests import Object, key_of
from i4q_ai_ocm.translate import ordering

LIMIT = 512_000
"""Bytes of manifests that the hub takes in one work."""
_FRAME = 16
"""Bytes, at most, that the hub counts beside the JSON of a manifest."""
_ESCAPED = ("<", ">", "&", "\u2028", "\u2029")
"""Written by the hub as six bytes each."""


def size(manifest: Object) -> int:
    """Bytes of a manifest as the hub counts them, at most."""
    text = json.dumps(manifest, ensure_ascii=False, separators=(",", ":"))
    more = sum(text.count(each) * (6 - len(each.encode())) for each in _ESCAPED)
    return len(text.encode()) + more + _FRAME


def split(manifests: Iterable[Object]) -> list[list[Object]]:
    """Manifests in the order in which they are applied, in as many works as they need.

    Every work begins with the namespaces that its manifests lie in, for each is applied by itself.

    Raises:
        InvalidError: one manifest alone is too large for a work.
        UnsupportedError: a kind that is never delivered by works.

    Example:
        >>> [len(part) for part in split([])]
        []
    """
    found = ordering.in_order(manifests)
    room = LIMIT - sum(size(each) for each in ordering.namespaces(found))
    parts: list[list[Object]] = []
    left = 0
    for manifest in found:
        needed = size(manifest)
        if needed > room:
            raise too_large([manifest])
        if needed > left:
            parts.append([])
            left = room
        parts[-1].append(manifest)
        left -= needed
    return [ordering.with_namespaces(part) for part in parts]


def fits(manifests: Sequence[Object]) -> bool:
    """Whether the hub takes them in one work."""
    return sum(size(each) for each in manifests) <= LIMIT


def too_large(manifests: Sequence[Object]) -> InvalidError:
    """The error for manifests that do not fit; the largest is named."""
    largest = max(manifests, key=size)
    kind, name = key_of(largest)
    return InvalidError(
        f"{kind} '{name}' has {size(largest):,} bytes, and the hub takes {LIMIT:,} in one work",
        hint="works carry references; push what is large to a registry, and name it by digest",
    )
