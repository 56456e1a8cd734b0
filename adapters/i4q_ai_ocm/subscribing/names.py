"""What the objects of an application are called: as the console calls them, so that it shows them as its own. Pure."""

from __future__ import annotations

import hashlib
import re

from i4q_ai.errors import InvalidError
from i4q_ai.placement import REST

LONGEST_APPLICATION = 37
"""Characters of an Application's name: the console makes longer ones of it."""
LONGEST_KEY = 62
"""Characters of a Subscription's namespace and name: `<namespace>.<name>` is a label of all that it makes."""
_HASH = 6
_LONGEST_CHANNEL, _KEPT_OF_CHANNEL = 58, 56
_PREFIXES = {"git": "g", "github": "g", "helmrepo": "h", "objectbucket": "o", "namespace": "ns"}


def application(name: str) -> str:
    """The Application of a deployment; a name that is too long is cut, and told apart by a hash.

    Example:
        >>> application("tool-wear")
        'tool-wear'
    """
    return _cut(name, LONGEST_APPLICATION)


def subscription(namespace: str, name: str, group: str = REST) -> str:
    """The Subscription of a group.

    Raises:
        InvalidError: the namespace leaves no room for it.

    Example:
        >>> subscription("factory", "tool-wear"), subscription("factory", "tool-wear", "canary")
        ('tool-wear-subscription-1', 'tool-wear-subscription-canary')
    """
    room = LONGEST_KEY - len(namespace) - 1
    if room < 2 * _HASH:
        raise InvalidError(
            f"namespace '{namespace}' leaves no room for the name of a Subscription: both together have "
            f"{LONGEST_KEY} characters at most",
            hint="take a shorter namespace",
        )
    return _cut(f"{application(name)}-subscription-{_number(group)}", room)


def placement(name: str, group: str = REST) -> str:
    """The Placement of a group.

    Example:
        >>> placement("tool-wear")
        'tool-wear-placement-1'
    """
    return _cut(f"{application(name)}-placement-{_number(group)}", 63)


def channel(kind: str, pathname: str, *, apart: bool = False) -> str:
    """The Channel of a repository, by the console's algorithm, which takes away characters, not words.

    Args:
        kind: of the channel: "Git", "HelmRepo", "ObjectBucket".
        pathname: its URL.
        apart: told apart by a hash, as the algorithm calls several alike.

    Example:
        >>> channel("Git", "https://github.com/plant/models.git"), channel("Git", "https://staging.factory/a_b.git")
        ('ggithubcom-plant-models', 'gagingfactory-a-b')
    """
    told = pathname.lstrip("https://").rstrip(".git")  # noqa: B005 - sets of characters, as the console has it
    told = re.sub(r"[/_]", "-", re.sub(r"[.:]", "", told)).rstrip("-").lower()
    if len(told) > _LONGEST_CHANNEL:
        told = told[-_KEPT_OF_CHANNEL:]
    legal = re.sub(r"[^a-z0-9-]", "-", told).rstrip("-")  # the console would be refused
    found = f"{_PREFIXES[kind.lower()]}{legal}"
    return f"{found[: _KEPT_OF_CHANNEL - 1 - _HASH]}-{_hash(pathname)}" if apart else found


def channel_namespace(name: str) -> str:
    """The namespace of a Channel, which it has for itself."""
    return f"{name}-ns"


def _number(group: str) -> str:
    """The console counts; a group keeps its name, so that nothing moves when another one comes or goes."""
    return "1" if group == REST else group


def _cut(name: str, most: int) -> str:
    if len(name) <= most:
        return name
    return f"{name[: most - 1 - _HASH].rstrip('-')}-{_hash(name)}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH]
