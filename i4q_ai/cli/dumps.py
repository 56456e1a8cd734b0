"""`i4q explain --objects`: Placements decided as Open Cluster Management's scheduler decides them, from a dump."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson

from i4q_ai import yamls
from i4q_ai.cli import printing
from i4q_ai.cli.settings import Settings
from i4q_ai.display import Table
from i4q_ai.errors import NotFoundError, SchemaError
from i4q_ai.placing.scheduler import World, reasons, schedule
from i4q_ai.placing.scheduler.outcome import decided, left_alone

Object = Mapping[str, Any]

_PREFERRED = "p"
_HINT = "kubectl get managedclusters,managedclustersets,…,placements -A -o json"


def explain(settings: Settings, path: Path, *, lines: bool) -> None:
    """Print what is decided for every Placement of a dump.

    Args:
        settings: the format, and the namespace if only its Placements are meant.
        path: of the dump; `-` is stdin.
        lines: each line is a dump of its own, `{"objects": […]}`, and is answered by one line of JSON.

    Raises:
        SchemaError: it is neither JSON nor YAML, or holds no objects of Kubernetes.
        NotFoundError: there is no such file, or no Placement in it.
    """
    now = datetime.now(UTC)
    if lines:
        _answer_lines(settings, path, now)
        return
    world = _world(_objects(_text(path), where=str(path)), where=str(path))
    keys = _placements(settings, world, where=str(path))
    if settings.format in ("json", "yaml"):
        printing.data(settings, [_answer(world, *key, now=now) for key in keys])
        return
    for key in keys:
        printing.table(settings, _table(world, *key, now=now))


def _answer_lines(settings: Settings, path: Path, now: datetime) -> None:
    with click.open_file(str(path), "rb") if _is_there(path) else _missing(path) as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            where = f"{path} line {number}"
            case = _json(line, where=where, first=number)
            if not isinstance(case, dict) or not isinstance(case.get("objects"), list):
                raise SchemaError(f"{where}: is no case", hint='{"objects": […]}')
            world = _world(case["objects"], where=where)
            namespace, name = _meant(_placements(settings, world, where=where), where=where)
            printing.out(orjson.dumps(_answer(world, namespace, name, now=now)).decode())


def _meant(keys: list[tuple[str, str]], *, where: str) -> tuple[str, str]:
    """The only placement, else the one named `p`."""
    named = keys if len(keys) == 1 else [key for key in keys if key[1] == _PREFERRED]
    if len(named) == 1:
        return named[0]
    names = ", ".join(f"{namespace}/{name}" for namespace, name in keys)
    raise SchemaError(f"{where}: there are several Placements: {names}", hint=f"name one of them {_PREFERRED!r}")


def _answer(world: World, namespace: str, name: str, *, now: datetime) -> dict[str, Any]:
    return {"namespace": namespace, "name": name, **decided(world, namespace, name, now=now)}


def _table(world: World, namespace: str, name: str, *, now: datetime) -> Table:
    columns = ("cluster", "decision", "group", "rank", "score", "step", "clause")
    if left_alone(world.placement(namespace, name)):
        standing = tuple((each, "in", None, None, None, None, None) for each in world.current(namespace, name))
        note = "the scheduler leaves it alone: it is being deleted, or scheduling is disabled by its annotation"
        return Table(f"Placement {namespace}/{name}: as it stands", columns, standing, (note,))
    scheduled = schedule(world, namespace, name, now=now)
    told = list(reasons(scheduled))
    rows = tuple(
        (
            each.cluster,
            "in" if each.selected else "out",
            each.group or None,
            None if each.rank is None else str(each.rank),
            None if each.total is None else str(each.total),
            each.step,
            each.clause or None,
        )
        for each in sorted(told, key=lambda each: (each.rank is None, each.rank or 0, each.cluster))
    )
    selected = sum(each.selected for each in told)
    notes = tuple(f"{each.type} {each.status}: {each.message}" for each in scheduled.conditions)
    return Table(f"Placement {namespace}/{name}: {selected} of {len(told)} clusters", columns, rows, notes)


def _placements(settings: Settings, world: World, *, where: str) -> list[tuple[str, str]]:
    meant = [key for key in sorted(world.placements) if settings.namespace in (None, key.namespace)]
    if not meant:
        within = f" of namespace {settings.namespace}" if settings.namespace else ""
        raise NotFoundError(f"{where}: there is no Placement{within}", hint=_HINT)
    return [(key.namespace, key.name) for key in meant]


def _world(documents: Iterable[Any], *, where: str) -> World:
    objects = list(_opened(documents, where=where))
    try:
        return World.of(objects)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SchemaError(f"{where}: holds objects of no such shape as an API server gives: {error!r}") from error


def _opened(documents: Iterable[Any], *, where: str) -> Iterator[Object]:
    for number, each in enumerate(documents, start=1):
        if isinstance(each, dict) and isinstance(each.get("items"), list):
            yield from _opened(each["items"], where=where)
        elif not isinstance(each, dict) or not isinstance(each.get("kind"), str):
            raise SchemaError(f"{where}: object {number} has no kind", hint=_HINT)
        elif not isinstance((each.get("metadata") or {}).get("name"), str):
            raise SchemaError(f"{where}: object {number}, a {each['kind']}, has no name", hint=_HINT)
        else:
            yield each


def _objects(text: bytes, *, where: str) -> list[Any]:
    """The documents of a dump: one of JSON, or many of YAML."""
    if text.lstrip()[:1] in (b"{", b"["):
        found = _json(text, where=where, first=1)
        return found if isinstance(found, list) else [found]
    try:
        return yamls.load_all(text.decode(), where=where)
    except UnicodeDecodeError as error:
        raise SchemaError(f"{where}: is no text in UTF-8 (byte {error.start})") from error


def _json(text: bytes, *, where: str, first: int) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        line = first + error.lineno - 1
        raise SchemaError(f"{where}: line {line}, column {error.colno}: is no JSON: {error.msg}") from error


def _text(path: Path) -> bytes:
    with click.open_file(str(path), "rb") if _is_there(path) else _missing(path) as stream:
        text: bytes = stream.read()
    return text


def _is_there(path: Path) -> bool:
    return str(path) == "-" or path.is_file()


def _missing(path: Path) -> Any:
    raise NotFoundError(f"there is no file '{path}'")
