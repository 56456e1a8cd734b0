"""Names of our objects on a hub: stable, told apart by a hash, and short enough for the labels that OCM makes of them.

OCM writes `<namespace>.<name>` of a ManifestWorkReplicaSet into a label; where that is too long it makes no works, and
says so in a log only. The works are called as it is, in the namespaces of the clusters, where those of all namespaces
meet: so every name has a hash of all that it stands for.
"""

from __future__ import annotations

import hashlib

from i4q_ai.errors import InvalidError
from i4q_ai.placement import REST

LONGEST = 62
"""Characters of a namespace and a name together."""
MOST_PARTS = 100
_PART = len(f"-{MOST_PARTS - 1}")
_HASH = 10
_SHORTEST = 1 + 1 + _HASH
"""What a name cannot do without: a letter, a hyphen and the hash."""


def order(namespace: str, name: str, group: str = REST) -> str:
    """What stands for one version group of a deployment: its Placement and its ManifestWorkReplicaSet.

    Raises:
        InvalidError: the namespace is so long that no room is left.

    Example:
        >>> order("factory", "tool-wear", "canary")
        'tool-wear-canary-7c28679d4f'
    """
    room = LONGEST - len(namespace) - 1 - _PART
    if room < _SHORTEST:
        most = len(namespace) - (_SHORTEST - room)
        raise InvalidError(
            f"namespace '{namespace}' leaves no room for names on an OCM hub: it may have {most} characters at most",
            hint="take a shorter namespace",
        )
    told = name if group == REST else f"{name}-{group}"
    return _hashed(told, room, "order", namespace, name, group)


def work(namespace: str, name: str) -> str:
    """The ManifestWork of a deployment in a cluster's namespace, where it is made for that cluster alone.

    It is never called as that of a replica set: when one hands over to the other, both are there for a while.
    """
    return _hashed(name, LONGEST - _PART, "work", namespace, name)


def part(name: str, number: int) -> str:
    """The name of a part, where one work cannot hold everything; the first has the name itself.

    Raises:
        InvalidError: there are too many.

    Example:
        >>> part("tool-wear-e052e2674b", 0), part("tool-wear-e052e2674b", 1)
        ('tool-wear-e052e2674b', 'tool-wear-e052e2674b-1')
    """
    if number >= MOST_PARTS:
        raise InvalidError(f"'{name}' does not fit into {MOST_PARTS} works")
    return f"{name}-{number}" if number else name


def _hashed(told: str, room: int, *key: str) -> str:
    digest = hashlib.sha256("\0".join(key).encode()).hexdigest()[:_HASH]
    return f"{told[: room - 1 - _HASH].rstrip('-')}-{digest}"
