"""Objects that others wrote are read without loss, or it is said what is not understood."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai import Label, yamls
from i4q_ai.errors import UnsupportedError
from i4q_ai_ocm.subscribing.reading import read_applications
from i4q_ai_ocm.subscribing.things import AppSub, Channel, Rule
from i4q_ai_ocm.subscribing.translating import BY_KIND, read, write

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.yaml"))
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def objects(sample: Path) -> list[dict[str, Any]]:
    """The objects of a sample, lists taken apart."""
    found = yamls.load_all(sample.read_text(encoding="utf-8"), where=sample.name)
    return [one for each in found for one in each.get("items") or [each]]


def meant(given: Mapping[str, Any]) -> dict[str, Any]:
    """What an object says: without what the server adds, and what is empty or null."""
    about = given["metadata"]
    kept = {key: about.get(key) for key in ("name", "namespace", "labels", "annotations")}
    kept["annotations"] = {key: value for key, value in (kept["annotations"] or {}).items() if key != LAST_APPLIED}
    found: dict[str, Any] = pruned(
        {"kind": given["kind"], "apiVersion": given["apiVersion"], "metadata": kept, "spec": given["spec"]}
    )
    return found


def pruned(value: Any, *, top: int = 0) -> Any:
    """Without nulls, and without empty lists and annotations; an empty selector is one that selects everything."""
    if isinstance(value, dict):
        parts = {key: pruned(one, top=top + 1) for key, one in value.items() if one is not None}
        return {key: one for key, one in parts.items() if one != [] and not (one == {} and top < 2)}
    if isinstance(value, list | tuple):
        return [pruned(one, top=top + 1) if one is not None else None for one in value]
    return value


def test_there_are_samples_of_every_kind() -> None:
    assert len(SAMPLES) >= 30
    there = {(each["apiVersion"], each["kind"]) for sample in SAMPLES for each in objects(sample)}
    assert set(BY_KIND) <= there


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_nothing_is_lost(sample: Path) -> None:
    given = objects(sample)
    reading = read_applications(given)
    assert reading.unread == ()
    wrote = {(each["kind"], each["metadata"]["name"]): each for each in reading.objects()}
    assert len(wrote) == len(given)
    for each in given:
        back = wrote[each["kind"], each["metadata"]["name"]]
        if (each["apiVersion"], each["kind"]) in BY_KIND:
            assert meant(back) == meant(each)
        else:
            assert back == each


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_what_is_not_known_is_said(sample: Path) -> None:
    for each in objects(sample):
        if (each["apiVersion"], each["kind"]) not in BY_KIND:
            continue
        strange = copy.deepcopy(each)
        strange["spec"]["pacement"] = {"local": True}
        (told,) = read_applications([strange]).unread
        assert "pacement" in told
        held = copy.deepcopy(each)
        held["metadata"]["finalizers"] = ["somebody/else"]
        (told,) = read_applications([held]).unread
        assert "finalizers" in told


def test_what_a_field_cannot_hold_is_said_with_its_path() -> None:
    strange = write(Channel(namespace="a", name="a", type="Git", pathname="https://git.example/a.git"))
    strange["metadata"]["annotations"] = {"apps.open-cluster-management.io/reconcile-rate": "sometimes"}
    strange["spec"]["insecureSkipVerify"] = {"yes": True}
    (told,) = read_applications([strange]).unread
    assert "rate" in told
    assert "insecureSkipVerify" in told


def test_a_field_that_is_called_as_one_of_ours_is_not_taken_for_it() -> None:
    strange = write(AppSub(namespace="n", name="s", channel="c/c"))
    strange["spec"]["branch"] = "main"
    assert "spec.branch" in read_applications([strange]).unread[0]


def test_other_kinds_are_said_to_be_others() -> None:
    other = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "a"}, "spec": {}}
    assert "is not part of an application" in read_applications([other]).unread[0]


def test_an_application_of_the_console_is_ours() -> None:
    (sample,) = (each for each in SAMPLES if each.stem == "console-git")
    reading = read_applications(objects(sample))
    (found,) = reading.subscriptions
    ours = reading.subscription(found.replace(option=None))
    assert (ours.repo, ours.branch, ours.folder("*")) == ("https://git.example/plant/line.git", "main", "k8s")
    assert ours.placement.rule == (Label("line") == "cnc").rule()


@pytest.mark.parametrize(
    ("stem", "why"),
    [
        ("console-helm", "HelmRepo"),
        ("console-tag", "Channel"),
        ("demo-two-paths", "Channel"),
        ("old-github", "Placement"),
    ],
)
def test_what_ours_cannot_be_is_said(stem: str, why: str) -> None:
    (sample,) = (each for each in SAMPLES if each.stem == stem)
    reading = read_applications(objects(sample))
    with pytest.raises(UnsupportedError, match=why):
        reading.subscription(reading.subscriptions[0])


NAMES = st.from_regex(r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)
SCALARS = st.none() | st.booleans() | st.integers(-(2**31), 2**31) | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
)
CHANGES = st.lists(st.fixed_dictionaries({"path": TEXTS, "value": VALUES}), max_size=3)
SELECTORS = st.fixed_dictionaries(
    {},
    optional={
        "matchLabels": st.dictionaries(NAMES, NAMES, min_size=1, max_size=2),
        "matchExpressions": st.lists(
            st.fixed_dictionaries({"key": NAMES, "operator": st.just("In"), "values": st.lists(NAMES, min_size=1)}),
            min_size=1,
            max_size=2,
        ),
    },
)
SUBSCRIPTIONS = st.fixed_dictionaries(
    {"namespace": NAMES, "name": NAMES, "channel": st.tuples(NAMES, NAMES).map("/".join)},
    optional={
        "path": TEXTS.filter(bool),
        "branch": NAMES,
        "tag": NAMES,
        "labels": st.dictionaries(NAMES, NAMES, min_size=1, max_size=2),
        "option": st.sampled_from(["merge", "replace", "mergeAndOwn"]),
        "rate": st.sampled_from(["high", "medium", "low", "off"]),
        "placement": st.fixed_dictionaries({}, optional={"clusterSelector": SELECTORS, "local": st.booleans()}),
        "overrides": st.lists(
            st.fixed_dictionaries({"clusterName": NAMES, "clusterOverrides": CHANGES}), min_size=1, max_size=2
        ),
        "packageOverrides": st.lists(
            st.fixed_dictionaries({"packageName": NAMES}, optional={"packageOverrides": CHANGES}),
            min_size=1,
            max_size=2,
        ),
        "watchHelmNamespaceScopedResources": st.booleans(),
    },
)
RULES = st.fixed_dictionaries(
    {"namespace": NAMES, "name": NAMES},
    optional={
        "clusterReplicas": st.integers(0, 99),
        "clusterSelector": SELECTORS,
        "clusters": st.lists(st.fixed_dictionaries({"name": NAMES}), min_size=1, max_size=3),
    },
)


@given(SUBSCRIPTIONS)
def test_a_subscription_goes_there_and_back(fields: dict[str, Any]) -> None:
    wanted = AppSub.parse(fields)
    assert read(write(wanted), AppSub) == wanted
    assert read(yamls.load(yamls.dump(write(wanted))), AppSub) == wanted


@given(RULES)
def test_a_rule_goes_there_and_back(fields: dict[str, Any]) -> None:
    wanted = Rule.parse(fields)
    assert read(write(wanted), Rule) == wanted
