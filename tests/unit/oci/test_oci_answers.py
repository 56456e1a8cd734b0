"""What headers and error bodies of a registry say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai.oci.wire.answers import retry_after, told, warnings


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("soon", None),
        ("Thu, 01 Jan 1970 00:00:09 GMT", 5.0),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0.0),
        ("-1", None),
        ("٣", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, 4.0) == seconds


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", ""),
        (b"404 page not found", ""),
        (b"[]", ""),
        (b'{"errors": "no"}', ""),
        (b'{"errors": [{"code": "DENIED"}]}', " (DENIED: )"),
        (b'{"errors": [{"code": "A", "message": "b\\u001b[2Jc\\n"}, {"code": "D"}]}', " (A: b[2Jc; D: )"),
        (b"[" * 100_000, ""),
    ],
)
def test_words_of_a_registry(raw: bytes, words: str) -> None:
    assert told(raw) == words


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (None, []),
        ('299 - "a", 299 - "b \\"c\\""', ["a", 'b "c"']),
        ('199 - "a"', []),
        ('299 - ""', []),
        ('299 - "\x1b[31mred"', ["[31mred"]),
        ('299 - "open', []),
    ],
)
def test_warnings(value: str | None, texts: list[str]) -> None:
    assert list(warnings(value)) == texts


@given(st.text(), st.binary())
def test_nonsense_harms_nobody(header: str, body: bytes) -> None:
    assert all(text.isprintable() for text in (*warnings(header), told(body)))
    retry_after(header, 0.0)
