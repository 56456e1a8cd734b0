"""Editing the inventory: a cluster comes or goes, and every other line stays as somebody wrote it."""

from __future__ import annotations

from pathlib import Path

import yaml

from i4q_ai import yamls
from i4q_ai.errors import ConflictError, InvalidError
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
        return _write(path, Inventory(home=entry.name, clusters=(entry,)).to_yaml(), expected=(entry.name,))
    inventory = read(path)
    if entry.name in inventory.names:
        raise ConflictError(f"there is a cluster '{entry.name}' in {path} already", hint="give it another name")
    text = yamls.read(path)
    lines = _lines(text)
    place, indent = _end_of_clusters(text, path)
    block = yamls.dump([entry.dump()]).splitlines()
    added = [f"{' ' * indent}{line}\n" for line in block]
    return _write(path, "".join([*lines[:place], *added, *lines[place:]]), expected=(*inventory.names, entry.name))


def drop(path: Path, name: str) -> Inventory:
    """Take a cluster out of the inventory.

    Raises:
        NotFoundError: there is no such cluster.
        InvalidError: it is home, or the list of clusters is not written as a block.
    """
    inventory = read(path)
    inventory.entry(name)
    if inventory.home == name:
        raise InvalidError(f"cluster '{name}' is home", hint=f"name another home in {path} first")
    kept = tuple(known for known in inventory.names if known != name)
    if not kept:
        return _write(path, inventory.replace(clusters=()).to_yaml(), expected=())
    text = yamls.read(path)
    lines = _lines(text)
    for node in _clusters(text).value:
        if [value.value for key, value in node.value if key.value == "name"] == [name]:
            del lines[node.start_mark.line : _end(node, lines)]
    return _write(path, "".join(lines), expected=kept)


def _write(path: Path, text: str, *, expected: tuple[str, ...]) -> Inventory:
    """Write the file anew, if the text says what was meant."""
    inventory = Inventory.from_yaml(text, where=str(path))
    if inventory.names != expected:
        raise InvalidError(f"{path} is written in a way that cannot be edited line by line", hint="edit it by hand")
    staged = path.with_name(f".{path.name}.new")
    staged.write_text(text, encoding="utf-8")
    staged.replace(path)
    return inventory


def _lines(text: str) -> list[str]:
    return [f"{line}\n" for line in text.splitlines()]


def _clusters(text: str) -> yaml.SequenceNode:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode), "an inventory was read from it"
    for key, value in root.value:
        if key.value == "clusters":
            assert isinstance(value, yaml.SequenceNode), "an inventory was read from it"
            return value
    return yaml.SequenceNode("tag:yaml.org,2002:seq", [], flow_style=True)


def _end_of_clusters(text: str, path: Path) -> tuple[int, int]:
    """The line behind the last cluster, and how far the list is indented."""
    node = _clusters(text)
    if node.flow_style or not node.value:
        raise InvalidError(
            f"{path} has no list of clusters to add to", hint="write `clusters:` with one cluster a line"
        )
    return _end(node.value[-1], _lines(text)), node.start_mark.column


def _end(node: yaml.Node, lines: list[str]) -> int:
    """The line behind a node, without the empty lines and comments that follow it."""
    end = min(node.end_mark.line + (1 if node.end_mark.column else 0), len(lines))
    while end > node.start_mark.line + 1 and lines[end - 1].strip()[:1] in ("", "#"):
        end -= 1
    return end
