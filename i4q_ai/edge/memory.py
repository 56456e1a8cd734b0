"""What an agent remembers from one life to the next: the last good desired state, ports, good and refused versions."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from i4q_ai.desired import Desired, Item
from i4q_ai.edge import trees
from i4q_ai.edge.paths import Paths, tree_name
from i4q_ai.edge.state import ItemState, Key
from i4q_ai.errors import I4qError
from i4q_ai.status import Kind

log = logging.getLogger(__name__)

_KINDS: tuple[Kind, ...] = ("model", "workload")


def dump(desired: Desired | None, local: Mapping[Key, ItemState]) -> str:
    """The document to write to `state.json`."""
    items = {"/".join(key): state.dump() for key, state in sorted(local.items())}
    wanted = desired.model_dump(mode="json") if desired else None
    return json.dumps({"desired": wanted, "items": items}, indent=1)


def read(path: Path) -> tuple[Desired | None, dict[Key, ItemState]]:
    """What `dump` wrote; nothing, with a warning, where it cannot be read, for all of it can be found out again."""
    if not path.exists():
        return None, {}
    try:
        data = json.loads(path.read_bytes())
        desired = Desired.parse(data["desired"]) if data["desired"] else None
        items = {}
        for text, about in data["items"].items():
            namespace, _, name = text.partition("/")
            items[namespace, name] = ItemState.parse(about)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, I4qError) as error:
        log.warning("%s cannot be read and is written anew: %s", path, error)
        return None, {}
    return desired, items


def found(paths: Paths) -> dict[Key, Kind]:
    """Models and workloads that have something on disk, known or not."""
    there: dict[Key, Kind] = {}
    for kind in _KINDS:
        base = paths.folder / f"{kind}s"
        for home in sorted(base.glob("*/*")) if base.is_dir() else ():
            there[home.parent.name, home.name] = kind
    return there


def on_disk(state: ItemState, home: Path, known: list[Item]) -> ItemState:
    """The state with its trees and `current` as they are on disk.

    Args:
        state: as remembered.
        home: of the model or workload.
        known: items that `current` may name, the likeliest first.
    """
    trees.tidy(home)
    name = trees.linked(home)
    current = next((item for item in known if item.kind == state.kind and tree_name(item.digest) == name), None)
    return replace(state, trees=trees.present(home), current=current)


def digests(desired: Desired | None, local: Mapping[Key, ItemState]) -> set[str]:
    """Of all versions that may be needed again."""
    items = list(desired.items) if desired else []
    for state in local.values():
        items += [*state.good, *(item for item in (state.current, state.refused) if item)]
    return {item.digest for item in items}
