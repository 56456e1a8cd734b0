"""A backend in memory, whose clusters do at once what they are told: for tests of what stands on top of the port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from i4q_ai.backends.base import Action, Assignment, Capabilities, Difference, Needs, Outcome, Record, Sight
from i4q_ai.backends.gitless import Gitless
from i4q_ai.cluster import Cluster, Taint, rescored
from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError, UnreachableError, UnsupportedError
from i4q_ai.placement import Placement
from i4q_ai.status import Observation, Phase

Key = tuple[str, str, str]


class MemoryStore:
    """Records with their history; `refuse` makes every call fail, as a store that is away does."""

    def __init__(self) -> None:
        self.records: dict[Key, list[Record]] = {}
        self.refuse = False

    def list(self, kind: str, *, namespace: str | None = None, deadline: Deadline) -> list[Record]:
        self._answer()
        found = [each[-1] for key, each in sorted(self.records.items()) if key[0] == kind]
        return [record for record in found if namespace in (None, record.namespace)]

    def get(self, kind: str, namespace: str, name: str, *, deadline: Deadline) -> Record | None:
        self._answer()
        return self.records.get((kind, namespace, name), [None])[-1]  # type: ignore[list-item]

    def put(self, record: Record, *, expected: int, deadline: Deadline) -> Record:
        key = (record.kind, record.namespace, record.name)
        self._expect(key, expected)
        written = record.replace(revision=expected + 1, time=datetime.now(UTC))
        self.records.setdefault(key, []).append(written)
        return written

    def remove(self, kind: str, namespace: str, name: str, *, expected: int, deadline: Deadline) -> None:
        key = (kind, namespace, name)
        if key in self.records:
            self._expect(key, expected)
            del self.records[key]

    def history(self, kind: str, namespace: str, name: str, *, deadline: Deadline) -> Sequence[Record]:
        return tuple(self.records.get((kind, namespace, name), ()))

    def _expect(self, key: Key, expected: int) -> None:
        self._answer()
        present = self.records[key][-1].revision if key in self.records else 0
        if present != expected:
            raise ConflictError(f"{key} has revision {present}, not {expected}")

    def _answer(self) -> None:
        if self.refuse:
            raise UnreachableError("the store does not answer")


class MemoryFleet(Gitless):
    """Clusters that are Ready with what they are told; `phases` says otherwise, cluster by cluster.

    What somebody changes on a cluster by hand is put into `touched`: (cluster, namespace, name) → who did it.
    """

    def __init__(self) -> None:
        self.known: dict[str, Cluster] = {}
        self.told: dict[tuple[str, str, str], Assignment] = {}
        self.phases: dict[str, Phase] = {}
        self.refuse: set[str] = set()
        self.impossible: list[Placement] = []
        self.touched: dict[tuple[str, str, str], str] = {}
        self.caught_up: list[tuple[str | None, str | None]] = []
        self.since: dict[tuple[str, str, str], datetime] = {}

    def clusters(self, *, deadline: Deadline) -> list[Cluster]:
        return [self.known[name] for name in sorted(self.known)]

    def add(self, cluster: Cluster, *, deadline: Deadline) -> Cluster:
        if cluster.name in self.known:
            raise ConflictError(f"there is a cluster '{cluster.name}' already")
        self.known[cluster.name] = cluster.replace(conditions=({"type": "Available", "status": "True"},))
        return self.known[cluster.name]

    def join(
        self, cluster: Cluster, *, kubeconfig: str | None, context: str | None, namespace: str | None,
        deadline: Deadline,
    ) -> Cluster:  # fmt: skip
        raise UnsupportedError("clusters in memory do not join")

    def needs(self, name: str, *, deadline: Deadline) -> Needs:
        raise UnsupportedError("clusters in memory do not join")

    def remove(self, name: str, *, deadline: Deadline) -> None:
        del self.known[name]
        self.told = {key: each for key, each in self.told.items() if key[0] != name}

    def annotate(
        self,
        name: str,
        *,
        labels: Mapping[str, str | None] | None = None,
        taints: Sequence[Taint] | None = None,
        deadline: Deadline,
    ) -> Cluster:
        before = self.known[name]
        merged = {key: value for key, value in {**before.labels, **(labels or {})}.items() if value is not None}
        self.known[name] = before.replace(labels=merged, taints=before.taints if taints is None else tuple(taints))
        return self.known[name]

    def score(
        self,
        resource: str,
        scores: Mapping[str, Mapping[str, int]],
        *,
        until: datetime | None,
        deadline: Deadline,
    ) -> None:
        for name, values in scores.items():
            before = self.known[name]
            self.known[name] = before.replace(scores=rescored(before.scores, resource, values, until))

    def stop(self, name: str, *, deadline: Deadline) -> None:
        self.phases[name] = Phase.OFFLINE

    def start(self, name: str, *, deadline: Deadline) -> None:
        self.phases.pop(name, None)

    def assigned(
        self, *, namespace: str | None = None, name: str | None = None, deadline: Deadline
    ) -> list[Assignment]:
        return [
            each for key, each in sorted(self.told.items()) if namespace in (None, key[1]) and name in (None, key[2])
        ]

    def check(self, placement: Placement, *, namespace: str, name: str, deadline: Deadline) -> None:
        if placement in self.impossible:
            raise UnsupportedError(f"'{placement.name}' cannot be said here")

    def apply(self, actions: Sequence[Action], *, force: bool = False, deadline: Deadline) -> list[Outcome]:
        return [self._refusal(action, force) or self._take(action) for action in actions]

    def catch_up(
        self, *, namespace: str | None = None, name: str | None = None, deadline: Deadline
    ) -> list[Assignment]:
        self.caught_up.append((namespace, name))
        return []

    def compare(self, assignments: Sequence[Assignment], *, deadline: Deadline) -> list[Difference]:
        return [each for assignment in assignments for each in self._differences(assignment)]

    def observe(
        self, *, namespace: str | None = None, name: str | None = None, deadline: Deadline
    ) -> list[Observation]:
        return [self._seen(each) for each in self.assigned(namespace=namespace, name=name, deadline=deadline)]

    def look(self, *, namespace: str, name: str, deadline: Deadline) -> Sight:
        return Sight(
            self.clusters(deadline=deadline),
            self.assigned(namespace=namespace, name=name, deadline=deadline),
            self.observe(namespace=namespace, name=name, deadline=deadline),
        )

    def watch(
        self, *, namespace: str | None = None, name: str | None = None, deadline: Deadline
    ) -> Iterator[list[Observation]]:
        if not deadline.passed:
            yield self.observe(namespace=namespace, name=name, deadline=deadline)

    def reach(self, cluster: str, namespace: str, name: str, *, deadline: Deadline) -> str:
        raise UnreachableError(f"nothing answers on '{cluster}'")

    def logs(
        self, cluster: str, namespace: str, name: str, *, lines: int = 100, follow: bool = False, deadline: Deadline
    ) -> Iterator[str]:
        yield from ["first", "second", "third"][-lines:]

    def _refusal(self, action: Action, force: bool) -> Outcome | None:
        key = (action.cluster, action.item.namespace, action.item.name)
        if key in self.touched and not force:
            return Outcome(action, error=f"replicas is managed by {self.touched[key]}")
        return None

    def _differences(self, wanted: Assignment) -> Iterator[Difference]:
        key = (wanted.cluster, wanted.item.namespace, wanted.item.name)
        present = self.told.get(key)
        verb: Literal["create", "update"] = "update" if present else "create"
        lines = () if present == wanted else (f"+version: '{wanted.item.version}'",)
        conflicts = (f"replicas is managed by {self.touched[key]}",) if key in self.touched else ()
        if lines or conflicts:
            yield Difference(*key, f"Thing {key[2]}", verb, lines, conflicts)

    def _take(self, action: Action) -> Outcome:
        if action.cluster in self.refuse:
            return Outcome(action, error="no room")
        key = (action.cluster, action.item.namespace, action.item.name)
        self.touched.pop(key, None)
        if action.after is None:
            self.told.pop(key, None)
        else:
            self.told[key] = Assignment(cluster=action.cluster, item=action.after)
            self.since[key] = datetime.now(UTC)
        return Outcome(action)

    def _seen(self, told: Assignment) -> Observation:
        phase = self.phases.get(told.cluster, Phase.READY)
        item = told.item
        return Observation(
            cluster=told.cluster, namespace=item.namespace, name=item.name, kind=item.kind, phase=phase,
            desired=item.digest, running=item.digest if phase is Phase.READY else None, version=item.version,
            since=self.since.get((told.cluster, item.namespace, item.name)),
        )  # fmt: skip


class MemoryBackend:
    """The store and fleet in memory, as a backend."""

    name = "memory"
    capabilities = Capabilities(
        flavours=frozenset({"server", "files"}), commands=True, reach=True, logs=True, stop=True, scores=True
    )

    def __init__(self, address: str = "", /, **_: Any) -> None:
        self.store = MemoryStore()
        self.fleet = MemoryFleet()

    def close(self) -> None:
        """Nothing to let go of."""
