"""From what is deployed back to a release that says the same."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from i4q_ai.model import Model
from i4q_ai.placement import Placement
from i4q_ai.release import Placed, Release
from i4q_ai.spec import Spec
from i4q_ai.workload import Workload


def exported(specs: Mapping[str, Spec]) -> Release:
    """The release of some deployments; those on their way out are left out.

    Placements of different deployments may have one name and yet be different; all but the first are called
    after their deployments then.

    Args:
        specs: name of the deployment → what its record says.
    """
    living = {name: spec for name, spec in sorted(specs.items()) if not spec.deleted}
    objects: dict[tuple[type, str, str], Model | Workload] = {}
    for spec in living.values():
        for thing in spec.objects():
            objects.setdefault((type(thing), thing.name, thing.version), thing)
    placements: dict[str, Placement] = {}
    deployments = tuple(_placed(name, spec, _named(placements, name, spec)) for name, spec in living.items())
    return Release(
        models=tuple(thing for thing in objects.values() if isinstance(thing, Model)),
        workloads=tuple(thing for thing in objects.values() if isinstance(thing, Workload)),
        placements=tuple(placements.values()),
        deployments=deployments,
    )


def _named(placements: dict[str, Placement], name: str, spec: Spec) -> str:
    """Take a deployment's placement in; its name there."""
    where = spec.placement
    free = itertools.chain((where.name, name), (f"{name[:50]}-{number}" for number in itertools.count(2)))
    for candidate in free:
        renamed = where if candidate == where.name else where.replace(name=candidate)
        if placements.setdefault(candidate, renamed) == renamed:
            return candidate
    raise AssertionError("there is always another number")


def _placed(name: str, spec: Spec, to: str) -> Placed:
    thing = spec.object
    reference = f"{thing.name}@{thing.version}"
    return Placed(
        model=reference if spec.model else None,
        workload=reference if spec.workload else None,
        to=to,
        name=name if name != thing.name else None,
        flavour=spec.flavour,
        image=spec.image,
        versions={group: model.version for group, model in spec.versions.items()},
        rollout=spec.rollout,
    )
