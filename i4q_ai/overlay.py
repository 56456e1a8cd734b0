"""Overlay: what is different in one environment, laid over the release that all of them share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator

from i4q_ai.errors import SchemaError, nearest
from i4q_ai.model import Model
from i4q_ai.placement import Placement
from i4q_ai.release import Placed, Release
from i4q_ai.thing import Document, Thing
from i4q_ai.workload import Workload

_Thing = TypeVar("_Thing", bound=Thing)
Change = Mapping[str, Any]
"""Fields of one entry, as they stand in YAML: those that name it, and those that change; null takes one away."""


def _have_names(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    for change in changes:
        if not isinstance(change.get("name"), str):
            raise ValueError("every entry of an overlay says by 'name' what it changes")
    return changes


Changes = Annotated[tuple[dict[str, Any], ...], AfterValidator(_have_names)]


class Overlay(Document):
    """What is different in one environment.

    A field that an entry gives replaces that field of the entry of the same name, whole; null takes it away.

    Args:
        models, workloads: by name and version; a version that the release does not have is added.
        placements: by name; the release must have it.
        deployments: by the name of the deployment; the release must have it.

    Example:
        >>> base = Release(placements=(Placement("cnc", count=5),))
        >>> Overlay(placements=({"name": "cnc", "count": 2},)).over(base).placements[0].count
        2
    """

    models: Changes = ()
    workloads: Changes = ()
    placements: Changes = ()
    deployments: Changes = ()

    def over(self, release: Release, *, where: str = "overlay") -> Release:
        """A release with these changes.

        Args:
            release: that it is laid over.
            where: the overlay's file, for errors.

        Raises:
            SchemaError: it is about something that is not there, or the result does not fit.
        """
        return Release(
            models=_merged(Model, release.models, self.models, _version, f"{where}: models", adds=True),
            workloads=_merged(Workload, release.workloads, self.workloads, _version, f"{where}: workloads", adds=True),
            placements=_merged(Placement, release.placements, self.placements, _name, f"{where}: placements"),
            deployments=_merged(Placed, release.deployments, self.deployments, deployed, f"{where}: deployments"),
        )


def deployed(placed: Mapping[str, Any]) -> str:
    """The name of a deployment of a release, as it stands there."""
    return str(placed.get("name") or (placed.get("model") or placed.get("workload") or "").partition("@")[0])


def _name(data: Mapping[str, Any]) -> str:
    return str(data["name"])


def _version(data: Mapping[str, Any]) -> str:
    return f"{data['name']}@{data.get('version')}"


def _merged(
    kind: type[_Thing],
    there: Sequence[_Thing],
    changes: Sequence[Change],
    key: Callable[[Mapping[str, Any]], str],
    where: str,
    *,
    adds: bool = False,
) -> tuple[_Thing, ...]:
    found = {key(each.dump()): each for each in there}
    for position, change in enumerate(changes):
        name, at = key(change), f"{where}.{position}"
        if name not in found and not adds:
            raise SchemaError(f"{at}: the release has no '{name}' to change", hint=nearest(name, found))
        fields = {**(found[name].dump() if name in found else {}), **change}
        found[name] = kind.parse({field: value for field, value in fields.items() if value is not None}, where=at)
    return tuple(found.values())
