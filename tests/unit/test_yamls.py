"""YAML in and out."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai import yamls
from i4q_ai.errors import SchemaError
from i4q_ai.model import Model
from tests.unit import things

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | things.floats | things.any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(things.any_text, inner, max_size=3),
    max_leaves=8,
)


@given(plain.filter(lambda data: data is not None))
def test_what_is_written_is_read(data: Any) -> None:
    assert yamls.load(yamls.dump(data)) == data


def test_a_key_that_stands_twice_is_refused_with_its_place() -> None:
    with pytest.raises(SchemaError, match=r"release\.yaml: line 3, column 1: the key 'name' stands twice"):
        yamls.load("name: a\nversion: '1'\nname: b\n", where="release.yaml")


def test_a_key_that_stands_twice_below_is_refused() -> None:
    with pytest.raises(SchemaError, match="line 4, column 5: the key 'a' stands twice"):
        yamls.load("- x:\n    b: 1\n    a: 1\n    a: 2\n")


def test_merge_keys_work_and_may_be_overridden() -> None:
    text = "base: &base {a: 1, b: 2}\nmore:\n  <<: *base\n  b: 3\n"
    assert yamls.load(text)["more"] == {"a": 1, "b": 3}


def test_anchors_are_read_but_not_written() -> None:
    shared = ["x"]
    assert yamls.load("a: &x [x]\nb: *x\n") == {"a": shared, "b": shared}
    assert yamls.dump({"a": shared, "b": shared}) == "a:\n- x\nb:\n- x\n"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: [1, 2\nb: 3\n", "line 2, column 2"),
        ("a: b: c\n", "line 1, column 5"),
        ("a:\n\t- b\n", "line 2, column 1"),
        ("a: 'b\n", "line 2, column 1"),
        ("a: *nothing\n", "line 1, column 4"),
        ("a: !!python/object:os.system {}\n", "line 1, column 4"),
        ("? [a]\n: b\n", "line 1, column 3"),
        ("a: 2026-13-45\n", "line 1, column 4"),
        ("a: 1\nb: !!int x\n", "line 2, column 4"),
    ],
)
def test_broken_yaml_says_where(text: str, place: str) -> None:
    with pytest.raises(SchemaError, match=rf"model\.yaml: {place}: "):
        Model.from_yaml(text, where="model.yaml")


def test_a_control_character_is_refused() -> None:
    with pytest.raises(SchemaError, match=r"model\.yaml"):
        yamls.load("a: \x07", where="model.yaml")


def test_one_document_is_one_document() -> None:
    with pytest.raises(SchemaError, match="expected one YAML document, found 2"):
        yamls.load("a: 1\n---\nb: 2\n")
    with pytest.raises(SchemaError, match="expected one YAML document, found 0"):
        yamls.load("---\n")
    assert yamls.load_all("a: 1\n---\n---\nb: 2\n") == [{"a": 1}, {"b": 2}]


def test_order_is_kept_and_letters_stay_letters() -> None:
    assert yamls.dump({"z": "Fräse", "a": 1}) == "z: Fräse\na: 1\n"
