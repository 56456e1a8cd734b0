"""What a machine without a hub should have: models and workloads as the desired state that its edge agent reads."""

from __future__ import annotations

from collections.abc import Sequence

from i4q_ai.desired import EVERYWHERE, Desired, Flavour, ModelItem, WorkloadItem
from i4q_ai.errors import InvalidError
from i4q_ai.model import Model
from i4q_ai.placement import Placement
from i4q_ai.spec import Spec
from i4q_ai.trust import Trust
from i4q_ai.workload import Workload


def wanted(
    *things: Model | Workload,
    namespace: str = "i4q",
    flavour: Flavour = "server",
    trust: Trust | None = None,
    at: Sequence[str] = (),
) -> Desired:
    """A desired state with these, each under its own name; with none, one that takes everything away.

    Args:
        things: pushed, so that they are known by digest.
        namespace: of all of them.
        flavour: of the models: "server" or "files".
        trust: the policy by which the edge judges what it fetches.
        at: repositories that each hold all of them, where the edge fetches them in this order; else where they are now.

    Raises:
        InvalidError: one is not pushed, two have one name, the flavour needs a hub, or `at` names a digest.
        UntrustedError: no rule of the policy is about one.

    Example:
        >>> at = "registry.factory:5000/models/tool-wear@sha256:" + "0" * 64
        >>> wanted(Model(name="tool-wear", version="5", reference=at)).models[0].version
        '5'
    """
    if flavour not in ("server", "files"):
        raise InvalidError(f"an agent without a hub brings models as server or files, not as {flavour!r}")
    for thing in things:
        if thing.reference is None:
            kind = type(thing).__name__.lower()
            raise InvalidError(f"{kind} {thing.name} {thing.version} is not pushed yet", hint="push it first")
    if wrong := [each for each in at if "@" in each]:
        raise InvalidError(f"{wrong[0]!r} is no repository", hint="host/repository or oci:/FOLDER, without a digest")
    items = [_item(thing, namespace, flavour, trust) for thing in things]
    items = [
        item.replace(references=tuple(f"{each}@{item.digest}" for each in at) or item.references) for item in items
    ]
    return Desired(
        cluster=EVERYWHERE,
        models=tuple(item for item in items if isinstance(item, ModelItem)),
        workloads=tuple(item for item in items if isinstance(item, WorkloadItem)),
    )


def _item(thing: Model | Workload, namespace: str, flavour: Flavour, trust: Trust | None) -> ModelItem | WorkloadItem:
    where = Placement(EVERYWHERE)
    if isinstance(thing, Model):
        spec = Spec(model=thing, placement=where, flavour=flavour, trust=trust)
    else:
        spec = Spec(workload=thing, placement=where, trust=trust)
    return spec.item(namespace, thing.name, where.group_names[0])
