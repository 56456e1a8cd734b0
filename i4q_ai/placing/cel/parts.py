"""Which parts of a cluster an expression can look at: only those are handed to the runtime, which copies what it gets.

Found in the text, on the safe side: where the variable is used in any other way than `managedCluster.section.field`,
the whole object is handed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Object = Mapping[str, Any]

_VARIABLE = re.compile(r"\bmanagedCluster\b")
_FIELD = re.compile(r"\bmanagedCluster\.(?:(metadata|spec|status)\.(\w+)\b|scores\()(?!\s*\()")


def parts_of(expression: str) -> Callable[[Object], Object]:
    """A function that leaves of a cluster what the expression can look at.

    Example:
        >>> parts_of("managedCluster.metadata.name == 'a'")({"metadata": {"name": "a", "uid": "1"}, "status": {}})
        {'metadata': {'name': 'a'}}
    """
    used = [(found[1] or "metadata", found[2] or "name") for found in _FIELD.finditer(expression)]
    if len(used) != len(_VARIABLE.findall(expression)):
        return lambda cluster: cluster
    sections: dict[str, list[str]] = {}
    for section, field in dict.fromkeys(used):
        sections.setdefault(section, []).append(field)
    return lambda cluster: {
        section: {field: cluster[section][field] for field in fields if field in cluster[section]}
        for section, fields in sections.items()
        if isinstance(cluster.get(section), Mapping)
    }
