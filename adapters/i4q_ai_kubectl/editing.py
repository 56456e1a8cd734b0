"""Editing the inventory: a cluster comes or goes, and every other line stays as somebody wrote it."""

from __future__ import annotations

from pathlib import Path

import yaml

from i4q_ai import yamls
from i4q_ai.errors import ConflictError, InvalidError, SchemaError
from i4q_ai_kubectl.inventory import Entry, Inventory, read


def append(path: Path, entry: Entry) -> Inventory:
    """Write a new cluster into the inventory.

    Args:
        path: of the file; made if it is not there, with the new cluster as home.
        entry: the new cluster.

    Raises:
        ConflictError: there is a cluster of that name already.
        InvalidError: the list of clusters is not written as a block.
    """
    if not path.exists():
        first = Inventory(home=entry.name, clusters=(entry,))
        return _write(path, first.to_yaml(), expected=first)
    inventory = read(path)
    if entry.name in inventory.names:
        raise ConflictError(f"there is a cluster '{entry.name}' in {path} already", hint="give it another name")
    text = yamls.read(path)
    lines, found = _lines(text), _clusters(text)
    block = yamls.dump([entry.dump()]).splitlines()
    if found is None:
        place, added = len(lines), ["clusters:\n", *(f"{line}\n" for line in block)]
    else:
        place, indent = _end(_block(found[1], path), lines), " " * found[1].start_mark.column
        added = [f"{indent}{line}\n" for line in block]
    after = inventory.replace(clusters=(*inventory.clusters, entry))
    return _write(path, "".join([*lines[:place], *added, *lines[place:]]), expected=after)


def drop(path: Path, name: str) -> Inventory:
    """Take a cluster out of the inventory.

    Raises:
        NotFoundError: there is no such cluster.
        InvalidError: it is home, or the list of clusters is not written as a block.
    """
    inventory = read(path)
    gone = inventory.entry(name)
    if inventory.home == name:
        raise InvalidError(f"cluster '{name}' is home", hint=f"name another home in {path} first")
    text = yamls.read(path)
    lines, found = _lines(text), _clusters(text)
    assert found is not None, "it has a cluster"
    key, clusters = found[0], _block(found[1], path)
    first, last = key, clusters  # the key goes with the last cluster
    if len(clusters.value) > 1:
        first = last = clusters.value[inventory.names.index(name)]
    del lines[first.start_mark.line : _end(last, lines)]
    after = inventory.replace(clusters=tuple(entry for entry in inventory.clusters if entry != gone))
    return _write(path, "".join(lines), expected=after)


def _write(path: Path, text: str, *, expected: Inventory) -> Inventory:
    """Write the file anew, if the text says what was meant."""
    by_hand = f"{path} is written in a way that cannot be edited line by line"
    try:
        inventory = Inventory.from_yaml(text, where=str(path))
    except SchemaError as error:
        raise InvalidError(by_hand, hint="edit it by hand") from error
    if inventory != expected:
        raise InvalidError(by_hand, hint="edit it by hand")
    staged = path.with_name(f".{path.name}.new")
    staged.write_text(text, encoding="utf-8")
    staged.replace(path)
    return inventory


def _lines(text: str) -> list[str]:
    """The lines as YAML counts them, each with an end."""
    return [f"{line}\n" for line in text.removesuffix("\n").split("\n")]


def _clusters(text: str) -> tuple[yaml.Node, yaml.Node] | None:
    """The key and the list of clusters; None if there is none."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode), "an inventory was read from it"
    return next(((key, value) for key, value in root.value if key.value == "clusters"), None)


def _block(clusters: yaml.Node, path: Path) -> yaml.SequenceNode:
    if not isinstance(clusters, yaml.SequenceNode) or clusters.flow_style or not clusters.value:
        raise InvalidError(
            f"{path} has no list of clusters to change", hint="write `clusters:` with one cluster a line"
        )
    return clusters


def _end(node: yaml.Node, lines: list[str]) -> int:
    """The line behind a node, without the empty lines and comments that follow it."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        # A block ends where the next thing begins, which may be in a line of its own; what is last in it does not.
        node = node.value[-1][1] if isinstance(node, yaml.MappingNode) else node.value[-1]
    end = min(node.end_mark.line + (1 if node.end_mark.column else 0), len(lines))
    while end > node.start_mark.line + 1 and lines[end - 1].strip()[:1] in ("", "#"):
        end -= 1
    return end
