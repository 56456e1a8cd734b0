"""Times of Kubernetes objects, and durations as Go writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

NEVER = datetime(1, 1, 1, tzinfo=UTC)
"""What Go takes a time for that nobody wrote."""


def parse(text: str) -> datetime:
    """A time from RFC 3339; the beginning of Go's time if it is empty."""
    if not text:
        return NEVER
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def duration(span: timedelta) -> str:
    """A span as Go writes it.

    Example:
        >>> duration(timedelta(hours=1, seconds=2.5))
        '1h0m2.5s'
    """
    micros = span // timedelta(microseconds=1)
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    if micros < 1_000_000:
        return f"{sign}{_trimmed(micros / 1000)}ms" if micros >= 1000 else f"{sign}{micros}µs" if micros else "0s"
    minutes, rest = divmod(micros, 60_000_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{_trimmed(rest / 1_000_000)}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}"
    return f"{sign}{minutes}m{seconds}" if minutes else f"{sign}{seconds}"


def _trimmed(number: float) -> str:
    return f"{number:.6f}".rstrip("0").rstrip(".")
