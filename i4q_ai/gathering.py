"""One release out of files, folders and standard input, and what an environment lays over it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from i4q_ai import yamls
from i4q_ai.errors import NotFoundError, SchemaError, nearest
from i4q_ai.model import Model
from i4q_ai.overlay import Overlay, deployed
from i4q_ai.placement import Placement
from i4q_ai.release import Placed, Release
from i4q_ai.thing import Document
from i4q_ai.workload import Workload

STDIN = "-"
_ENDINGS = (".yaml", ".yml")
_SINGLE: Mapping[str, tuple[type[Document], str]] = {
    "Model": (Model, "models"),
    "Workload": (Workload, "workloads"),
    "Placement": (Placement, "placements"),
}
_Entry = TypeVar("_Entry", Model, Workload, Placement, Placed)


def gather(paths: Sequence[str | Path], *, overlays: Sequence[str | Path] = ()) -> Release:
    """One release out of several files.

    A file holds any number of documents: Releases, and Models, Workloads and Placements of their own. What stands in
    two places must be the same in both.

    Args:
        paths: files; folders, whose `.yaml` and `.yml` files count, by name; `-` is standard input.
        overlays: files with one Overlay each, laid over the release one after the other.

    Raises:
        NotFoundError: there is no such file, or none in a folder.
        SchemaError: a file is broken, does not fit, or says something else than another one; with file and line.
    """
    parts = [part for path in paths for part in _parts(path)]
    release = parts[0][1] if len(parts) == 1 else _joined(parts)
    for path in overlays:
        release = Overlay.from_yaml(_text(path), where=str(path)).over(release, where=str(path))
    return release


def _parts(path: str | Path) -> Iterator[tuple[str, Release]]:
    for file in _files(path):
        where, text = ("<stdin>" if file == STDIN else str(file)), _text(file)
        documents = yamls.load_all(text, where=where)
        if not documents:
            raise SchemaError(f"{where}: is empty", hint="a release file begins with apiVersion and kind: Release")
        for number, data in enumerate(documents):
            with yamls.lines(text, where=where, document=number):
                release = _release(data, where)
            yield where, release


def _release(data: Any, where: str) -> Release:
    kind = data.get("kind") if isinstance(data, Mapping) else None
    if isinstance(kind, str) and kind in _SINGLE:
        thing, section = _SINGLE[kind]
        return Release.parse({section: (thing.from_data(data, where=where),)}, where=where)
    if kind == "Overlay":
        raise SchemaError(f"{where}: is an Overlay, which stands over a release", hint="give it with --overlay")
    if kind is not None and kind != "Release":
        known = ("Release", *_SINGLE)
        raise SchemaError(f"{where}: kind is {kind!r}, which a release is not made of", hint=nearest(str(kind), known))
    return Release.from_data(data, where=where)


def _files(path: str | Path) -> list[str | Path]:
    if str(path) == STDIN or not Path(path).is_dir():
        return [path if str(path) == STDIN else Path(path)]
    found = sorted(file for file in Path(path).iterdir() if file.suffix in _ENDINGS and not file.name.startswith("."))
    if not found:
        raise NotFoundError(f"folder '{path}' holds no file that ends in .yaml or .yml")
    return list(found)


def _text(path: str | Path) -> str:
    if str(path) != STDIN:
        return yamls.read(Path(path))
    text = sys.stdin.read(yamls.LARGEST + 1)
    if len(text) > yamls.LARGEST:
        raise SchemaError(f"<stdin>: is larger than {yamls.LARGEST >> 20} MiB", hint="give a YAML file")
    return text


def _joined(parts: Sequence[tuple[str, Release]]) -> Release:
    return Release(
        models=_once(((where, each) for where, part in parts for each in part.models), "model"),
        workloads=_once(((where, each) for where, part in parts for each in part.workloads), "workload"),
        placements=_once(((where, each) for where, part in parts for each in part.placements), "placement"),
        deployments=_once(((where, each) for where, part in parts for each in part.deployments), "deployment"),
    )


def _once(entries: Iterable[tuple[str, _Entry]], kind: str) -> tuple[_Entry, ...]:
    found: dict[str, tuple[str, _Entry]] = {}
    for where, entry in entries:
        name = _key(entry)
        first, known = found.setdefault(name, (where, entry))
        if known != entry:
            raise SchemaError(f"{kind} '{name}' is not the same in {first} and in {where}", hint="let one say it")
    return tuple(entry for _, entry in found.values())


def _key(entry: Model | Workload | Placement | Placed) -> str:
    if isinstance(entry, Placed):
        return deployed(entry.dump())
    return entry.name if isinstance(entry, Placement) else f"{entry.name}@{entry.version}"
