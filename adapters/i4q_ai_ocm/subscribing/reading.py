"""Objects of applications that somebody else wrote, read as things; what cannot be understood is said. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from i4q_ai.backends.base import Subscription
from i4q_ai.errors import InvalidError, UnsupportedError
from i4q_ai_ocm.subscribing import pitfalls
from i4q_ai_ocm.subscribing.things import About, Application, AppSub, Channel, Rule, Where
from i4q_ai_ocm.subscribing.translating import BY_KIND, read, write
from i4q_ai_ocm.translate.foreign import read_placement

_CLUSTERS = "cluster.open-cluster-management.io"
_BESIDE = {
    ("", "Namespace"), ("", "Secret"), ("", "ConfigMap"),
    (_CLUSTERS, "ManagedClusterSetBinding"), (_CLUSTERS, "Placement"),
}  # fmt: skip
"""API groups and kinds that stand beside them, and are left as they are."""


@dataclass(frozen=True)
class Reading:
    """What stood in some objects.

    Args:
        channels, subscriptions, rules, applications: as things.
        beside: objects of other kinds that belong to them, as they are.
        unread: what is not understood, object by object; nothing was left out beside these.
        warnings: what will not be as it looks.
    """

    channels: tuple[Channel, ...] = ()
    subscriptions: tuple[AppSub, ...] = ()
    rules: tuple[Rule, ...] = ()
    applications: tuple[Application, ...] = ()
    beside: tuple[Mapping[str, Any], ...] = ()
    unread: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def objects(self) -> list[Mapping[str, Any]]:
        """The same as objects of the hub."""
        return [*self.beside, *(write(each) for each in self.things())]

    def things(self) -> tuple[About, ...]:
        """All that was read, but what stands beside."""
        return (*self.channels, *self.subscriptions, *self.rules, *self.applications)

    def channel(self, wanted: AppSub) -> Channel | None:
        """That a Subscription takes from, if it stood there; of two, the later, as a hub has it."""
        found = [each for each in self.channels if f"{each.namespace}/{each.name}" == wanted.channel]
        return found[-1] if found else None

    def subscription(self, wanted: AppSub) -> Subscription:
        """A Subscription as the hub is told of ours.

        Raises:
            UnsupportedError: it takes no Git folder by a branch or commit, or has what ours do not have.
        """
        return _as_ours(self, wanted)


def read_applications(objects: Iterable[Mapping[str, Any]]) -> Reading:
    """Read whatever belongs to applications.

    Args:
        objects: as `kubectl get -o yaml` or a file shows them.

    Example:
        >>> found = read_applications([{"apiVersion": "apps.open-cluster-management.io/v1", "kind": "Channel",
        ...     "metadata": {"name": "a", "namespace": "a-ns"}, "spec": {"type": "Git", "pathname": "https://a.git"}}])
        >>> found.channels[0].pathname, found.unread
        ('https://a.git', ())
    """
    things: list[About] = []
    beside: list[Mapping[str, Any]] = []
    unread: list[str] = []
    for each in _flat(objects, unread):
        type_ = BY_KIND.get((str(each.get("apiVersion")), str(each.get("kind"))))
        try:
            if type_ is not None:
                things.append(read(each, type_))
            else:
                beside.append(_beside(each))
        except (InvalidError, UnsupportedError) as error:
            unread.append(str(error))
    found = Reading(
        channels=tuple(each for each in things if isinstance(each, Channel)),
        subscriptions=tuple(each for each in things if isinstance(each, AppSub)),
        rules=tuple(each for each in things if isinstance(each, Rule)),
        applications=tuple(each for each in things if isinstance(each, Application)),
        beside=tuple(beside),
        unread=tuple(unread),
    )
    return Reading(**{**vars(found), "warnings": tuple(_warnings(found))})


def _flat(objects: Iterable[Any], unread: list[str]) -> Iterator[Mapping[str, Any]]:
    """Objects, lists taken apart; what is none is told to `unread`."""
    for each in objects:
        if not isinstance(each, Mapping):
            unread.append(f"a {type(each).__name__} stands where an object should")
        elif str(each.get("kind", "")).endswith("List") and isinstance(each.get("items"), list):
            yield from _flat(each["items"], unread)
            about = each.get("metadata")
            if isinstance(about, Mapping) and about.get("continue"):
                unread.append(f"{each['kind']} is a page of a longer list, whose rest is not here")
        else:
            yield each


def _beside(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """An object that is left as it is.

    Raises:
        UnsupportedError: it does not belong to an application, or has no name.
    """
    version, kind, about = str(found.get("apiVersion")), str(found.get("kind")), found.get("metadata")
    name = about.get("name") if isinstance(about, Mapping) else None
    if (version.rpartition("/")[0], kind) not in _BESIDE:
        raise UnsupportedError(f"{kind} '{name}' of {version} is not part of an application")
    if not name or not isinstance(name, str):
        raise UnsupportedError(f"{kind} of {version} has no name")
    return found


def _warnings(found: Reading) -> Iterator[str]:
    for each in found.subscriptions:
        for told in pitfalls.told(each, found.channel(each)):
            yield f"Subscription '{each.namespace}/{each.name}': {told}"
    seen: set[tuple[type[About], str, str]] = set()
    for thing in found.things():
        key = (type(thing), thing.namespace, thing.name)
        if key in seen:
            yield f"'{thing.namespace}/{thing.name}' stands twice as the same kind: on a hub the later one is left"
        seen.add(key)
    lone: dict[str, str] = {}
    for channel in found.channels:
        if channel.type.lower() not in ("git", "github"):
            other = lone.setdefault(channel.namespace, channel.name)
            if other != channel.name:
                yield f"Channels '{other}' and '{channel.name}' share namespace '{channel.namespace}': one alone works"


_OURS = {
    "namespace", "name", "labels", "annotations", "channel", "where", "path", "branch", "commit", "depth", "old_path",
    "old_branch", "refreshed", "rate", "option", "window", "overrides",
}  # fmt: skip
"""Fields that a subscription of ours, or the hub's settings, can say."""


