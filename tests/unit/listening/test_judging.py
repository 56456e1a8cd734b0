"""Least privilege: what a source may not deploy is refused, with every reason."""

from __future__ import annotations

from typing import Any

import pytest

from i4q_ai import Label, Name, Placement
from i4q_ai.errors import UntrustedError
from i4q_ai.listening.judging import need_allowed
from i4q_ai.listening.rules import Allow
from i4q_ai.spec import Spec
from tests.unit import things
from tests.unit.listening.conftest import CNC


def allow(**about: Any) -> Allow:
    return Allow(**{"names": ("tool-*",), "clusters": Label("line") == "cnc", **about})


def spec(**about: Any) -> Spec:
    return Spec(**{"model": things.model(), "placement": CNC, **about})


def refused(name: str, what: Spec, rules: Allow) -> str:
    with pytest.raises(UntrustedError) as error:
        need_allowed({name: what}, rules, source="plant")
    return error.value.what


def test_what_keeps_to_the_rules_is_let_in() -> None:
    narrower = Placement("first", (Label("line") == "cnc") & (Label("ring") == "first"), groups={"a": Name("edge-1")})
    need_allowed({"tool-wear": spec(), "tool-2": spec(placement=narrower)}, allow(), source="plant")
    need_allowed({"tool-wear": spec(placement=Placement("all"))}, Allow(names=("*",), everywhere=True), source="plant")


def test_a_placement_of_the_rules_must_be_exactly_that() -> None:
    only = allow(clusters=None, placements=(Placement("one", Name("edge-1")),))
    need_allowed({"tool-wear": spec(placement=Placement("one", Name("edge-1")))}, only, source="plant")
    assert "is not exactly that of the rules: 'one'" in refused(
        "tool-wear", spec(placement=Placement("one", Name("edge-1", "edge-2"))), only
    )


@pytest.mark.parametrize(
    ("name", "what", "rules", "told"),
    [
        ("other", {}, {}, "'other' is none of tool-*"),
        ("tool-wear", {"placement": Placement("all")}, {}, "does not contain the rule: label line == cnc"),
        ("tool-wear", {"placement": Placement("p", Label("line") == "paint")}, {}, "does not contain the rule"),
        ("tool-wear", {"flavour": "image", "image": "evil@sha256:" + "0" * 64}, {}, "has flavour image"),
        ("tool-wear", {"model": None, "workload": things.workload()}, {}, "is a workload"),
        ("tool-wear", {}, {"repositories": ("registry.factory/*",)}, "comes from registry.example/models/tool-wear"),
    ],
)
def test_what_does_not_is_refused(name: str, what: dict[str, Any], rules: dict[str, Any], told: str) -> None:
    assert told in refused(name, spec(**what), allow(**rules))


def test_an_image_of_a_workload_and_of_a_group_must_come_from_where_it_may() -> None:
    rules = allow(kinds=("model", "workload"), repositories=("registry.example/*",), flavours=("image",))
    image = "evil.example/x@sha256:" + "0" * 64
    work = things.workload(image=image, command=(), reference=None)
    assert "comes from evil.example/x" in refused("tool-w", spec(model=None, workload=work), rules)
    assert "comes from evil.example/x" in refused("tool-w", spec(flavour="image", image=image), rules)
    away = things.model(version="2", reference="evil.example/m@" + things.digest("x"))
    grouped = Placement("cnc", Label("line") == "cnc", groups={"first": Name("edge-1")})
    assert "comes from evil.example/m" in refused(
        "tool-w", spec(placement=grouped, versions={"first": away}), allow(repositories=("registry.example/*",))
    )
