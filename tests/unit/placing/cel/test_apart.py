"""Expressions taken apart: what each part looks at, and what is left of a cluster for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from i4q_ai.placing import cel
from i4q_ai.placing.cel import numbers, syntax
from i4q_ai.placing.cel.looks import Path, seeing
from i4q_ai.placing.cel.parts import Junction, Part, Term

C = "managedCluster"
EVERYTHING: tuple[Path, ...] = ((),)


def terms(part: Part) -> Iterator[Term]:
    if isinstance(part, Term):
        yield part
    else:
        for each in part.parts:
            yield from terms(each)


def shape(part: Part) -> Any:
    if isinstance(part, Junction):
        return ("every" if part.every else "one", *map(shape, part.parts))
    return ".".join(*part.looks) if len(part.looks) == 1 else sorted(map(".".join, part.looks))


@pytest.mark.parametrize(
    ("expression", "looks"),
    [
        (f"{C}.metadata.name == 'a'", ["metadata.name"]),
        (f"{C}['metadata'].labels['x/y'] == 'a'", ["metadata.labels.x/y"]),
        (f"{C} . metadata // a comment: {C}\n .labels.site == '{C}.spec'", ["metadata.labels.site"]),
        (f"has({C}.metadata.labels.site)", ["metadata.labels.site"]),
        (f"'site' in {C}.metadata.labels", ["metadata.labels"]),
        (f"{C}.metadata.labels.size() == 1", ["metadata.labels"]),
        (f"{C}.metadata.labels[{C}.spec.x] == 'a'", ["metadata.labels", "spec.x"]),
        (f"{C}.status.clusterClaims.exists(c, c.name == {C}.metadata.name)", ["metadata.name", "status.clusterClaims"]),
        (f"{C}.status.a[0].b == 1", ["status.a"]),
        (f"{{'x': {C}.spec.a}}.x == [{C}.spec.b][0]", ["spec.a", "spec.b"]),
        (f"({C}.spec.a ? {C}.spec.b : {C}.spec.c) == 1", ["spec.a", "spec.b", "spec.c"]),
        (f"{C}.scores({C}.spec.a).size() == 0", ["spec.a"]),
        ("1.5 > 0.5 || -1 < 2 && 3u == 3u && b'a' == b'a'", []),
    ],
)
def test_what_an_expression_looks_at(expression: str, looks: list[str]) -> None:
    found = [look for term in terms(cel.compile(expression).rule) for look in term.looks]
    assert sorted(".".join(each) for each in found) == looks


@pytest.mark.parametrize(
    "expression",
    [
        f"size({C}) == 3",
        f"{C} == {{'name': 'a'}}",
        f"{C}.?metadata.?name.hasValue()",
        f"{C}[?'metadata'].hasValue()",
        f"{C}.map(k, k).size() == 1",
        f"[{{'spec': 1}}].exists({C}, {C}.spec == 1)",
        f"{C}[{C}.metadata.name] == 1",
        f"[{C}][0].metadata.name == 'a'",
    ],
)
def test_where_that_is_not_plain_it_is_everything(expression: str) -> None:
    assert [term.looks for term in terms(cel.compile(expression).rule)] == [EVERYTHING]


@pytest.mark.parametrize(
    ("expression", "parts"),
    [
        (f"{C}.spec.a && {C}.spec.b && {C}.spec.c && {C}.spec.d", ("every", "spec.a", "spec.b", "spec.c", "spec.d")),
        (f"{C}.spec.a && ({C}.spec.b || {C}.spec.c)", ("every", "spec.a", ("one", "spec.b", "spec.c"))),
        (f"{C}.spec.a || {C}.spec.b && {C}.spec.c", ("one", "spec.a", ("every", "spec.b", "spec.c"))),
        (f"!({C}.spec.a && {C}.spec.b)", ["spec.a", "spec.b"]),
        (f"({C}.spec.a && {C}.spec.b) == true", ["spec.a", "spec.b"]),
    ],
)
def test_what_must_all_be_true_or_one_is_asked_part_by_part(expression: str, parts: Any) -> None:
    assert shape(cel.compile(expression).rule) == parts


def test_scores_are_told_from_what_a_cluster_says_of_itself() -> None:
    rule = cel.compile(f"{C}.scores('model').exists(s, s.value > 0) && {C}.metadata.name == 'a'").rule
    assert [(term.scored, term.looks) for term in terms(rule)] == [(True, ()), (False, (("metadata", "name"),))]


@pytest.mark.parametrize(
    ("looks", "left"),
    [
        ((("metadata", "name"),), {"metadata": {"name": "a"}}),
        ((("metadata", "labels", "site"), ("spec", "x")), {"metadata": {"labels": {}}, "spec": {}}),
        ((("metadata", "name"), ("metadata",)), {"metadata": {"name": "a", "labels": {"line": "cnc"}}}),
        ((("metadata", "name", "deeper"),), {"metadata": {"name": "a"}}),
        ((("status", "version"),), {}),
        (EVERYTHING, {"metadata": {"name": "a", "labels": {"line": "cnc"}}, "spec": {}}),
        ((), {}),
    ],
)
def test_what_is_left_of_a_cluster(looks: tuple[Path, ...], left: dict[str, Any]) -> None:
    assert seeing(looks)({"metadata": {"name": "a", "labels": {"line": "cnc"}}, "spec": {}}) == left


def test_what_is_made_of_a_constant_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    program = cel.compile(f"quantity({C}.spec.much).isGreaterThan(quantity('2Gi'))")
    (term,) = terms(program.rule)
    asked: list[str] = []
    parse = numbers.carried.parse_quantity
    monkeypatch.setattr(numbers.carried, "parse_quantity", lambda text: asked.append(text) or parse(text))
    assert cel.asked(term.evaluate, {"spec": {"much": "3Gi"}})
    assert not cel.asked(term.evaluate, {"spec": {"much": "1Gi"}})
    assert asked == ["3Gi", "1Gi"]


def test_what_cannot_be_made_of_a_constant_is_an_error_for_each_and_spoils_nothing_else() -> None:
    (wrong, right) = terms(cel.compile(f"sign(quantity('no')) == 1 || {C}.spec.a == 1.5").rule)
    assert not cel.asked(wrong.evaluate, {})
    assert cel.asked(right.evaluate, {"spec": {"a": 1.5}})


def test_messages_are_written_as_they_were_read() -> None:
    fields = [syntax.Field(1, 0, 300), syntax.Field(2, 2, b"x" * 200), syntax.Field(5, 1, bytes(8))]
    written = syntax.write([*fields, syntax.Field(7, 5, bytes(4))])
    assert syntax.write(syntax.read(written)) == written
    with pytest.raises(ValueError, match="not known: 3"):
        syntax.read(b"\x0b")
