"""Kubernetes quantities against decimal arithmetic."""

from decimal import Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai.placing.quantities import parse

# Written out once more, so that a slip in one table shows.
SCALES = {
    "": Decimal(1),
    "n": Decimal("0.000000001"),
    "u": Decimal("0.000001"),
    "m": Decimal("0.001"),
    "k": Decimal(1000),
    "M": Decimal(1000**2),
    "G": Decimal(1000**3),
    "T": Decimal(1000**4),
    "P": Decimal(1000**5),
    "E": Decimal(1000**6),
    "Ki": Decimal(1024),
    "Mi": Decimal(1024**2),
    "Gi": Decimal(1024**3),
    "Ti": Decimal(1024**4),
    "Pi": Decimal(1024**5),
    "Ei": Decimal(1024**6),
}
EXACT = Context(prec=200)
numbers = st.from_regex(r"[+-]?([0-9]{1,12}(\.[0-9]{0,9})?|\.[0-9]{1,9})", fullmatch=True)


@given(numbers, st.sampled_from(sorted(SCALES)))
def test_a_suffix_multiplies(number: str, suffix: str) -> None:
    assert parse(number + suffix) == Fraction(EXACT.multiply(Decimal(number), SCALES[suffix]))


@given(numbers, st.sampled_from("eE"), st.integers(-20, 20))
def test_an_exponent_is_decimal(number: str, letter: str, exponent: int) -> None:
    assert parse(f"{number}{letter}{exponent}") == Fraction(EXACT.create_decimal(f"{number}e{exponent}"))


@given(numbers, st.sampled_from(sorted(SCALES)), numbers, st.sampled_from(sorted(SCALES)))
def test_order_is_that_of_the_numbers(left: str, one: str, right: str, other: str) -> None:
    a, b = EXACT.multiply(Decimal(left), SCALES[one]), EXACT.multiply(Decimal(right), SCALES[other])
    assert (parse(left + one) < parse(right + other)) == (a < b)


def test_e_alone_is_exa_and_with_digits_an_exponent() -> None:
    assert parse("1E") == 10**18
    assert parse("1E3") == 1000
    assert parse("1Ei") == 2**60


@pytest.mark.parametrize(
    "text", ["", "Gi", "1gi", "1K", "1 Gi", "1e", "1e1Gi", "--1", "1,5", "0x1", "inf", "nan", "1\n", "٣"]
)
def test_no_quantities(text: str) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        parse(text)
