"""Why a cluster is out of reach; the same for every fleet."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Away:
    """Why a cluster is out of reach.

    Args:
        reason: one CamelCase word.
        message: for people.
    """

    reason: str
    message: str
