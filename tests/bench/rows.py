"""One measured figure, as docs/benchmarks.md shows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measured figure.

    Args:
        figure: what was measured.
        ours: the value here.
        peer: the value it is compared with; None where there is none.
        ratio: ours divided by the peer's, or by what it was before.
        goal: the ratio, or value, it may at most have.
        unit: of `ours` and `peer`.
        note: what the peer is, and what else one must know.
        ok: whether the goal is met.
    """

    figure: str
    ours: float
    peer: float | None
    ratio: float | None
    goal: float | None
    unit: str
    note: str
    ok: bool


def compared(figure: str, ours: float, peer: float, *, goal: float | None, unit: str, note: str) -> Row:
    """A row whose goal is a ratio of ours to the peer's; without a goal it only informs."""
    ratio = ours / peer
    ok = goal is None or ratio <= goal
    return Row(figure=figure, ours=ours, peer=peer, ratio=ratio, goal=goal, unit=unit, note=note, ok=ok)


def limited(figure: str, ours: float, *, goal: float, unit: str, note: str) -> Row:
    """A row whose goal is a value."""
    return Row(figure=figure, ours=ours, peer=None, ratio=None, goal=goal, unit=unit, note=note, ok=ours <= goal)
