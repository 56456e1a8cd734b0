"""YAML in and out."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai import yamls
from i4q_ai.errors import NotFoundError, SchemaError
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


def _bomb(step: str) -> str:
    """Eight lines, each ten times the line before."""
    lines = [f"x{turn}: &x{turn} {step.format(last=', '.join([f'*x{turn - 1}'] * 10))}" for turn in range(1, 9)]
    return "\n".join(["x0: &x0 {a: 1, b: 2}", *lines])


@pytest.mark.parametrize("step", ["[{last}]", "{{<<: [{last}]}}"])
def test_aliases_that_mean_billions_of_values_are_refused_before_they_are_followed(step: str) -> None:
    with pytest.raises(SchemaError, match=r"bomb\.yaml: line \d+, column \d+: more than \d+ values"):
        yamls.load(_bomb(step), where="bomb.yaml")


def test_aliases_in_reason_are_followed() -> None:
    assert yamls.load("a: &a [1, 2]\nb: [*a, *a]\n")["b"] == [[1, 2], [1, 2]]


@pytest.mark.parametrize("levels", [101, 100_000])
def test_a_text_that_is_nested_too_deep_is_refused(levels: int) -> None:
    # The parser reads ahead, and has a limit of its own.
    with pytest.raises(SchemaError, match=r"line 1, column \d+: (nested deeper than 100 levels|exceeded maximum)"):
        yamls.load("[" * levels + "]" * levels)


def test_a_file_that_never_ends_is_refused() -> None:
    with pytest.raises(SchemaError, match=r"^/dev/zero: is larger than 16 MiB"):
        yamls.read(Path("/dev/zero"))


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    binary = tmp_path / "model.onnx"
    binary.write_bytes(b"ok\xff")
    for path, error, why in (
        (tmp_path / "none", NotFoundError, "there is no file"),
        (tmp_path, SchemaError, "Is a directory"),
        (binary, SchemaError, r"no text in UTF-8 \(byte 2\)"),
        (Path("a\0b"), SchemaError, "null"),
    ):
        with pytest.raises(error, match=why):
            yamls.read(path)
