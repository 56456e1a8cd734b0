"""Objects that others wrote are read without loss, or it is said what is not understood."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai import Label, yamls
from i4q_ai.errors import InvalidError, UnsupportedError
from i4q_ai_ocm.subscribing.reading import read_applications
from i4q_ai_ocm.subscribing.things import AppSub, Channel, Rule
from i4q_ai_ocm.subscribing.translating import BY_KIND, read, write

FOLDER = Path(__file__).parent / "samples"
SAMPLES = sorted(FOLDER.rglob("*.yaml"))
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
SAID = "# said: "
"""Line of a sample: part of what is said of the next object in it that is not understood."""
AS_IT_IS = {"clusterOverrides", "value", "gates", "descriptor"}
"""Fields in which what is empty or null means something."""
WORDS = {"kind", "type", "windowtype", "operator", "apiVersion", "group"}
"""Fields whose value is a word of the kind, and makes a shape another one."""


def named(sample: Path) -> str:
    """A sample in the name of its test."""
    return str(sample.relative_to(FOLDER).with_suffix(""))


def objects(sample: Path) -> list[Any]:
    """The objects of a sample, lists taken apart."""
    return list(flat(yamls.load_all(sample.read_text(encoding="utf-8"), where=sample.name)))


def flat(found: list[Any]) -> Iterator[Any]:
    """Whatever stands in lists of lists."""
    for each in found:
        if isinstance(each, dict) and isinstance(each.get("items"), list):
            yield from flat(each["items"])
        else:
            yield each


def said(sample: Path) -> list[str]:
    """What must be said of a sample, in this order."""
    lines = sample.read_text(encoding="utf-8").splitlines()
    return [line.removeprefix(SAID) for line in lines if line.startswith(SAID)]


def taken(sample: Path) -> list[dict[str, Any]]:
    """The objects of a sample of which nothing is said."""
    return [each for each in objects(sample) if not read_applications([each]).unread]


def meant(given: Mapping[str, Any]) -> dict[str, Any]:
    """What an object says: without what the server adds, and what is empty or null."""
    about = given["metadata"]
    kept = {key: about.get(key) for key in ("name", "namespace", "labels", "annotations")}
    kept["annotations"] = {key: value for key, value in (kept["annotations"] or {}).items() if key != LAST_APPLIED}
    found: dict[str, Any] = pruned(
        {"kind": given["kind"], "apiVersion": given["apiVersion"], "metadata": kept, "spec": given.get("spec") or {}}
    )
    return found


def pruned(value: Any, *, top: int = 0) -> Any:
    """Without nulls, and without empty lists and annotations; an empty selector is one that selects everything."""
    if isinstance(value, dict):
        said = {key: one for key, one in value.items() if key in AS_IT_IS or one not in (None, [])}
        parts = {key: one if key in AS_IT_IS else pruned(one, top=top + 1) for key, one in said.items()}
        return {key: one for key, one in parts.items() if not (one == {} and top < 2)}
    if isinstance(value, list | tuple):
        return [pruned(one, top=top + 1) for one in value]
    return value


def typed(value: Any) -> Any:
    """The same, and not equal where the types are others: 1 is not true, and 2 is not 2.0."""
    if isinstance(value, dict):
        return {key: typed(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [typed(one) for one in value]
    return type(value).__name__, value


def shape(value: Any, of: str = "") -> Any:
    """What a sample is like, whatever the names in it."""
    if isinstance(value, dict):
        return sorted((str(key), shape(one, str(key))) for key, one in value.items())
    if isinstance(value, list):
        return [shape(one, of) for one in value]
    return value if of in WORDS or value in ("", None) or "open-cluster-management.io/" in of else type(value).__name__


def test_there_are_samples_of_every_kind() -> None:
    there = {(each["apiVersion"], each["kind"]) for sample in SAMPLES for each in taken(sample)}
    assert set(BY_KIND) <= there


def test_there_are_more_than_a_hundred_shapes() -> None:
    shapes: dict[str, list[str]] = {}
    for sample in SAMPLES:
        found = repr(shape(yamls.load_all(sample.read_text(encoding="utf-8"))))
        shapes.setdefault(found, []).append(named(sample))
    assert [names for names in shapes.values() if len(names) > 1] == []
    assert len(shapes) >= 105
    assert sum(not said(sample) for sample in SAMPLES) >= 100  # and these are read, not only spoken of


@pytest.mark.parametrize("sample", SAMPLES, ids=named)
def test_nothing_is_lost(sample: Path) -> None:
    reading = read_applications(yamls.load_all(sample.read_text(encoding="utf-8"), where=sample.name))
    expected = said(sample)
    assert len(reading.unread) == len(expected), reading.unread
    for told, part in zip(reading.unread, expected, strict=True):
        assert part in told
    given = taken(sample)
    assert len(objects(sample)) - len(given) == sum("longer list" not in told for told in reading.unread)
    wrote = {(each["apiVersion"], each["kind"], *identity(each)): each for each in reading.objects()}
    assert len(wrote) == len(reading.objects()) == len(given)
    for each in given:
        back = wrote[each["apiVersion"], each["kind"], *identity(each)]
        if (each["apiVersion"], each["kind"]) in BY_KIND:
            assert typed(meant(back)) == typed(meant(each))
        else:
            assert back == each


def identity(found: Mapping[str, Any]) -> tuple[str | None, str]:
    """Namespace and name."""
    return found["metadata"].get("namespace"), found["metadata"]["name"]


@pytest.mark.parametrize("sample", SAMPLES, ids=named)
def test_what_is_not_known_is_said(sample: Path) -> None:
    for each in taken(sample):
        if (each["apiVersion"], each["kind"]) not in BY_KIND:
            continue
        strange = copy.deepcopy(each)
        strange["spec"] = {**(each.get("spec") or {}), "pacement": {"local": True}}
        (told,) = read_applications([strange]).unread
        assert "pacement" in told
        held = copy.deepcopy(each)
        held["metadata"]["finalizers"] = ["somebody/else"]
        (told,) = read_applications([held]).unread
        assert "finalizers" in told


@pytest.mark.parametrize("sample", SAMPLES, ids=named)
def test_whatever_is_taken_away_or_of_another_type_is_read_or_said(sample: Path) -> None:
    for each in taken(sample):
        for strange in changed(each):
            reading = read_applications([strange])
            assert len(reading.unread) + len(reading.objects()) == 1
            if reading.objects() and not reading.beside:
                assert typed(meant(reading.objects()[0])) == typed(meant(strange))


def changed(value: Any, *, top: bool = True) -> Iterator[Any]:
    """A value with one part of it replaced by what does not belong there, or left out."""
    if isinstance(value, dict):
        for key, one in value.items():
            if not (top and key == "status"):
                yield {other: two for other, two in value.items() if other != key}
                yield from ({**value, key: two} for two in changed(one, top=False))
    elif isinstance(value, list):
        for position, one in enumerate(value):
            yield from ([*value[:position], two, *value[position + 1 :]] for two in changed(one, top=False))
    if not top:
        yield from (other for other in ("true", 1, True, 2.5, ["a"], {"a": "b"}) if typed(other) != typed(value))


def test_what_a_field_cannot_hold_is_said_with_its_path() -> None:
    strange = write(Channel(namespace="a", name="a", type="Git", pathname="https://git.example/a.git"))
    strange["metadata"]["annotations"] = {"apps.open-cluster-management.io/reconcile-rate": "sometimes"}
    strange["spec"]["insecureSkipVerify"] = {"yes": True}
    (told,) = read_applications([strange]).unread
    assert "metadata.annotations.apps.open-cluster-management.io/reconcile-rate" in told
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


@pytest.mark.parametrize("sample", SAMPLES, ids=named)
def test_a_subscription_is_as_ours_or_it_is_said_why_not(sample: Path) -> None:
    reading = read_applications(yamls.load_all(sample.read_text(encoding="utf-8")))
    for each in reading.subscriptions:
        with contextlib.suppress(UnsupportedError, InvalidError):  # anything else is no answer
            ours = reading.subscription(each)
            channel = reading.channel(each)
            assert channel is not None
            assert each.where is not None
            assert each.where.ref is not None
            assert (ours.repo, ours.branch) == (channel.pathname, each.branch or each.old_branch)
            assert (ours.name, ours.placement.name) == (each.name, each.where.ref.name)


@pytest.mark.parametrize(
    "also", [{"local": True}, {"clusters": [{"name": "edge-1"}]}, {"clusterSelector": {}}], ids=str
)
def test_clusters_beside_a_placement_are_not_left_out(also: dict[str, Any]) -> None:
    (sample,) = (each for each in SAMPLES if each.stem == "console-git")
    given = objects(sample)
    (subscription,) = (each for each in given if each["kind"] == "Subscription")
    subscription["spec"]["placement"].update(also)
    subscription["metadata"]["annotations"].pop("apps.open-cluster-management.io/reconcile-option")
    reading = read_applications(given)
    with pytest.raises(UnsupportedError, match="beside a Placement"):
        reading.subscription(reading.subscriptions[0])


def test_what_stands_twice_is_told_and_the_later_counts() -> None:
    first, second = (
        write(Channel(namespace="a", name="a", type="Git", pathname=f"https://git.factory/{each}")) for each in "xy"
    )
    reading = read_applications([first, second])
    assert ["stands twice" in each for each in reading.warnings] == [True]
    found = reading.channel(AppSub(namespace="n", name="s", channel="a/a"))
    assert found is not None
    assert found.pathname == "https://git.factory/y"


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
