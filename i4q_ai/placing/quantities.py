"""Kubernetes quantities ("500m", "8Gi", "1e3") as exact numbers."""

from __future__ import annotations

import functools
import re
from fractions import Fraction

_QUANTITY = re.compile(
    r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:([eE][+-]?\d{1,3})|(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E))?", re.ASCII
)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}


@functools.lru_cache(maxsize=4096)  # thousands of clusters have the same few
def parse(text: str) -> Fraction:
    """A quantity as an exact number.

    Args:
        text: by Kubernetes' grammar: a decimal number, then nothing, a decimal exponent, or one of
            n u m k M G T P E Ki Mi Gi Ti Pi Ei.

    Raises:
        ValueError: it is no quantity.

    Example:
        >>> parse("1.5Gi") == 3 * 2**29
        True
    """
    found = _QUANTITY.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no quantity, as '4', '500m' or '8Gi' are")
    number, exponent, suffix = Fraction(found[1]), found[2], found[3]
    if exponent:
        return number * _power_of_ten(int(exponent[1:]))
    if suffix in _BINARY:
        return number * (1 << _BINARY[suffix])
    if suffix:
        return number * _power_of_ten(_DECIMAL[suffix])
    return number


def _power_of_ten(exponent: int) -> Fraction:
    return Fraction(10**exponent) if exponent >= 0 else Fraction(1, 10**-exponent)
