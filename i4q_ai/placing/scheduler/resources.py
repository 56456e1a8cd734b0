"""Kubernetes' quantities as doubles, by the scheduler's own steps.

Scores are cut to whole numbers afterwards: the last bit of a double can decide which cluster is chosen.
"""

from __future__ import annotations

import re
from functools import lru_cache

from i4q_ai.errors import SchemaError

_QUANTITY = re.compile(r"([+-]?)0*(\d*)(?:\.(\d*))?(?:([eE][+-]?\d+)|(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E))?", re.ASCII)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_INT64_MAX = 2**63 - 1
_NANO = 9


@lru_cache(maxsize=65536)
def as_double(text: str) -> float:
    """A quantity as the scheduler sees it.

    Args:
        text: "8Gi", "10500m", "1e3" …

    Raises:
        SchemaError: it is no quantity.

    Example:
        >>> as_double("1536Mi") == 1.5 * 2**30
        True
    """
    found = _QUANTITY.fullmatch(text.strip())
    if not found or not re.search(r"\d", text):
        raise SchemaError(f"{text!r} is no quantity", hint="as '4', '500m' or '8Gi' are")
    sign = -1 if found[1] == "-" else 1
    whole, fraction, suffix = found[2] or "0", found[3] or "", found[5] or ""
    if suffix in _BINARY:
        return sign * _binary(whole, fraction, _BINARY[suffix])
    exponent = int(found[4][1:]) if found[4] else _DECIMAL.get(suffix, 0)
    return sign * _decimal(whole, fraction, exponent)


def _decimal(whole: str, fraction: str, exponent: int) -> float:
    scale = exponent - len(fraction)
    digits = len(whole) + len(fraction)
    number = int(whole + fraction)
    if digits <= 18 and scale >= -_NANO:
        return _scaled(number, scale)
    return _scaled(_at_nano(number, scale), -_NANO) if number else 0.0


def _binary(whole: str, fraction: str, exponent: int) -> float:
    number = int(whole + fraction) << exponent
    short = not fraction and 15 - len(whole) - int(exponent * 3 / 10) - 1 >= 0
    if short and number <= _INT64_MAX:
        return float(number)
    nano = _at_nano(number, -len(fraction))
    return float(_INT64_MAX) if nano > _INT64_MAX * 10**_NANO else _scaled(nano, -_NANO)


def _at_nano(number: int, scale: int) -> int:
    """Number × 10^scale in billionths, rounded up."""
    shift = scale + _NANO
    return number * _power(shift) if shift >= 0 else -(-number // _power(-shift))


def _scaled(number: int, scale: int) -> float:
    # the literal is the nearest double, a power computed at run time need not be
    return float(number) * float(f"1e{scale}") if scale else float(number)


def _power(exponent: int) -> int:
    return int(10**exponent)
