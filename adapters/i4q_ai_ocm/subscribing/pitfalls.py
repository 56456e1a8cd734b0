"""What bites whoever delivers by subscriptions, told before it does. Pure: the same words for ours and for others'."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from i4q_ai_ocm.subscribing.names import LONGEST_KEY
from i4q_ai_ocm.subscribing.things import AppSub, Channel, Window

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_KITCHEN = re.compile(r"(0?[1-9]|1[0-2]):[0-5][0-9](AM|PM)")
_CLUSTER_SCOPED = {
    "Namespace", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "PersistentVolume", "StorageClass",
    "PriorityClass", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "APIService", "IngressClass",
    "RuntimeClass", "CSIDriver",
}  # fmt: skip


def told(wanted: AppSub, channel: Channel | None = None, objects: Iterable[Mapping[str, Any]] = ()) -> tuple[str, ...]:
    """What will not be as it looks; empty where all is well.

    Args:
        wanted: the Subscription.
        channel: that it takes from, where that is known.
        objects: that it delivers, where they are known.
    """
    return (
        *_where(wanted), *_source(wanted, channel), *(windows(wanted.window) if wanted.window else ()),
        *scopes(wanted.namespace, objects, admin=wanted.admin == "true"),
    )  # fmt: skip


def windows(window: Window) -> Iterator[str]:
    """What of a time window the clusters would read otherwise."""
    for day in window.days:
        if day.lower() not in _DAYS:
            yield f"'{day}' is no weekday: clusters leave it out"
    if window.location is not None and not _is_zone(window.location):
        yield f"time zone '{window.location}' is not known: clusters take UTC"
    for hours in window.hours:
        unread = [text for text in (hours.start, hours.end) if not _KITCHEN.fullmatch(text)]
        if unread:
            yield f"{unread[0]!r} is no time as '10:00AM': clusters take the time of their look in its place"
        elif _minute(hours.start) >= _minute(hours.end) and _minute(hours.end) != 0:
            yield (
                f"{hours.start} to {hours.end} goes over midnight: clusters take it the other way round; "
                "write two, to 12:00AM and from 12:00AM"
            )


def scopes(namespace: str, objects: Iterable[Mapping[str, Any]], *, admin: bool = False) -> Iterator[str]:
    """What the clusters refuse, or put elsewhere, unless a subscription-admin has made the Subscription.

    Args:
        namespace: of the Subscription.
        objects: that it delivers.
        admin: it is a subscription-admin's.
    """
    if admin:
        return
    for each in objects:
        kind, about = each.get("kind"), each.get("metadata") or {}
        if kind in _CLUSTER_SCOPED:
            yield f"{kind} '{about.get('name')}' is of the whole cluster: without a subscription-admin it is refused"
        elif about.get("namespace") not in (None, "", namespace):
            yield (
                f"{kind} '{about.get('name')}' is for namespace '{about['namespace']}': without a subscription-admin "
                f"it goes to '{namespace}'"
            )


def _where(wanted: AppSub) -> Iterator[str]:
    where = wanted.where
    if len(wanted.namespace) + 1 + len(wanted.name) > LONGEST_KEY + 1:
        yield (
            f"'{wanted.namespace}/{wanted.name}' is longer than {LONGEST_KEY} characters: the label by which its works "
            "are found is cut"
        )
    if where is None or not (where.ref or where.clusters or where.selector or where.local):
        yield "it names no clusters, so nothing is delivered"
        return
    if where.local and (where.ref or where.clusters or where.selector):
        yield "'local' and other clusters exclude each other, so nothing is delivered"
    if where.ref is not None:
        if not where.ref.kind:
            yield "a placementRef without kind is a PlacementRule"
        if where.ref.namespace not in (None, "", wanted.namespace):
            yield f"a Placement is looked for in '{wanted.namespace}' alone, not in '{where.ref.namespace}'"


def _source(wanted: AppSub, channel: Channel | None) -> Iterator[str]:
    if wanted.rate not in (None, "off"):
        yield f"the rate of a Subscription counts where it is 'off'; '{wanted.rate}' is the Channel's to say"
    if wanted.commit and wanted.tag:
        yield "the commit counts, not the tag"
    if (wanted.commit or wanted.tag) and wanted.depth is None:
        yield "the commit or tag must be among the branch's last 20, or git-clone-depth says how many"
    if channel is None:
        return
    kind = channel.type.lower()
    if kind == "namespace":
        yield "nobody follows a Channel of type Namespace any more"
    if kind in ("git", "github") and not (wanted.branch or wanted.old_branch):
        yield "no branch is named: clusters take the one that the server calls the default, whatever it is"
    if kind == "helmrepo" and wanted.package is None:
        yield "no chart is named: every chart of the repository is installed"
    if channel.insecure:
        yield f"whatever certificate '{channel.pathname}' shows is taken"


def _minute(text: str) -> int:
    found = datetime.strptime(text, "%I:%M%p")
    return found.hour * 60 + found.minute


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
