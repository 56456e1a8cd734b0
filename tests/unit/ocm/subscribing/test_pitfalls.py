"""What bites later is told before."""

from __future__ import annotations

from typing import Any

import pytest

from i4q_ai_ocm.subscribing import pitfalls
from i4q_ai_ocm.subscribing.things import AppSub, Channel, Hours, Reference, Selector, Where, Window

TO = Where(ref=Reference(kind="Placement", name="p"))
GIT = Channel(namespace="c-ns", name="c", type="Git", pathname="https://git.example/a.git")


def sub(**fields: Any) -> AppSub:
    """A Subscription that is good but for these."""
    return AppSub(**{"namespace": "n", "name": "s", "channel": "c-ns/c", "branch": "main", "where": TO, **fields})


def test_nothing_is_told_where_all_is_well() -> None:
    window = Window(
        kind="active", location="Europe/Madrid", days=("Monday",), hours=(Hours(start="10:00AM", end="5:00PM"),)
    )
    assert pitfalls.told(sub(window=window), GIT, [{"kind": "Deployment", "metadata": {"name": "d"}}]) == ()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"branch": None}, "no branch"),
        ({"where": None}, "names no clusters"),
        ({"where": Where()}, "names no clusters"),
        ({"where": Where(ref=TO.ref, local=True)}, "exclude each other"),
        ({"where": Where(ref=Reference(name="p"))}, "without kind"),
        ({"where": Where(ref=Reference(kind="Placement", name="p", namespace="other"))}, "'n' alone"),
        ({"rate": "high"}, "'off'"),
        ({"commit": "0" * 40, "tag": "v1", "depth": "5"}, "not the tag"),
        ({"commit": "0" * 40}, "last 20"),
        ({"name": "s" * 70}, "62 characters"),
        ({"window": Window(hours=(Hours(start="10:00PM", end="6:00AM"),))}, "over midnight"),
        ({"window": Window(hours=(Hours(start="22:00", end="23:00"),))}, "no time"),
        ({"window": Window(days=("Mon",))}, "no weekday"),
        ({"window": Window(location="Mars/Olympus")}, "take UTC"),
    ],
)
def test_what_is_read_otherwise_is_told(fields: dict[str, Any], words: str) -> None:
    (told,) = pitfalls.told(sub(**fields), GIT)
    assert words in told


def test_to_midnight_is_no_night() -> None:
    assert [*pitfalls.windows(Window(hours=(Hours(start="10:00PM", end="12:00AM"),)))] == []


@pytest.mark.parametrize(
    ("channel", "words"),
    [
        (GIT.replace(type="Namespace"), "nobody follows"),
        (GIT.replace(type="HelmRepo"), "every chart"),
        (GIT.replace(insecure=True), "certificate"),
    ],
)
def test_what_a_channel_does_is_told(channel: Channel, words: str) -> None:
    (told,) = pitfalls.told(sub(), channel)
    assert words in told


def test_what_only_a_subscription_admin_may_is_told() -> None:
    objects = [
        {"kind": "ClusterRole", "metadata": {"name": "r"}},
        {"kind": "Service", "metadata": {"name": "s", "namespace": "other"}},
        {"kind": "Service", "metadata": {"name": "t", "namespace": "n"}},
    ]
    refused, moved = pitfalls.told(sub(), GIT, objects)
    assert "'r' is of the whole cluster" in refused
    assert "goes to 'n'" in moved
    assert pitfalls.told(sub(admin="true"), GIT, objects) == ()


def test_a_selector_of_everything_names_clusters() -> None:
    assert pitfalls.told(sub(where=Where(selector=Selector())), GIT) == ()