def _as_ours(reading: Reading, wanted: AppSub) -> Subscription:
    told, channel = f"Subscription '{wanted.namespace}/{wanted.name}'", reading.channel(wanted)
    if channel is None:
        raise UnsupportedError(f"{told}: Channel '{wanted.channel}' is not among the objects", hint="give it, too")
    if channel.type.lower() not in ("git", "github"):
        raise UnsupportedError(f"{told} takes from a {channel.type}, ours take from Git")
    more = [name for name in wanted.model_fields_set - _OURS if getattr(wanted, name) not in (None, ())]
    if more:
        raise UnsupportedError(f"{told} has {', '.join(sorted(more))}, which ours have not")
    branch = wanted.branch or wanted.old_branch
    if branch is None:
        raise UnsupportedError(f"{told} names no branch", hint="ours name one")
    where = wanted.where or Where()
    if where.clusters or where.selector or where.local:
        raise UnsupportedError(f"{told} names clusters beside a Placement, or itself, which ours do not")
    ref = where.ref
    places = [
        each
        for each in reading.beside
        if ref is not None
        and ref.kind == "Placement"
        and each["kind"] == "Placement"
        and (each["metadata"].get("namespace"), each["metadata"]["name"]) == (wanted.namespace, ref.name)
    ]
    if not places:
        raise UnsupportedError(f"{told}: its clusters are not chosen by a Placement that is among the objects")
    return Subscription(
        namespace=wanted.namespace,
        name=wanted.name,
        repo=channel.pathname,
        branch=branch,
        folders={"*": wanted.path or wanted.old_path or ""},
        placement=read_placement(places[0]),
        commit=wanted.commit or "",
        pinned=wanted.commit is not None,
    )
