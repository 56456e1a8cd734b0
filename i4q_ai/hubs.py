"""Several hubs seen as one: what is asked is asked of all, what is done is done on each, every answer names its hub.

`count` is of each hub, and so are stages and limits of a roll-out: nothing here decides across hubs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar

from i4q_ai import eviction
from i4q_ai.cluster import Cluster
from i4q_ai.deployment import Deployment
from i4q_ai.errors import (
    DeadlineError,
    EvictionError,
    HubsError,
    I4qError,
    InvalidError,
    NotFoundError,
    RuleError,
    UnreachableError,
    UnsupportedError,
)
from i4q_ai.hub import Hub
from i4q_ai.merging import clashing, joined_decision, joined_status
from i4q_ai.model import Model
from i4q_ai.placement import Placement
from i4q_ai.placing.evaluate import Decision
from i4q_ai.plan import Action, Plan
from i4q_ai.status import Status
from i4q_ai.workload import Workload

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class HubsPlan:
    """What would change on each hub.

    Args:
        plans: hub → its plan.
        nobody: hub → why none of its clusters is meant.
        away: hub → why it could not be asked.
    """

    plans: Mapping[str, Plan]
    nobody: Mapping[str, I4qError] = field(default_factory=dict)
    away: Mapping[str, I4qError] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether nothing changes."""
        return all(plan.empty for plan in self.plans.values())

    @property
    def actions(self) -> dict[str, tuple[Action, ...]]:
        """Hub → all actions on its clusters."""
        return {hub: plan.actions for hub, plan in self.plans.items()}

    def __str__(self) -> str:
        lines = [f"hub {hub}: {line}" for hub, plan in self.plans.items() for line in str(plan).splitlines()]
        skipped = {**self.nobody, **self.away}
        return "\n".join([*lines, *(f"hub {hub}: skipped: {error.what}" for hub, error in skipped.items())])


