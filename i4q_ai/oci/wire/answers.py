"""What the headers and error bodies of a registry's answers say. Pure; trusts nothing."""

from __future__ import annotations

import email.utils
import json
import re
from collections.abc import Iterator

_WARNING = re.compile(r'299 (?:-|[^\s"]+) "((?:[^"\\]|\\.)*)"')
_LONGEST = 500
_MOST_WARNINGS = 10


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds to wait by a Retry-After header: a number or a date.

    Args:
        value: of the header.
        now: seconds since 1970.

    Example:
        >>> retry_after("Thu, 01 Jan 1970 00:00:09 GMT", 4.0)
        5.0
    """
    if value is None:
        return None
    if re.fullmatch(r"\s*[0-9]{1,9}\s*", value):
        return float(value)
    try:
        return max(email.utils.parsedate_to_datetime(value).timestamp() - now, 0.0)
    except (ValueError, OverflowError):
        return None


def told(raw: bytes) -> str:
    """The registry's own words in an error body, if they are words; in brackets, to stand behind what happened.

    Example:
        >>> told(b'{"errors": [{"code": "DENIED", "message": "not for you"}]}')
        ' (DENIED: not for you)'
    """
    try:
        errors = json.loads(raw)["errors"]
        words = "; ".join(f"{error.get('code', '')}: {error.get('message', '')}" for error in errors)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return ""
    words = printable(words)
    return f" ({words})" if words else ""


def warnings(value: str | None) -> Iterator[str]:
    """The texts of `Warning: 299 - "…"`; other codes are not for people.

    Example:
        >>> list(warnings('299 - "this repository will move", 199 - "x"'))
        ['this repository will move']
    """
    for count, match in enumerate(_WARNING.finditer((value or "")[: _LONGEST * _MOST_WARNINGS])):
        if count < _MOST_WARNINGS and (text := printable(re.sub(r"\\(.)", r"\1", match[1]))):
            yield text


def printable(text: str) -> str:
    """What of a foreign text may stand in a log or an error."""
    return "".join(character for character in text if character.isprintable())[:_LONGEST]
