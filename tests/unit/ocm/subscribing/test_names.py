"""Names as the console gives them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai.errors import InvalidError
from i4q_ai_ocm.subscribing import names

NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


@pytest.mark.parametrize(
    ("kind", "pathname", "name"),
    [
        ("Git", "https://github.com/plant/demo-gitops.git", "ggithubcom-plant-demo-gitops"),
        ("Git", "https://staging.factory/x", "gagingfactory-x"),
        ("git", "https://git.factory/Plant_1/Models/", "ggitfactory-plant-1-models"),
        ("HelmRepo", "https://charts.factory:8443/stable", "hchartsfactory8443-stable"),
        ("ObjectBucket", "http://minio.factory/bucket", "ominiofactory-bucke"),
        ("Namespace", "models", "nsmodels"),
    ],
)  # fmt: skip
def test_channels_are_called_as_the_console_calls_them(kind: str, pathname: str, name: str) -> None:
    assert names.channel(kind, pathname) == name


def test_of_a_long_pathname_the_end_is_kept() -> None:
    name = names.channel("Git", f"https://git.factory/{'a' * 40}/{'b' * 30}")
    assert name == "g" + ("a" * 40 + "-" + "b" * 30)[-56:]


@given(st.text(min_size=1, max_size=120), st.booleans())
def test_a_channel_has_a_name_that_the_hub_takes(pathname: str, apart: bool) -> None:
    name = names.channel("Git", pathname, apart=apart)
    assert NAME.fullmatch(name)
    assert len(names.channel_namespace(name)) <= 63


def test_repositories_that_are_called_alike_are_told_apart() -> None:
    one, two = "https://git.factory/a.b", "https://git.factory/ab"
    assert names.channel("Git", one) == names.channel("Git", two)
    assert names.channel("Git", one, apart=True) != names.channel("Git", two, apart=True)


@given(st.from_regex(NAME, fullmatch=True).filter(lambda text: len(text) <= 63))
def test_an_application_has_a_name_that_the_console_takes(name: str) -> None:
    app = names.application(name)
    assert NAME.fullmatch(app)
    assert len(app) <= names.LONGEST_APPLICATION
    assert app == name or len(name) > names.LONGEST_APPLICATION


def test_long_names_of_groups_stay_within_the_label() -> None:
    both = [names.subscription("n" * 30, "a" * 60, group) for group in ("b" * 63, "b" * 62 + "c")]
    assert all(len(name) + 31 <= names.LONGEST_KEY for name in both)
    assert len(set(both)) == 2


def test_a_namespace_without_room_is_refused() -> None:
    with pytest.raises(InvalidError, match="no room"):
        names.subscription("n" * 60, "a")
