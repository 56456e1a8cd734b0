"""CEL's functions over strings.

Ours, because the runtime's own library declares `indexOf` for strings alone, and Kubernetes has it for lists too.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_UPPER = str.maketrans("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_ESCAPED = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
_ESCAPED |= {"\\": "\\\\", '"': '\\"'}


def char_at(text: str, place: int) -> str:
    """The character there; nothing at the very end."""
    return "" if place == len(text) else text[_within(place, len(text) - 1)]


def index_of(where: str | list[Any], what: Any, start: int = 0) -> int:
    """Where it is first, from `start` on; -1 if nowhere."""
    if isinstance(where, list):
        return next((place for place, each in enumerate(where) if _same(each, what)), -1)
    return where.find(what, _within(start, len(where))) if what else start


def last_index_of(where: str | list[Any], what: Any, start: int | None = None) -> int:
    """Where it is last, beginning at `start` or before; -1 if nowhere."""
    if isinstance(where, list):
        return next((place for place in reversed(range(len(where))) if _same(where[place], what)), -1)
    if start is None:
        return where.rfind(what)
    return where.rfind(what, 0, _within(start, len(where)) + len(what))


def lower(text: str) -> str:
    """A–Z to a–z."""
    return text.translate(_LOWER)


def upper(text: str) -> str:
    """a–z to A–Z."""
    return text.translate(_UPPER)


def replace(text: str, old: str, new: str, limit: int = -1) -> str:
    """Every `old`, or as many as `limit` says, by `new`."""
    return text.replace(old, new, limit)


def split(text: str, separator: str, limit: int = -1) -> list[str]:
    """The parts between separators, at most `limit` of them; characters if the separator is empty."""
    if limit == 0:
        return []
    if separator:
        return text.split(separator, limit - 1 if limit > 0 else -1)
    parts = list(text)
    return parts if limit < 0 or limit >= len(parts) else [*parts[: limit - 1], "".join(parts[limit - 1 :])]


def substring(text: str, start: int, end: int | None = None) -> str:
    """From `start` to before `end`."""
    stop = len(text) if end is None else _within(end, len(text))
    return text[_within(start, stop) : stop]


def trim(text: str) -> str:
    """Without white space around it."""
    return text.strip()


def reverse(text: str) -> str:
    """Its characters, the last first."""
    return text[::-1]


def join(parts: list[str], separator: str = "") -> str:
    """One string of many."""
    return separator.join(parts)


def quote(text: str) -> str:
    """In double quotes, with escapes."""
    return '"' + "".join(_ESCAPED.get(character, character) for character in text) + '"'


def fill(template: str, values: list[Any]) -> str:
    """`'%s has %d'.format([…])`: %s %d %f %e %b %o %x %X, with `.precision` for %f and %e."""
    out: list[str] = []
    rest = iter(values)
    text = iter(template)
    for character in text:
        if character != "%":
            out.append(character)
            continue
        verb = next(text, "")
        precision = ""
        while verb == "." or (verb.isdigit() and precision):
            precision += verb
            verb = next(text, "")
        out.append("%" if verb == "%" else _filled(verb, precision or ".6", next(rest)))
    return "".join(out)


def _filled(verb: str, precision: str, value: Any) -> str:
    if verb == "s":
        return _shown(value)
    if verb in ("f", "e"):
        return format(float(value), f"{precision}{verb}")
    if verb in ("x", "X") and isinstance(value, str | bytes | bytearray):
        digits = (value.encode() if isinstance(value, str) else value).hex()
        return digits.upper() if verb == "X" else digits
    if verb in ("d", "b", "o", "x", "X") and isinstance(value, int):
        return format(int(value), verb)
    raise ValueError(f"format: no %{verb} for {type(value).__name__}")


def _shown(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, list):
        return "[" + ", ".join(_shown(each) for each in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(sorted(f"{_shown(key)}: {_shown(each)}" for key, each in value.items())) + "}"
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.decode() if isinstance(value, bytes | bytearray) else str(value)


def _same(left: Any, right: Any) -> bool:
    # in Python True == 1, in CEL it is not
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _within(place: int, last: int) -> int:
    if not 0 <= place <= last:
        raise IndexError(f"index out of range: {place}")
    return place
