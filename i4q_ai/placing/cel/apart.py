"""An expression taken apart: what is asked by itself, and what of a cluster each part looks at.

`a && b` is true exactly where both are, `a || b` where one is, whatever errors there are; so both are asked by
themselves, each with no more of a cluster than it looks at. Many clusters are then alike, and one is asked for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from i4q_ai.placing.cel import networks, numbers, syntax
from i4q_ai.placing.cel.looks import Path
from i4q_ai.placing.cel.parts import Evaluate, Junction, Part, Term
from i4q_ai.placing.cel.syntax import Node

VARIABLE = "managedCluster"
SCORES = "scores"
_JUNCTIONS = {"_&&_": True, "_||_": False}
_INDEX = "_[_]"
_FOLDED: dict[str, Callable[[str], object]] = {
    "quantity": numbers.quantity,
    "semver": numbers.semver,
    "ip": networks.ip,
    "cidr": networks.cidr,
}
"""Functions that make a value of a text; of a constant, once for all clusters."""


def taken_apart(checked: bytes, planned: Callable[[bytes], Evaluate]) -> Part:
    """The parts of an expression.

    Args:
        checked: as the runtime's type checker wrote it down.
        planned: makes a function of such a thing.
    """

    def part(node: Node) -> Part:
        if node.kind == syntax.CALL and node.name in _JUNCTIONS and node.target is None:
            every = _JUNCTIONS[node.name]
            return Junction(every, tuple(part(each) for each in _flat(node, node.name)))
        looks = _looks(node)
        return Term(planned(syntax.with_root(checked, _folded(node))), looks, _scored(node))

    return part(syntax.root(checked))


def _flat(node: Node, name: str) -> Iterator[Node]:
    """What is joined, however the runtime has balanced it."""
    for each in node.arguments:
        if each.kind == syntax.CALL and each.name == name and each.target is None:
            yield from _flat(each, name)
        else:
            yield each


def _looks(top: Node) -> tuple[Path, ...]:
    """What a part looks at, on the safe side: whatever is not `managedCluster.a.b` or `…['c']` is looked at whole."""
    found: dict[Path, None] = {}
    shadowed = False

    def look(node: Node) -> None:
        nonlocal shadowed
        path = _path(node)
        if path is not None:
            found[path] = None
            return
        shadowed = shadowed or VARIABLE in node.variables
        for each in node.children():
            if not (_asks_scores(node) and _path(each) == ()):
                look(each)

    look(top)
    return ((),) if shadowed or () in found else tuple(found)


def _path(node: Node) -> Path | None:
    """Where a node leads to from the cluster; None for any other node."""
    if node.kind == syntax.IDENT:
        return () if node.name.lstrip(".") == VARIABLE else None
    if node.kind == syntax.SELECT and node.target is not None:
        above, key = _path(node.target), node.name
    elif node.kind == syntax.CALL and node.name == _INDEX and len(node.arguments) == 2:
        of, at = node.arguments
        if at.text is None:
            return None
        above, key = _path(of), at.text
    else:
        return None
    return None if above is None else (*above, key)


def _asks_scores(node: Node) -> bool:
    return node.kind == syntax.CALL and node.name == SCORES


def _scored(node: Node) -> bool:
    return _asks_scores(node) or any(_scored(each) for each in node.children())


def _folded(node: Node) -> bytes:
    """With constants in the place of what is made of a constant text."""
    if node.kind == syntax.CALL and node.name in _FOLDED and node.target is None and len(node.arguments) == 1:
        text = node.arguments[0].text
        value = None if text is None else _made(node.name, text)
        if isinstance(value, bytes):
            return syntax.constant(node, value)
    return syntax.with_children(node, _folded)


def _made(name: str, text: str) -> object:
    try:
        return _FOLDED[name](text)
    except ValueError:
        return None  # for every cluster it is the same error; it is left to the runtime
