"""The desired state of one cluster: the one JSON document that every edge agent reads, wherever it comes from."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from i4q_ai.errors import SchemaError
from i4q_ai.thing import Digest, FrozenDict, Name, Thing, Version
from i4q_ai.trust import Trust

Flavour = Literal["server", "files", "image", "chart"]
"""How a deployment delivers a model."""
EVERYWHERE = "everywhere"
"""The cluster of a document that many follow; each puts its own name in its place."""


class Policy(Thing):
    """How the agent goes about it.

    Args:
        keep: how many good versions of each model and workload stay on disk, the running one included.
        probe_timeout: seconds a new version has until its probe must have passed.
        settle: seconds a new version must stay up before it counts as good.
        unresponsive: seconds after the first missed probe until a process that had passed one, and answers nothing any
            more, is ended and started again; a few probes must be missed however short it is.
    """

    keep: int = Field(default=3, ge=1, le=100)
    probe_timeout: float = Field(default=60.0, gt=0)
    settle: float = Field(default=1.0, ge=0)
    unresponsive: float = Field(default=30.0, gt=0)


class _Trusted(Thing):
    """An item that may say under which policy it comes; where it says nothing, it is written as if nothing could."""

    @model_serializer(mode="wrap")
    def _without_nothing(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {field: value for field, value in dump(self).items() if field != "trust" or value is not None}


class ModelItem(_Trusted):
    """A model that the cluster should have.

    Args:
        namespace, name: of the deployment.
        model, version, digest: what.
        references: where to fetch it, in this order: `host/repository@sha256:…` or `oci:FOLDER@sha256:…`.
        flavour: "server" (behind our model server), "files" (a workload reads the files) or "image" (behind a
            server of the user's).
        image: of that server, by digest.
        revision: of the deployment's record.
        trust: the policy that must let it in before it is exposed.
    """

    kind: Literal["model"] = "model"
    namespace: Name
    name: Name
    model: Name
    version: Version
    digest: Digest
    references: tuple[str, ...] = Field(min_length=1)
    flavour: Flavour = "server"
    image: str | None = None
    revision: int = 0
    trust: Trust | None = None


class WorkloadItem(_Trusted):
    """A workload that the cluster should run.

    Args:
        namespace, name: of the deployment.
        workload, version, digest: what.
        references: where to fetch the code.
        command: run in the folder of the code; a first word "python" is the agent's interpreter.
        env: variables.
        uses: name of a model in the same namespace → "url" or "path".
        port: the program listens on what `PORT` tells (here a loopback port that the agent chooses once).
        ready: path of an HTTP route that answers 2xx once it works.
        revision: of the deployment's record.
        trust: the policy that must let its code in before it runs.
    """

    kind: Literal["workload"] = "workload"
    namespace: Name
    name: Name
    workload: Name
    version: Version
    digest: Digest
    references: tuple[str, ...] = ()
    image: str | None = None
    command: tuple[str, ...] = ()
    env: Annotated[dict[str, str], AfterValidator(FrozenDict)] = Field(default_factory=FrozenDict)
    uses: Annotated[dict[Name, Literal["url", "path"]], AfterValidator(FrozenDict)] = Field(default_factory=FrozenDict)
    port: int | None = None
    ready: str | None = None
    revision: int = 0
    trust: Trust | None = None


Item = ModelItem | WorkloadItem


class Desired(Thing):
    """All that one cluster should have.

    Args:
        cluster: whose.
        revision: grows with every change; an agent never goes back to a lower one.
        models, workloads: what.
        policy: how.
    """

    cluster: Name
    revision: int = 0
    models: tuple[ModelItem, ...] = ()
    workloads: tuple[WorkloadItem, ...] = ()
    policy: Policy = Field(default_factory=Policy)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Desired:
        seen = set()
        for item in self.items:
            if (item.namespace, item.name) in seen:
                raise ValueError(f"'{item.namespace}/{item.name}' stands twice")
            seen.add((item.namespace, item.name))
        return self

    @property
    def items(self) -> tuple[Item, ...]:
        """Models, then workloads."""
        return (*self.models, *self.workloads)

    def to_json(self) -> str:
        """The document, keys in the order of the type, without what has its default value.

        An agent of an earlier release so refuses only a document that does use a field it does not know. The default
        of a field therefore never changes.
        """
        return self.model_dump_json(by_alias=True, exclude_defaults=True, indent=1)

    @classmethod
    def from_json(cls, text: str | bytes, *, where: str = "desired state") -> Desired:
        """Read what `to_json` wrote.

        Raises:
            SchemaError: it is not that document.
        """
        import json

        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise SchemaError(f"{where}: not JSON: {error}") from error
        return cls.parse(data, where=where)


def item_from(data: object, *, where: str = "item") -> Item:
    """A ModelItem or WorkloadItem from plain data, by its `kind`."""
    kind = data.get("kind") if isinstance(data, dict) else None
    return WorkloadItem.parse(data, where=where) if kind == "workload" else ModelItem.parse(data, where=where)
