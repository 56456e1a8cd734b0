"""From what is wanted and what is there to a Change. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache

from i4q_ai import eviction
from i4q_ai.capabilities import Capabilities
from i4q_ai.cluster import Cluster
from i4q_ai.desired import Item
from i4q_ai.errors import InvalidError, NotFoundError, OwnedError, UnsupportedError, VersionExistsError, nearest
from i4q_ai.placing.evaluate import Decision, evaluate, require_some
from i4q_ai.plan import Action, Change, fingerprint
from i4q_ai.rollout.step import Seen, step
from i4q_ai.snapshot import Snapshot
from i4q_ai.spec import Spec
from i4q_ai.status import Observation, Phase


def change(
    snapshot: Snapshot,
    spec: Spec,
    *,
    others: Mapping[str, Spec],
    require: bool,
    now: datetime,
    eviction_limit: float = eviction.LIMIT,
    binding: bool = True,
) -> Change:
    """What must change so that the clusters have what a spec says.

    Args:
        snapshot: what is there.
        spec: what is wanted.
        others: the other deployments of the namespace, for warnings.
        require: refuse a placement that no cluster meets.
        now: the time, for what soaks, and for scores that end.
        eviction_limit: the share of the clusters that have it which a changed placement may take it from.
        binding: say what it was made from, so that it can be carried out; a look at what is due needs not.

    Raises:
        RuleError: no cluster meets the placement, `require` is set, and nobody would lose it.
    """
    expected = snapshot.revision
    revision = expected if snapshot.spec == spec else expected + 1
    decision = snapshot.decision(spec, now=now)
    evicts = eviction.reason(snapshot, spec, decision, limit=eviction_limit, now=now)
    if require and not spec.deleted and not evicts:
        require_some(decision, snapshot.clusters)
    wanted = {} if spec.deleted else items(spec, snapshot.namespace, snapshot.name, decision, revision)
    texts = {cluster: _identity(item) for cluster, item in wanted.items()}
    turn = step(texts, seen(snapshot), decision.selected, spec.stages, rollout=spec.rollout, now=now)
    return Change(
        namespace=snapshot.namespace,
        name=snapshot.name,
        kind=spec.kind,
        basis=fingerprint(expected, snapshot.clusters, snapshot.assigned) if binding else "",
        expected=expected,
        revision=revision,
        spec=spec,
        actions=_actions(snapshot.told, wanted, turn.now, revision),
        later=tuple(sorted(cluster for cluster in turn.later if _differs(snapshot.told.get(cluster), wanted[cluster]))),
        waits_for=turn.waits_for,
        halted=turn.halted,
        wakes_at=turn.wakes_at,
        losers=tuple(sorted(set(snapshot.told) - set(wanted))),
        evicts=evicts,
        warnings=tuple(_warnings(spec, snapshot.name, set(wanted), others, snapshot.clusters, now)),
    )


def items(spec: Spec, namespace: str, name: str, decision: Decision, revision: int) -> dict[str, Item]:
    """Cluster → what it should be told."""
    selected = decision.selected
    by_group = {group: spec.item(namespace, name, group, revision=revision) for group in {*selected.values()}}
    return {cluster: by_group[group] for cluster, group in selected.items()}


def seen(snapshot: Snapshot) -> dict[str, Seen]:
    """Cluster → what a roll-out has to know of it."""
    observed = {each.cluster: each for each in snapshot.observed}
    told = snapshot.told
    return {cluster: _seen(told.get(cluster), observed.get(cluster)) for cluster in {*told, *observed}} | {
        cluster.name: Seen(told=_text(told.get(cluster.name)), phase=Phase.OFFLINE)
        for cluster in snapshot.clusters
        if cluster.available.status == "False" and cluster.name not in observed
    }


def _seen(told: Item | None, observed: Observation | None) -> Seen:
    text = _text(told)
    if observed is None:
        return Seen(told=text)
    # A report names the digest alone; it is Ready only once the cluster has read the whole of what it was told.
    running = text if told and observed.running == told.digest else None
    phase = Phase.READY if observed.delivered else observed.phase
    return Seen(told=text, running=running, phase=phase, last=observed.last, since=observed.since)


def _text(item: Item | None) -> str | None:
    return _identity(item) if item else None


@lru_cache(maxsize=1024)  # thousands of clusters are told the same few
def _identity(item: Item) -> str:
    """All that a cluster is told of an item, but for the revision it comes from, as a text that compares."""
    return item.model_copy(update={"revision": 0}).model_dump_json()


def _differs(before: Item | None, after: Item) -> bool:
    return before is None or _identity(before) != _identity(after)


def _actions(
    told: Mapping[str, Item], wanted: Mapping[str, Item], now: frozenset[str], revision: int
) -> tuple[Action, ...]:
    found = []
    for cluster in sorted({*told, *wanted}):
        before, after = told.get(cluster), wanted.get(cluster)
        if after is None:
            found.append(Action(verb="remove", cluster=cluster, before=before, revision=revision))
        elif cluster in now and _differs(before, after):
            verb = "update" if before else "create"
            found.append(Action(verb=verb, cluster=cluster, before=before, after=after, revision=revision))
    return tuple(found)


def check(
    spec: Spec,
    snapshot: Snapshot,
    *,
    others: Mapping[str, Spec],
    past: Sequence[Spec],
    capabilities: Capabilities,
    owner: str,
) -> None:
    """Refuse what cannot be, before anything is touched.

    Args:
        spec: what is wanted.
        snapshot: what is there.
        others: the other deployments of the namespace.
        past: earlier revisions of this one.
        capabilities: of the backend.
        owner: who asks.

    Raises:
        OwnedError: the name belongs to somebody else, or to another kind of object.
        UnsupportedError: the backend cannot do it.
        InvalidError: it is not pushed, or does not fit what it uses.
        VersionExistsError: name and version are known with another digest.
    """
    present = snapshot.spec
    name = f"{snapshot.namespace}/{snapshot.name}"
    if present is not None and present.owner != owner:
        raise OwnedError(f"'{name}' belongs to '{present.owner}'", hint=f"you are '{owner}'; take another name=")
    if present is not None and present.kind != spec.kind and not present.deleted:
        raise OwnedError(
            f"'{name}' is a {present.kind}, not a {spec.kind}",
            hint="models and workloads share their names; take another name=",
        )
    _check_capabilities(spec, capabilities)
    for thing in spec.objects():
        _check_version(thing.name, thing.version, thing.digest, [*others.values(), *past])
    _check_uses(spec, others)


def _check_capabilities(spec: Spec, capabilities: Capabilities) -> None:
    if spec.rollout.max_concurrency is not None and not capabilities.single:
        raise UnsupportedError(
            f"maxConcurrency {spec.rollout.max_concurrency} is finer than the groups of placement "
            f"'{spec.placement.name}', and this backend tells a whole group at once",
            hint="make each step a group of the placement",
        )
    if spec.model is not None and spec.flavour not in capabilities.flavours:
        hint = f"this backend has: {', '.join(sorted(capabilities.flavours))}"
        if spec.flavour == "chart":
            hint += "; a chart is for helm, which installs what `i4q chart` makes of a model"
        raise UnsupportedError(f"flavour '{spec.flavour}' cannot be delivered here", hint=hint)
    if spec.workload is None:
        return
    if spec.workload.image is not None and not capabilities.images:
        raise UnsupportedError(
            f"workload '{spec.workload.name}' is an image, and this backend runs no containers",
            hint="give a command with pushed code: Workload.from_dir(…)",
        )
    if spec.workload.image is None and not capabilities.commands:
        raise UnsupportedError(f"workload '{spec.workload.name}' is a command, and this backend runs images only")


def _check_version(name: str, version: str, digest: str, specs: Iterable[Spec]) -> None:
    for spec in specs:
        for thing in spec.objects():
            if (thing.name, thing.version) == (name, version) and thing.digest != digest:
                raise VersionExistsError(
                    f"'{name}' version {version} is known here with other content ({thing.digest[:19]}…)",
                    hint="versions do not change; give the new content a new version",
                )


def _check_uses(spec: Spec, others: Mapping[str, Spec]) -> None:
    if spec.workload is None:
        return
    for name, want in spec.workload.uses.items():
        used = others.get(name)
        if used is None or used.deleted:
            continue
        if used.kind != "model":
            raise InvalidError(f"workload '{spec.workload.name}' uses '{name}', which is a {used.kind}, not a model")
        gives = "url" if used.flavour in ("server", "image") else "path"
        if gives != want:
            raise InvalidError(
                f"workload '{spec.workload.name}' wants the {want} of '{name}', "
                f"whose flavour '{used.flavour}' gives a {gives}",
                hint=f"uses={{'{name}': '{gives}'}}, or deploy the model with another flavour",
            )


def _warnings(
    spec: Spec, name: str, targets: set[str], others: Mapping[str, Spec], clusters: tuple[Cluster, ...], now: datetime
) -> list[str]:
    found = []
    if spec.workload is not None and not spec.deleted:
        for used in spec.workload.uses:
            found += _uncovered(used, others.get(used), targets, clusters, now)
    if spec.model is not None:
        users = sorted(user for user, other in others.items() if other.workload and name in other.workload.uses)
        if spec.deleted and users:
            found.append(f"still used by {', '.join(users)}")
    return found


def _uncovered(
    used: str, model: Spec | None, targets: set[str], clusters: tuple[Cluster, ...], now: datetime
) -> list[str]:
    if model is None or model.deleted:
        return [f"uses '{used}', which is not deployed yet; it waits for it"]
    missing = sorted(targets - set(evaluate(model.placement, clusters, now=now).selected))
    return [f"uses '{used}', which does not go to {', '.join(missing)}; it waits there"] if missing else []


def find_cluster(name: str, clusters: tuple[Cluster, ...] | list[Cluster]) -> Cluster:
    """The cluster of that name.

    Raises:
        NotFoundError: there is none; with the nearest one.
    """
    for cluster in clusters:
        if cluster.name == name:
            return cluster
    raise NotFoundError(f"there is no cluster '{name}'", hint=nearest(name, (cluster.name for cluster in clusters)))
