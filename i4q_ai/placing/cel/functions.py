"""Every function that is not CEL's own: how it is called, what it takes and gives, what it does.

`ip` is both a plain function and a member; Kubernetes named it so, and so it stands here twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from i4q_ai.placing.cel import lists, networks, numbers, regexes, texts


class Signature(NamedTuple):
    """Types of one overload, by name: `int`, `list(string)`, `quantity` and the like."""

    takes: tuple[str, ...]
    returns: str


class Function(NamedTuple):
    """One function with all its overloads.

    Args:
        name: as expressions call it.
        member: called on its first argument, `x.name(…)`.
        signatures: what the type checker accepts.
        does: all overloads' work; told apart by number and type of arguments.
    """

    name: str
    member: bool
    signatures: tuple[Signature, ...]
    does: Callable[..., Any]


def _plain(name: str, does: Callable[..., Any], *signatures: str) -> Function:
    return Function(name, False, tuple(_signature(text) for text in signatures), does)


def _member(name: str, does: Callable[..., Any], *signatures: str) -> Function:
    return Function(name, True, tuple(_signature(text) for text in signatures), does)


def _signature(text: str) -> Signature:
    takes, _, returns = text.partition(" -> ")
    return Signature(tuple(takes.split()), returns)


_COMPARABLE = ("int", "uint", "double", "bool", "string", "bytes", "duration", "timestamp")
_SUMMABLE = ("int", "uint", "double", "duration")

QUANTITY = (
    _plain("quantity", numbers.quantity, "string -> quantity"),
    _plain("isQuantity", numbers.is_quantity, "string -> bool"),
    _plain("sign", numbers.sign, "quantity -> int"),
    _member("asApproximateFloat", numbers.as_float, "quantity -> double"),
    _member("asInteger", numbers.as_integer, "quantity -> int"),
    _member("isInteger", numbers.is_integer, "quantity -> bool"),
    _member("add", numbers.add, "quantity quantity -> quantity", "quantity int -> quantity"),
    _member("sub", numbers.subtract, "quantity quantity -> quantity", "quantity int -> quantity"),
)
SEMVER = (
    _plain("semver", numbers.semver, "string -> semver"),
    _plain("isSemver", numbers.is_semver, "string -> bool"),
    _member("major", numbers.major, "semver -> int"),
    _member("minor", numbers.minor, "semver -> int"),
    _member("patch", numbers.patch, "semver -> int"),
)
COMPARING = (
    _member("compareTo", numbers.compare, "quantity quantity -> int", "semver semver -> int"),
    _member("isGreaterThan", numbers.is_greater, "quantity quantity -> bool", "semver semver -> bool"),
    _member("isLessThan", numbers.is_less, "quantity quantity -> bool", "semver semver -> bool"),
)
REGEX = (
    _member("find", regexes.find, "string string -> string"),
    _member("findAll", regexes.find_all, "string string -> list(string)", "string string int -> list(string)"),
)
LISTS = (
    _member("isSorted", lists.is_sorted, *(f"list({each}) -> bool" for each in _COMPARABLE)),
    _member("sum", lists.total, *(f"list({each}) -> {each}" for each in _SUMMABLE)),
    _member("min", lists.least, *(f"list({each}) -> {each}" for each in _COMPARABLE)),
    _member("max", lists.greatest, *(f"list({each}) -> {each}" for each in _COMPARABLE)),
)
NETWORKS = (
    _plain("ip", networks.ip, "string -> ip"),
    _member("ip", networks.cidr_ip, "cidr -> ip"),
    _plain("isIP", networks.is_ip, "string -> bool"),
    _plain("ip.isCanonical", networks.is_canonical, "string -> bool"),
    _member("family", networks.family, "ip -> int"),
    _member("isUnspecified", networks.is_unspecified, "ip -> bool"),
    _member("isLoopback", networks.is_loopback, "ip -> bool"),
    _member("isLinkLocalMulticast", networks.is_link_local_multicast, "ip -> bool"),
    _member("isLinkLocalUnicast", networks.is_link_local_unicast, "ip -> bool"),
    _member("isGlobalUnicast", networks.is_global_unicast, "ip -> bool"),
    _plain("cidr", networks.cidr, "string -> cidr"),
    _plain("isCIDR", networks.is_cidr, "string -> bool"),
    _member("containsIP", networks.contains_ip, "cidr string -> bool", "cidr ip -> bool"),
    _member("containsCIDR", networks.contains_cidr, "cidr string -> bool", "cidr cidr -> bool"),
    _member("prefixLength", networks.prefix_length, "cidr -> int"),
    _member("masked", networks.masked, "cidr -> cidr"),
    _plain("url", networks.url, "string -> url"),
    _plain("isURL", networks.is_url, "string -> bool"),
    _member("getScheme", networks.scheme, "url -> string"),
    _member("getHost", networks.host, "url -> string"),
    _member("getHostname", networks.hostname, "url -> string"),
    _member("getPort", networks.port, "url -> string"),
    _member("getEscapedPath", networks.escaped_path, "url -> string"),
    _member("getQuery", networks.query, "url -> map(string,list(string))"),
)
STRINGS = (
    _member("charAt", texts.char_at, "string int -> string"),
    _member(
        "indexOf",
        texts.index_of,
        "string string -> int",
        "string string int -> int",
        "list(dyn) dyn -> int",
    ),
    _member(
        "lastIndexOf",
        texts.last_index_of,
        "string string -> int",
        "string string int -> int",
        "list(dyn) dyn -> int",
    ),
    _member("lowerAscii", texts.lower, "string -> string"),
    _member("upperAscii", texts.upper, "string -> string"),
    _member("replace", texts.replace, "string string string -> string", "string string string int -> string"),
    _member("split", texts.split, "string string -> list(string)", "string string int -> list(string)"),
    _member("substring", texts.substring, "string int -> string", "string int int -> string"),
    _member("trim", texts.trim, "string -> string"),
    _member("reverse", texts.reverse, "string -> string"),
    _member("join", texts.join, "list(string) -> string", "list(string) string -> string"),
    _member("format", texts.fill, "string list(dyn) -> string"),
    _plain("strings.quote", texts.quote, "string -> string"),
    _member("parseJSON", json.loads, "string -> dyn"),
)
FUNCTIONS = (*QUANTITY, *SEMVER, *COMPARING, *REGEX, *LISTS, *NETWORKS, *STRINGS)
