"""Hub: the front door to one backend. Plans, applies and refreshes, the same for every backend."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from i4q_ai import backends, config, eviction
from i4q_ai.clusters import Clusters
from i4q_ai.deployment import Deployment
from i4q_ai.desired import Flavour
from i4q_ai.engine import Engine, read
from i4q_ai.errors import InvalidError, UnreachableError
from i4q_ai.exporting import exported
from i4q_ai.model import Model
from i4q_ai.placement import Placement
from i4q_ai.placing.evaluate import Decision, evaluate
from i4q_ai.placing.simulate import Simulation, WhatIf, simulate
from i4q_ai.plan import Plan
from i4q_ai.release import Release
from i4q_ai.rollout.rollout import Rollout
from i4q_ai.scores import Scores
from i4q_ai.spec import Spec
from i4q_ai.thing import Name, Thing
from i4q_ai.trust import Trust
from i4q_ai.workload import Workload

if TYPE_CHECKING:
    from i4q_ai.capabilities import Capabilities
    from i4q_ai.gitops import Credentials
    from i4q_ai.manifests.publishable import Form
    from i4q_ai.publication import Publication
    from i4q_ai.published import Rendering

log = logging.getLogger(__name__)


class _Named(Thing):
    name: Name


class Hub:
    """The front door to one backend.

    Args:
        address: "embedded" (clusters on this machine), or `name://rest` of another backend; the default is `I4Q_HUB`.
            Several of them, in a list or by name, are seen as one: `i4q_ai.hubs.Hubs`.
        namespace: of the deployments; the default is `I4Q_NAMESPACE`.
        owner: that new deployments are marked with; those of other owners are left alone. The default is `I4Q_OWNER`.
        timeout: seconds that a call may take, unless it takes a timeout itself.
        eviction_limit: the share of the clusters that have a deployment, 0 to 1, which a changed placement may take it
            from without `allow_eviction`; the default is `I4Q_EVICTION_LIMIT`, else one half.
        trust: the policy, or its file, that must let a version in before it is deployed; the default is `I4Q_TRUST`.
        options: of the backend; the embedded one has `home=`, the folder of its state.

    Raises:
        NotFoundError: there is no such backend, or no such trust policy.

    Example:
        >>> from i4q_ai import Hub
        >>> hub = Hub(home=home)
        >>> hub.clusters.add("edge-1", labels={"line": "cnc"}).labels
        {'line': 'cnc'}
        >>> hub.close()
    """

    def __new__(cls, address: str | Sequence[str] | Mapping[str, str | Hub] | None = None, **options: Any) -> Any:
        """One hub; over several, what is asked of them all: see `i4q_ai.hubs.Hubs`."""
        if address is None or isinstance(address, str):
            return super().__new__(cls)
        from i4q_ai.hubs import Hubs

        return Hubs(address, **options)

    def __init__(
        self,
        address: str | Sequence[str] | Mapping[str, str | Hub] | None = None,
        *,
        namespace: str | None = None,
        owner: str | None = None,
        timeout: float = 60,
        eviction_limit: float | None = None,
        trust: Trust | str | Path | None = None,
        **options: Any,
    ) -> None:
        if not isinstance(address, str | None):
            raise InvalidError(f"{address!r} is no address", hint="embedded, or name://rest")
        self.address = address or config.hub()
        self.engine = Engine(
            backend=backends.open_backend(self.address, **options),
            namespace=namespace or config.namespace(),
            owner=owner or config.owner(),
            timeout=timeout,
            eviction_limit=_limit(eviction_limit),
            trust=_trust(trust),
        )
        self.clusters = Clusters(self.engine)
        self.scores = Scores(self.engine)

    @property
    def namespace(self) -> str:
        """Of the deployments."""
        return self.engine.namespace

    @property
    def owner(self) -> str:
        """That deployments are marked with."""
        return self.engine.owner

    # what there is

    @property
    def capabilities(self) -> Capabilities:
        """What the backend can do."""
        return self.engine.backend.capabilities

    def get(self, name: str) -> Deployment:
        """The deployment of that name; also where the store is out of reach, so that clusters can be asked.

        Raises:
            NotFoundError: there is none in this namespace; with the nearest one.
        """
        try:
            self.engine.record(name)
        except UnreachableError as error:
            log.warning("whether there is a deployment '%s' cannot be seen now: %s", name, error.what)
        return Deployment(self.engine, name)

    def list(self) -> list[Deployment]:
        """All deployments of the namespace, by name."""
        return [Deployment(self.engine, name) for name in self.engine.records()]

    def explain(self, placement: Placement) -> Decision:
        """Every cluster: in or out, and the clause that decided.

        Args:
            placement: does not have to be deployed.
        """
        return evaluate(placement, self.clusters.list(), now=self.engine.clock())

    def simulate(self, placement: Placement, *, change: WhatIf) -> Simulation:
        """Who would gain and who would lose the placement's clusters, if something changed; nothing is touched.

        Args:
            placement: does not have to be deployed.
            change: labels and taints of clusters, the placement's count or rule.

        Raises:
            NotFoundError: the change is about a cluster that there is not; with the nearest one.
        """
        return simulate(placement, self.clusters.list(), change=change, now=self.engine.clock())

    # plan, show, apply

    def plan(
        self,
        thing: Model | Workload,
        *,
        to: Placement,
        name: str | None = None,
        flavour: Flavour = "server",
        image: str | None = None,
        versions: Mapping[str, Model] | None = None,
        rollout: Rollout | None = None,
    ) -> Plan:
        """What `deploy` with the same arguments would change; nothing is touched.

        Args:
            thing: a model or workload that is pushed.
            to: which clusters.
            name: of the deployment; the thing's name if not given.
            flavour: how a model is delivered: "server", "files" or, where there are containers, "image".
            image: that serves the model, by digest, with flavour "image"; it finds the model's files in `/models`, and
                listens on `PORT`.
            versions: group → model, where groups of the placement differ; `"*"` is the rest.
            rollout: how the change reaches the clusters; all at once if not given.

        Raises:
            InvalidError: it is not pushed, or does not fit what it uses.
            RuleError: no cluster meets the placement.
            OwnedError: the name is taken.
            UnsupportedError: the backend cannot do that.
            VersionExistsError: the version is known with other content.
        """
        spec = self._spec(thing, to, flavour, image, versions, rollout)
        return self.engine.plan({_name(thing, name): spec}, live=True)

    def deploy(
        self,
        thing: Model | Workload,
        *,
        to: Placement,
        name: str | None = None,
        flavour: Flavour = "server",
        image: str | None = None,
        versions: Mapping[str, Model] | None = None,
        rollout: Rollout | None = None,
        allow_eviction: bool = False,
    ) -> Deployment:
        """Create or update a deployment; returns when the clusters are told, `.wait()` waits for them.

        Args:
            thing, to, name, flavour, image, versions, rollout: as for `plan`, whose errors it raises too.
            allow_eviction: also if the changed placement empties it, or takes it from more than `eviction_limit`.

        Raises:
            EvictionError: it would, and that is not allowed; nothing was touched.
        """
        spec = self._spec(thing, to, flavour, image, versions, rollout)
        self.engine.settle(lambda: self.engine.plan({_name(thing, name): spec}), allow_eviction=allow_eviction)
        return Deployment(self.engine, _name(thing, name))

    def apply(self, plan: Plan, *, allow_eviction: bool = False) -> Sequence[Deployment]:
        """Do what a plan says.

        Args:
            plan: of this hub.
            allow_eviction: as for `deploy`.

        Raises:
            EvictionError: as for `deploy`.
            StalePlanError: what it was made from is gone; nothing was touched, or only the changes before that one.
        """
        self.engine.apply(plan, allow_eviction=allow_eviction)
        return [Deployment(self.engine, change.name) for change in plan.changes if not change.spec.deleted]

    def apply_file(
        self,
        *paths: str | Path,
        overlays: Sequence[str | Path] = (),
        dry_run: bool = False,
        allow_eviction: bool = False,
    ) -> Plan:
        """Do what release files say.

        Args:
            paths: YAML files, folders of them, or `-` for standard input; together they are one release.
            overlays: YAML files with one Overlay each: what is different in this environment.
            dry_run: only plan.
            allow_eviction: as for `deploy`.

        Returns:
            The plan that was applied, or would be.

        Raises:
            SchemaError: a file is broken, or does not fit; with the line, and the path of the field.
            EvictionError: as for `deploy`; nothing of the files was done.
        """
        from i4q_ai.gathering import gather

        release = gather(paths, overlays=overlays)
        return self.apply_release(release, dry_run=dry_run, allow_eviction=allow_eviction)

    def apply_release(self, release: Release, *, dry_run: bool = False, allow_eviction: bool = False) -> Plan:
        """Like `apply_file`, from the object."""
        specs = release.specs(owner=self.owner)
        if dry_run:
            return self.engine.plan(specs, live=True)
        return self.engine.settle(lambda: self.engine.plan(specs), allow_eviction=allow_eviction)

    def export(self, *names: str) -> Release:
        """What is deployed, as a release: applied to this hub, it changes nothing.

        Args:
            names: of deployments; all of this owner if not given.

        Raises:
            NotFoundError: there is no such deployment; with the nearest one.
        """
        records = {name: self.engine.record(name) for name in names} if names else self.engine.records()
        specs = {name: read(record) for name, record in records.items()}
        return exported({name: spec for name, spec in specs.items() if names or spec.owner == self.owner})

    def refresh(self, name: str | None = None) -> Plan:
        """Bring clusters up to what is wanted now: after a label has changed, a cluster has come, a stage is good.

        Args:
            name: of one deployment; all of this owner in the namespace if not given.

        Returns:
            The plan that was applied.
        """
        return self.engine.settle(lambda: self.engine.plan_refresh(name))

    def _spec(
        self,
        thing: Model | Workload,
        to: Placement,
        flavour: Flavour,
        image: str | None,
        versions: Mapping[str, Model] | None,
        rollout: Rollout | None,
    ) -> Spec:
        return Spec(
            model=thing if isinstance(thing, Model) else None,
            workload=thing if isinstance(thing, Workload) else None,
            placement=to,
            flavour=flavour,
            image=image,
            versions=dict(versions or {}),
            rollout=rollout or Rollout(),
            owner=self.owner,
        )

    # Git

    def publish(
        self,
        thing: Model | Workload | Release,
        *,
        to: Placement | None = None,
        repo: str,
        path: str = "",
        branch: str = "main",
        form: Form | None = None,
        name: str | None = None,
        flavour: Flavour = "server",
        image: str | None = None,
        versions: Mapping[str, Model] | None = None,
        rendering: Rendering | None = None,
        author: str | None = None,
        message: str = "",
        propose: str | None = None,
        force: bool = False,
        credentials: Credentials | None = None,
    ) -> Publication:
        """Write a deployment into Git, in a folder of its own, with one commit; clusters take it from there.

        Where this hub can (`capabilities.gitops`), the clusters of the placement are told to follow the folder.

        Args:
            thing: a model or workload that is pushed; or a release, each of whose deployments is written.
            to: which clusters; a release says so itself.
            repo: `https://…`, `ssh://…`, `user@host:path`, `file://…` or a folder; without a password.
            path: of the folder above the deployment's own.
            branch: made if there is none.
            form: "manifests" (plain objects), "kustomize", "chart" (for helm), or "agent" (for edge agents that follow
                a path in Git). If not given, as it stands there already; of what is new, "kustomize" where clusters
                take it by themselves, for then a commit counts whole or not at all, else "manifests".
            name, flavour, image, versions: as for `plan`.
            rendering: how objects are written; of the edge image, the default is `I4Q_EDGE_IMAGE`.
            author: of the commit, `Name <address>`; who git says the user is if not given.
            message: of the commit; says what changed if not given.
            propose: a branch to push to instead, for others to merge.
            force: also over what others have changed in the deployment's own files.
            credentials: for the repository; else those of git, or of `I4Q_GIT_CREDENTIALS`.

        Raises:
            InvalidError: it is not pushed, or the edge image is missing.
            RuleError: no cluster meets the placement.
            OwnedError: the name is taken.
            EditedError: others have changed the deployment's own files; nothing was touched.
            GitError, ForbiddenError, NotFoundError, UnreachableError: the repository cannot be written to.
            MissingDependencyError: the extra "git" is not installed.
        """
        from i4q_ai import publishing
        from i4q_ai.publication import Publication

        if isinstance(thing, Release):
            specs = publishing.specs(thing, owner=self.owner, given=(to, name, image, versions))
        elif to is None:
            raise InvalidError(f"where '{_name(thing, name)}' goes is not said", hint="to=Placement(…)")
        else:
            specs = {_name(thing, name): self._spec(thing, to, flavour, image, versions, None)}
        how = publishing.manner(
            repo=repo, path=path, branch=branch, form=form, rendering=rendering, author=author, message=message,
            propose=propose, force=force, credentials=credentials,
        )  # fmt: skip
        publishing.publish(self.engine, specs, how)
        return Publication(self.engine, *specs, credentials=credentials)

    def publication(self, name: str) -> Publication:
        """What stands in Git of a deployment.

        Raises:
            NotFoundError: nothing was published under that name in this namespace; with the nearest one.
        """
        from i4q_ai import publishing
        from i4q_ai.publication import Publication

        publishing.record(self.engine, name)
        return Publication(self.engine, name)

    def publications(self) -> Sequence[Publication]:
        """All that was published of the namespace, by name."""
        from i4q_ai import publishing
        from i4q_ai.publication import Publication

        return [Publication(self.engine, name) for name in sorted(publishing.records(self.engine))]

    # life

    def close(self) -> None:
        """Let go of connections; what runs goes on."""
        self.engine.backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Hub {self.address} namespace={self.namespace}>"

    def _repr_html_(self) -> str:
        from i4q_ai import display

        return display.hub(self).html()


def _limit(given: float | None) -> float:
    if given is not None:
        return config.share(given)
    found = config.eviction_limit()
    return eviction.LIMIT if found is None else found


def _trust(given: Trust | str | Path | None) -> Trust | None:
    found = config.trust() if given is None else given
    return Trust.read(Path(found)) if isinstance(found, str | Path) else found


def _name(thing: Model | Workload, name: str | None) -> str:
    if not isinstance(thing, Model | Workload):
        raise InvalidError(f"a {type(thing).__name__} cannot be deployed", hint="give a Model or a Workload")
    return thing.name if name is None else _Named.parse({"name": name}, where=f"deployment {name!r}").name
