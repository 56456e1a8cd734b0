"""Kubernetes' CEL types, as values that the CEL runtime can carry.

The runtime takes no values of our own types, so each is bytes, which no JSON has: the type, a space and a canonical
text. Equal values have equal texts, and `==` just works.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address, ip_interface
from typing import Any, NamedTuple, TypeVar

from i4q_ai.placing import quantities

Carried = bytes | bytearray
Address = IPv4Address | IPv6Address
Network = IPv4Interface | IPv6Interface
T = TypeVar("T")

_SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?",
    re.ASCII,
)
_BITS = re.compile(r"0|[1-9]\d{0,2}", re.ASCII)
_INT64 = range(-(2**63), 2**63)
_REMEMBERED = 16_384
"""How many texts are not parsed again: an expression meets the same ones for every cluster."""


class Semver(NamedTuple):
    """A semantic version; it sorts by precedence, build metadata is gone."""

    major: int
    minor: int
    patch: int
    final: bool
    pre: tuple[tuple[int, int, str], ...]
    text: str


def carry(kind: str, value: object) -> Carried:
    """A value for the runtime to carry."""
    return f"{kind} {value}".encode()


def kind_of(carried: object) -> str:
    """The type of a carried value; empty for any other."""
    return carried.partition(b" ")[0].decode() if isinstance(carried, bytes | bytearray) else ""


def text_of(carried: Carried, kind: str) -> str:
    """The canonical text of a carried value.

    Raises:
        TypeError: it is of another type.
    """
    if kind_of(carried) != kind:
        raise TypeError(f"no such overload: {carried!r} is no {kind}")
    return carried.partition(b" ")[2].decode()


def quantity(carried: Carried) -> Fraction:
    """A carried quantity as a number."""
    return _fraction(text_of(carried, "quantity"))


def semver(carried: Carried) -> Semver:
    """A carried version."""
    return parse_semver(text_of(carried, "semver"))


def address(carried: Carried) -> Address:
    """A carried IP address."""
    return ip_address(text_of(carried, "ip"))


def network(carried: Carried) -> Network:
    """A carried CIDR, host bits kept."""
    return ip_interface(text_of(carried, "cidr"))


@lru_cache(maxsize=_REMEMBERED)
def parse_quantity(text: str) -> Fraction:
    """A quantity from text.

    Raises:
        ValueError: it is none.
    """
    return quantities.parse(text)


def integer(number: Fraction) -> int:
    """A quantity as 64-bit integer.

    Raises:
        ValueError: it is no whole number, or too big.
    """
    if number.denominator != 1 or number.numerator not in _INT64:
        raise ValueError("cannot convert value to integer")
    return number.numerator


@lru_cache(maxsize=_REMEMBERED)
def parse_semver(text: str) -> Semver:
    """A semantic version from text.

    Args:
        text: `1.2.3-rc.1`.

    Raises:
        ValueError: it is none.
    """
    found = _SEMVER.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no semantic version")
    pre = tuple(_identifier(part) for part in found[4].split(".")) if found[4] else ()
    canonical = f"{found[1]}.{found[2]}.{found[3]}" + (f"-{found[4]}" if found[4] else "")
    return Semver(int(found[1]), int(found[2]), int(found[3]), not pre, pre, canonical)


def parse_address(text: str) -> Address:
    """An IP address from text: no zone, no IPv4 in IPv6.

    Raises:
        ValueError: it is none.
    """
    parsed = ip_address(text)
    if isinstance(parsed, IPv6Address) and (parsed.scope_id or parsed.ipv4_mapped):
        raise ValueError(f"{text!r} has a zone, or is IPv4 in IPv6")
    return parsed


def parse_network(text: str) -> Network:
    """A CIDR from text.

    Raises:
        ValueError: it is none.
    """
    host, slash, bits = text.partition("/")
    if not slash or not _BITS.fullmatch(bits):
        raise ValueError(f"{text!r} is no CIDR")
    parse_address(host)
    return ip_interface(text)


def accepts(parse: Callable[..., T], *args: Any) -> bool:
    """Whether text parses."""
    try:
        parse(*args)
    except ValueError:
        return False
    return True


def _identifier(part: str) -> tuple[int, int, str]:
    if part.isdigit():
        if len(part) > 1 and part[0] == "0":
            raise ValueError(f"pre-release {part!r} has leading zeros")
        return (0, int(part), "")
    return (1, 0, part)


@lru_cache(maxsize=_REMEMBERED)
def _fraction(text: str) -> Fraction:
    return Fraction(text)
