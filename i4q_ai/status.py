"""What is so: of one thing on one cluster (Observation), of one cluster (Report), of a deployment (Status)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from i4q_ai.thing import Digest, FrozenDict, Name, Thing


class Phase(StrEnum):
    """How far a cluster is with one model or workload."""

    PENDING = "Pending"
    """Wanted, and the cluster has not said anything yet."""
    FETCHING = "Fetching"
    """Bytes are on their way, or are being verified."""
    STARTING = "Starting"
    """Verified and exposed; the process does not answer yet."""
    WAITING = "Waiting"
    """For something else: a consumer, a model; the message says what."""
    READY = "Ready"
    """The wanted digest runs."""
    ROLLED_BACK = "RolledBack"
    """The wanted digest failed its probe; the last good one runs."""
    FAILED = "Failed"
    """It does not run, and trying again as it is will hardly help; the message says why."""
    REMOVING = "Removing"
    """Not wanted any more, and not gone yet."""
    OFFLINE = "Offline"
    """The cluster is out of reach; the last report stands beside it."""

    @property
    def settled(self) -> bool:
        """Nothing more will happen unless somebody changes something."""
        return self in (Phase.READY, Phase.ROLLED_BACK, Phase.FAILED)


NO_CONSUMER = "NoConsumer"
"""The reason of a model that lies there as files, and nobody uses it yet."""

Kind = Literal["model", "workload"]


class _Heard(Thing):
    """What an agent says; a newer one may say more, which a hub that does not know it passes over."""

    model_config = ConfigDict(extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _no_unknown_fields(cls, data: Any) -> Any:
        return data


class Observation(_Heard):
    """What one cluster says of one model or workload.

    Args:
        cluster, namespace, name, kind: of what.
        phase: how far it is.
        reason: one CamelCase word, for programs.
        message: for people.
        desired, running: digests; running is None when nothing runs.
        version: of what runs.
        revision: of the deployment that the cluster knows of.
        since: when the phase began.
        address: where it answers, as the cluster sees it.
        restarts: how often its process was started again.
        saved: bytes of the version that was fetched last that did not have to travel, as older ones were there.
        last: the phase in which it was last heard of, where it is Offline.
    """

    cluster: str
    namespace: Name
    name: Name
    kind: Kind
    phase: Phase
    reason: str = ""
    message: str = ""
    desired: Digest | None = None
    running: Digest | None = None
    version: str = ""
    revision: int = 0
    since: datetime | None = None
    address: str | None = None
    restarts: int = 0
    saved: int = Field(default=0, ge=0)
    last: Phase | None = None

    @property
    def delivered(self) -> bool:
        """The wanted digest runs, or lies there for a consumer that has not come yet."""
        waits_for_consumer = self.phase is Phase.WAITING and self.reason == NO_CONSUMER and self.running == self.desired
        return self.phase is Phase.READY or waits_for_consumer


class Report(_Heard):
    """The status document of an edge agent: one JSON file, or one key of a ConfigMap.

    Args:
        cluster: whose.
        revision: of the desired state that the agent has read.
        time: when it was written, by the edge's clock.
        agent: version of the agent.
        message: for people, where the agent itself has trouble: a desired state it cannot read, a full disk.
        items: one per model and workload that is wanted or still there.
        followed: source that the agent follows by itself → the commit or digest that it is at.
    """

    cluster: str
    revision: int = 0
    time: datetime
    agent: str = ""
    message: str = ""
    items: tuple[Observation, ...] = ()
    followed: Annotated[dict[str, str], AfterValidator(FrozenDict)] = Field(default_factory=FrozenDict)

    def to_json(self) -> str:
        """The document in one line, without what has its default value, so that older hubs can read it."""
        return self.model_dump_json(exclude_defaults=True)


class Status(Thing):
    """A deployment, everywhere.

    Args:
        namespace, name, kind: of what.
        revision: of the deployment's record.
        version: that is wanted ("1", or "1, 2" where groups differ).
        phase: the worst of the reachable clusters; Pending while a roll-out has more to do; Removing after `delete`.
        message: for people; says what is waited for.
        clusters: one observation per cluster that has it, should have it, or must still lose it.
    """

    namespace: Name
    name: Name
    kind: Kind
    revision: int
    version: str = ""
    phase: Phase
    message: str = ""
    clusters: tuple[Observation, ...] = Field(default=())

    @property
    def ready(self) -> bool:
        """All reachable clusters run what is wanted, and at least one does."""
        return self.phase is Phase.READY

    @property
    def delivered(self) -> bool:
        """As `ready`, but a model that lies there as files may still wait for a consumer."""
        here = [row for row in self.clusters if row.phase is not Phase.OFFLINE]
        return self.phase in (Phase.READY, Phase.WAITING) and bool(here) and all(row.delivered for row in here)

    def _repr_html_(self) -> str:
        from i4q_ai import display

        return display.status(self).html()

    def __str__(self) -> str:
        from i4q_ai import display

        return display.status(self).text()
