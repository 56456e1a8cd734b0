"""Kubernetes' CEL functions over IP addresses, CIDRs and URLs."""

from __future__ import annotations

from ipaddress import IPv4Address
from urllib.parse import SplitResult, parse_qs, quote, urlsplit

from i4q_ai.placing.cel import carried
from i4q_ai.placing.cel.carried import Carried


def ip(text: str) -> Carried:
    """`ip('10.0.0.1')`."""
    return carried.carry("ip", carried.parse_address(text))


def is_ip(text: str) -> bool:
    """Whether `ip` takes it."""
    return carried.accepts(carried.parse_address, text)


def is_canonical(text: str) -> bool:
    """Whether it is written the canonical way; an error if it is no address."""
    return str(carried.parse_address(text)) == text


def family(value: Carried) -> int:
    """4 or 6."""
    return carried.address(value).version


def is_unspecified(value: Carried) -> bool:
    """0.0.0.0 or ::."""
    return carried.address(value).is_unspecified


def is_loopback(value: Carried) -> bool:
    """127.0.0.0/8 or ::1."""
    return carried.address(value).is_loopback


def is_link_local_multicast(value: Carried) -> bool:
    """224.0.0.0/24 or ff02::/16 and the like."""
    address = carried.address(value)
    if isinstance(address, IPv4Address):
        return address.packed[:3] == b"\xe0\x00\x00"
    return address.packed[0] == 0xFF and address.packed[1] & 0x0F == 0x02


def is_link_local_unicast(value: Carried) -> bool:
    """169.254.0.0/16 or fe80::/10."""
    return carried.address(value).is_link_local


def is_global_unicast(value: Carried) -> bool:
    """Any that is for one receiver and goes beyond a link; private ones too."""
    address = carried.address(value)
    if address == IPv4Address("255.255.255.255"):
        return False
    return not (address.is_unspecified or address.is_loopback or address.is_multicast or address.is_link_local)


def cidr(text: str) -> Carried:
    """`cidr('10.0.0.0/8')`; host bits stay."""
    return carried.carry("cidr", carried.parse_network(text))


def is_cidr(text: str) -> bool:
    """Whether `cidr` takes it."""
    return carried.accepts(carried.parse_network, text)


def contains_ip(value: Carried, other: str | Carried) -> bool:
    """Whether an address, or its text, is in it."""
    address = carried.parse_address(other) if isinstance(other, str) else carried.address(other)
    return address in carried.network(value).network


def contains_cidr(value: Carried, other: str | Carried) -> bool:
    """Whether another, or its text, is in it."""
    inner = (carried.parse_network(other) if isinstance(other, str) else carried.network(other)).network
    outer = carried.network(value).network
    return inner.version == outer.version and outer.overlaps(inner) and outer.prefixlen <= inner.prefixlen


def prefix_length(value: Carried) -> int:
    """The number after the slash."""
    return carried.network(value).network.prefixlen


def masked(value: Carried) -> Carried:
    """Without host bits."""
    return carried.carry("cidr", carried.network(value).network)


def cidr_ip(value: Carried) -> Carried:
    """Its address, host bits kept."""
    return carried.carry("ip", carried.network(value).ip)


def url(text: str) -> Carried:
    """`url('https://host/path')`: absolute, or a path from the root."""
    return carried.carry("url", _split(text).geturl())


def is_url(text: str) -> bool:
    """Whether `url` takes it."""
    return carried.accepts(_split, text)


def scheme(value: Carried) -> str:
    """`https`."""
    return _of(value).scheme


def host(value: Carried) -> str:
    """Name and port."""
    return _of(value).netloc.rpartition("@")[2]


def hostname(value: Carried) -> str:
    """Name without port and brackets."""
    return _of(value).hostname or ""


def port(value: Carried) -> str:
    """The port, as text; nothing if none is given."""
    number = _of(value).port
    return "" if number is None else str(number)


def escaped_path(value: Carried) -> str:
    """The path, percent-encoded."""
    return quote(_of(value).path, safe="/%:@!$&'()*+,;=~-._")


def query(value: Carried) -> dict[str, list[str]]:
    """Every key with its values."""
    return parse_qs(_of(value).query, keep_blank_values=True)


def _of(value: Carried) -> SplitResult:
    return urlsplit(carried.text_of(value, "url"))


def _split(text: str) -> SplitResult:
    parts = urlsplit(text)
    absolute = bool(parts.scheme and (parts.netloc or parts.path))
    if not (absolute or text.startswith("/")) or any(character in text for character in " \t\r\n"):
        raise ValueError(f"{text!r} is no URL")
    return parts