class Hubs:
    """A front over several hubs; `Hub([…])` makes one.

    Args:
        hubs: addresses, each named by what stands behind its `://`; or name → address or open Hub, where hubs need
            names or options of their own.
        options: of every hub that is opened by its address.

    Raises:
        InvalidError: there is none, or two have one name.
    """

    def __init__(self, hubs: Sequence[str] | Mapping[str, str | Hub], **options: Any) -> None:
        named = dict(hubs) if isinstance(hubs, Mapping) else _named(hubs)
        if not named:
            raise InvalidError("no hub is given", hint='Hub(["ocm://hub-a", "ocm://hub-b"])')
        self.hubs: dict[str, Hub] = {}
        with ExitStack() as opened:
            for name, hub in named.items():
                self.hubs[name] = hub if isinstance(hub, Hub) else opened.enter_context(Hub(hub, **options))
            opened.pop_all()

    @property
    def address(self) -> str:
        """The addresses of all, for people."""
        return ", ".join(hub.address for hub in self.hubs.values())

    # what there is

    @property
    def clusters(self) -> dict[str, Cluster]:
        """Name → cluster of every hub within reach; `hub/cluster` where two hubs have one of that name."""
        found, _ = self.ask(lambda hub: hub.clusters.list())
        clash = clashing({name: [each.name for each in clusters] for name, clusters in found.items()})
        return {clash(name, each.name): each for name, clusters in found.items() for each in clusters}

    def list(self) -> list[HubsDeployment]:
        """All deployments of all hubs within reach, by name; those of one name are one."""
        found, away = self.ask(lambda hub: [each.name for each in hub.list()])
        for name, error in away.items():
            log.warning("hub '%s' is left out: %s", name, error.what)
        return [HubsDeployment(self, each) for each in sorted({each for names in found.values() for each in names})]

    def get(self, name: str) -> HubsDeployment:
        """The deployment of that name, on whichever hubs it is.

        Raises:
            NotFoundError: it is on none.
        """
        self.holders(name)
        return HubsDeployment(self, name)

    def explain(self, placement: Placement) -> Decision:
        """Every cluster of every hub: in or out, and why; a hub out of reach is a row of its own."""
        found, away = self.ask(lambda hub: hub.explain(placement))
        return joined_decision(placement, found, away)

    # plan, show, apply

    def plan(self, thing: Model | Workload, *, to: Placement, **options: Any) -> HubsPlan:
        """What `deploy` with the same arguments would change; nothing is touched.

        Args:
            thing, to, options: as for `Hub.plan`.

        Raises:
            RuleError: no cluster of any hub within reach is meant.
            I4qError: as `Hub.plan`, naming the hub.
        """

        def plan(hub: Hub) -> Plan | RuleError:
            try:
                return hub.plan(thing, to=to, **options)
            except RuleError as error:  # on this hub; another one may have clusters that are meant
                return error

        found, away = self.ask(plan)
        plans = {name: made for name, made in found.items() if isinstance(made, Plan)}
        nobody = {name: made for name, made in found.items() if isinstance(made, RuleError)}
        if not plans:
            name, error = next(iter(nobody.items()))
            raise _of(name, error)
        return HubsPlan(plans, nobody, away)

    def deploy(
        self, thing: Model | Workload, *, to: Placement, allow_eviction: bool = False, **options: Any
    ) -> HubsDeployment:
        """Create or update a deployment on every hub that has clusters for it; each is planned before any is touched.

        Args:
            thing, to, allow_eviction, options: as for `Hub.deploy`.

        Raises:
            HubsError: some hubs could not do it, or are out of reach; on the others it is done.
            I4qError: as `Hub.deploy`, naming the hub; nothing was touched.
        """
        planned = self.plan(thing, to=to, **options)
        if not allow_eviction:
            _check_evictions(planned)
        done, failed = self.each(
            lambda hub: hub.deploy(thing, to=to, allow_eviction=allow_eviction, **options), planned.plans
        )
        _raise_if_any({**planned.away, **failed}, done)
        return HubsDeployment(self, options.get("name") or thing.name)

    def refresh(self, name: str | None = None) -> HubsPlan:
        """Bring the clusters of all hubs within reach up to what is wanted now.

        Returns:
            The plans that were applied.
        """
        found, away = self.ask(lambda hub: hub.refresh(name))
        return HubsPlan(found, away=away)

    # Git

    def publish(self, *_: Any, **__: Any) -> NoReturn:
        """Refused: a folder in Git is one hub's, which judges its placement and has its clusters follow it.

        Raises:
            UnsupportedError: always; with the hubs that can be taken.
        """
        self._refuse_publishing("publish")

    def publication(self, *_: Any, **__: Any) -> NoReturn:
        """Refused, as `publish` is."""
        self._refuse_publishing("publication")

    def publications(self, *_: Any, **__: Any) -> NoReturn:
        """Refused, as `publish` is."""
        self._refuse_publishing("publications")

    def _refuse_publishing(self, verb: str) -> NoReturn:
        one = next(iter(self.hubs))
        raise UnsupportedError(
            f"what stands in Git is of one hub, not of several: {', '.join(self.hubs)}",
            hint=f"take one of them: hubs.hubs[{one!r}].{verb}(…)",
        )

    # asking all

    def ask(self, question: Callable[[Hub], Answer]) -> tuple[dict[str, Answer], dict[str, UnreachableError]]:
        """Ask every hub, at once.

        Returns:
            Hub → answer, and hub → why it is out of reach; at least one has answered.

        Raises:
            UnreachableError: all are out of reach.
            I4qError: what a hub says to it, naming the hub.
        """
        found, failed = self.each(question, self.hubs)
        away = {name: error for name, error in failed.items() if isinstance(error, UnreachableError)}
        for name, error in failed.items():
            if name not in away:
                raise _of(name, error)
        if not found:
            told = "; ".join(f"{name}: {error.what}" for name, error in away.items())
            raise UnreachableError(f"no hub can be reached: {told}")
        return found, away

    def each(self, do: Callable[[Hub], Answer], names: Iterable[str]) -> tuple[dict[str, Answer], dict[str, I4qError]]:
        """Do something with some hubs, at once; what fails on one stops none of the others.

        Returns:
            Hub → answer, and hub → error.
        """
        chosen = list(names)
        found: dict[str, Answer] = {}
        failed: dict[str, I4qError] = {}
        with ThreadPoolExecutor(max_workers=max(1, len(chosen)), thread_name_prefix="hub") as pool:
            asked = {name: pool.submit(do, self.hubs[name]) for name in chosen}
            for name, answer in asked.items():
                try:
                    found[name] = answer.result()
                except I4qError as error:
                    failed[name] = error
        return found, failed

    def holders(self, name: str) -> tuple[tuple[str, ...], dict[str, UnreachableError]]:
        """The hubs that have a deployment, and those that cannot be asked.

        Raises:
            NotFoundError: none of those within reach has it.
        """
        found, away = self.ask(lambda hub: name in hub.engine.records())
        holders = tuple(hub for hub, has in found.items() if has)
        if not holders:
            away_too = f"; not asked: {', '.join(away)}" if away else ""
            raise NotFoundError(f"no hub has a deployment '{name}' (asked: {', '.join(found)}{away_too})")
        return holders, away

    # life

    def close(self) -> None:
        """Let go of connections; what runs goes on."""
        with ExitStack() as closing:
            for hub in self.hubs.values():
                closing.callback(hub.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Hubs {', '.join(self.hubs)}>"


class HubsDeployment:
    """A deployment on several hubs; get one from `hubs.deploy(…)`, `hubs.get(name)` or `hubs.list()`."""

    def __init__(self, hubs: Hubs, name: str) -> None:
        self._hubs = hubs
        self.name = name

    def on(self, hub: str) -> Deployment:
        """The deployment on one hub, with all its verbs.

        Raises:
            NotFoundError: there is no such hub, or it does not have it.
        """
        if hub not in self._hubs.hubs:
            raise NotFoundError(f"there is no hub '{hub}'", hint=f"known: {', '.join(self._hubs.hubs)}")
        return self._hubs.hubs[hub].get(self.name)

    def status(self) -> Status:
        """What every cluster of every hub says of it; the message names hubs that are out of reach."""
        holders, away = self._hubs.holders(self.name)
        found, failed = self._hubs.each(lambda hub: hub.get(self.name).status(), holders)
        return joined_status(found, {**away, **failed})

    def explain(self) -> Decision:
        """Every cluster of the hubs that have it: in or out, and why."""
        holders, away = self._hubs.holders(self.name)
        found, failed = self._hubs.each(lambda hub: hub.get(self.name).explain(), holders)
        placement = self.on(holders[0]).spec.placement
        return joined_decision(placement, found, {**away, **failed})

    def wait(self, *, timeout: float = 120) -> Self:
        """Wait until it works on all hubs; drives the roll-out of each.

        Args:
            timeout: in seconds, of all together.

        Raises:
            HubsError: with what each hub says that is out of reach, or where it does not work.
            DeadlineError: it takes longer, on the hubs that are named.
        """
        holders, away = self._hubs.holders(self.name)
        done, failed = self._hubs.each(lambda hub: hub.get(self.name).wait(timeout=timeout), holders)
        if failed and not away and all(isinstance(error, DeadlineError) for error in failed.values()):
            told = "; ".join(f"hub '{hub}': {error.what}" for hub, error in failed.items())
            raise DeadlineError(told)
        _raise_if_any({**away, **failed}, done)
        return self

    def update(self, thing: Model | Workload) -> Self:
        """Replace the model or workload on every hub that has it; placement, flavour and roll-out stay.

        Raises:
            HubsError: some hubs could not do it; on the others it is done.
        """
        return self._on_all(lambda deployment: deployment.update(thing))

    def rollback(self, *, allow_eviction: bool = False) -> Self:
        """Go back to the revision before, on every hub that has one.

        Raises:
            HubsError: some hubs could not do it; on the others it is done.
        """
        return self._on_all(lambda deployment: deployment.rollback(allow_eviction=allow_eviction))

    def delete(self, *, timeout: float = 60) -> Status | None:
        """Take it from all clusters of all hubs, then forget it.

        Returns:
            None when nothing is left; else what is left on clusters that are out of reach.

        Raises:
            HubsError: some hubs could not do it, or are out of reach; on the others it is done.
        """
        holders, away = self._hubs.holders(self.name)
        left, failed = self._hubs.each(lambda hub: hub.get(self.name).delete(timeout=timeout), holders)
        _raise_if_any({**away, **failed}, left)
        remains = {hub: status for hub, status in left.items() if status is not None}
        return joined_status(remains, {}) if remains else None

    def _on_all(self, do: Callable[[Deployment], object]) -> Self:
        holders, away = self._hubs.holders(self.name)
        done, failed = self._hubs.each(lambda hub: do(hub.get(self.name)), holders)
        _raise_if_any({**away, **failed}, done)
        return self

    def __repr__(self) -> str:
        return f"<HubsDeployment {self.name} of {', '.join(self._hubs.hubs)}>"

    def _repr_html_(self) -> str:
        return self.status()._repr_html_()


def _named(addresses: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for address in addresses:
        name = address.partition("://")[2] or address
        if name in found:
            raise InvalidError(f"two hubs are called '{name}'", hint="give them names: Hub({name: address, …})")
        found[name] = address
    return found


def _of(name: str, error: I4qError) -> I4qError:
    """The same error, naming its hub."""
    error.what = f"hub '{name}': {error.what}"
    return error


def _check_evictions(planned: HubsPlan) -> None:
    for name, plan in planned.plans.items():
        try:
            eviction.check(plan)
        except EvictionError as error:
            raise _of(name, error) from error


def _raise_if_any(failed: Mapping[str, I4qError], done: Iterable[str]) -> None:
    if failed:
        raise HubsError(errors=failed, done=tuple(done))
