"""Spec: what a deployment's record says; everything from which its clusters' items follow."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from i4q_ai.desired import Flavour, Item, ModelItem, WorkloadItem
from i4q_ai.model import Model
from i4q_ai.placement import REST, Placement
from i4q_ai.rollout.rollout import Rollout
from i4q_ai.status import Kind
from i4q_ai.thing import FrozenDict, Thing
from i4q_ai.trust import Trust, repository_of
from i4q_ai.workload import Workload

RECORD_KIND = "deployment"
"""The kind of the store's records that hold a Spec."""


class Spec(Thing):
    """One Model or Workload, and where it goes.

    Args:
        model, workload: one of them.
        placement: which clusters.
        flavour: how a model is delivered.
        image: that serves the model, by digest; with flavour "image".
        versions: group → model, where groups differ; `"*"` is the rest, and what has no entry gets `model`.
        rollout: how a change reaches the clusters.
        owner: who may change it.
        deleted: a tombstone: it is being taken from all clusters.
        trust: the policy by which clusters judge what they fetch, before they expose it.
    """

    model: Model | None = None
    workload: Workload | None = None
    placement: Placement
    flavour: Flavour = "server"
    image: str | None = None
    versions: Annotated[dict[str, Model], AfterValidator(FrozenDict)] = Field(default_factory=FrozenDict)
    rollout: Rollout = Field(default_factory=Rollout)
    owner: str = "i4q"
    deleted: bool = False
    trust: Trust | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.model is None) == (self.workload is None):
            raise ValueError("a deployment is of one model or one workload")
        if self.workload is not None and (self.versions or self.flavour != "server"):
            raise ValueError("'versions' and 'flavour' are a model's")
        if (self.image is not None) != (self.flavour == "image"):
            raise ValueError("flavour 'image' needs the 'image' that serves the model, and no other flavour has one")
        if self.image is not None and "@sha256:" not in self.image:
            raise ValueError(f"image '{self.image}' has no digest; name it as repository@sha256:…")
        for group in (*self.versions, *self.rollout.stages):
            self.placement.check_group(group)
        for group, model in self.versions.items():
            if model.name != self.object.name:
                raise ValueError(f"versions.{group} is of model '{model.name}', not of '{self.object.name}'")
        if len(set(self.rollout.stages)) < len(self.rollout.stages):
            raise ValueError("a stage stands twice")
        if self.rollout.stages and set(self.rollout.stages) != set(self.placement.group_names):
            missing = [name for name in self.placement.group_names if name not in self.rollout.stages]
            raise ValueError(f"the stages leave out: {', '.join(missing)}")
        return self

    @property
    def object(self) -> Model | Workload:
        """The model or the workload."""
        thing = self.model or self.workload
        assert thing is not None, "validated"
        return thing

    @property
    def kind(self) -> Kind:
        """Which of the two it is."""
        return "model" if self.model is not None else "workload"

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages of its roll-out; none means all at once."""
        return () if self.rollout.strategy == "all" else self.rollout.stages or self.placement.group_names

    def objects(self) -> tuple[Model | Workload, ...]:
        """Every version it names, each once."""
        return tuple(dict.fromkeys((self.object, *self.versions.values())))

    def version_text(self) -> str:
        """The wanted versions, for people."""
        groups = self.placement.group_names
        wanted = [self.object.version] if self.model is None else [self.model_for(group).version for group in groups]
        return ", ".join(dict.fromkeys(wanted))

    def model_for(self, group: str) -> Model:
        """The model that a group gets."""
        assert self.model is not None, "only models have versions by group"
        return self.versions.get(group, self.versions.get(REST, self.model))

    def item(self, namespace: str, name: str, group: str, *, revision: int = 0) -> Item:
        """What a cluster of a group is told.

        Raises:
            InvalidError: the model or workload has not been pushed.
            UntrustedError: no rule of the policy is about it.
        """
        if self.workload is not None:
            work = self.workload
            return WorkloadItem(
                namespace=namespace, name=name, workload=work.name, version=work.version, digest=work.digest,
                references=(work.reference,) if work.reference else (), image=work.image, command=work.command,
                env=work.env, uses=work.uses, port=work.port, ready=work.ready, revision=revision,
                trust=self._trust(work),
            )  # fmt: skip
        model = self.model_for(group)
        return ModelItem(
            namespace=namespace, name=name, model=model.name, version=model.version, digest=model.digest,
            references=(model.reference,) if model.reference else (), flavour=self.flavour, image=self.image,
            revision=revision, trust=self._trust(model),
        )  # fmt: skip

    def _trust(self, thing: Model | Workload) -> Trust | None:
        """The part of the policy that is about one of its versions; an image is fetched by others than our agent."""
        if self.trust is None or thing.reference is None:
            return None
        return self.trust.narrowed(repository_of(thing.reference), thing.name)
