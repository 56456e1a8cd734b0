"""Kubernetes' CEL functions over regular expressions."""

from __future__ import annotations

import re


def find(text: str, pattern: str) -> str:
    """The first match, or nothing."""
    found = re.search(pattern, text)
    return found[0] if found else ""


def find_all(text: str, pattern: str, limit: int = -1) -> list[str]:
    """Every match, or as many as `limit` says."""
    found = [match[0] for match in re.finditer(pattern, text)]
    return found if limit < 0 else found[:limit]
