"""Publication: the handle of what stands in Git."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from i4q_ai import config, published, publishing
from i4q_ai.backends.subscriptions import Pulled
from i4q_ai.errors import NotFoundError, OwnedError
from i4q_ai.gitops import Credentials, Source, repository
from i4q_ai.placement import REST
from i4q_ai.placing.evaluate import evaluate
from i4q_ai.published import Edit, Published
from i4q_ai.publishing import Manner
from i4q_ai.spec import Spec
from i4q_ai.status import NO_CONSUMER, Phase

if TYPE_CHECKING:
    from i4q_ai.backends.base import Record
    from i4q_ai.engine import Engine
    from i4q_ai.gitops.repository import Tree

_OTHER = "OtherVersion"
"""The reason of a cluster that runs something, and not what stands in Git."""


@dataclass(frozen=True)
class PublicationStatus:
    """What one deployment is in Git, and which clusters have it.

    Args:
        name: of the deployment.
        version: that is wanted.
        commit: that brought it.
        source: where it stands.
        proposed: the branch on which it waits; empty if it does not.
        clusters: one row each; empty where the hub sees nothing of it.
    """

    name: str
    version: str
    commit: str
    source: Source
    proposed: str
    clusters: tuple[Pulled, ...]

    @property
    def delivered(self) -> bool:
        """Every cluster that is seen has the commit, or a later one that left this deployment as it is."""
        return bool(self.clusters) and all(
            each.phase is Phase.READY or each.reason == NO_CONSUMER for each in self.clusters
        )

    def __str__(self) -> str:
        from i4q_ai import display

        return display.publication(self).text()

    def _repr_html_(self) -> str:
        from i4q_ai import display

        return display.publication(self).html()


class Publication:
    """The handle of deployments that stand in Git; it holds no state but their names.

    Get one from `hub.publish(…)`, `hub.publication(name)` or `hub.publications()`.
    """

    def __init__(self, engine: Engine, *names: str, credentials: Credentials | None = None) -> None:
        self._engine = engine
        self._credentials = credentials
        self.names = names

    @property
    def name(self) -> str:
        """Of the deployment; of a release, of its first one."""
        return self.names[0]

    @property
    def published(self) -> dict[str, Published]:
        """Name → what its record says.

        Raises:
            NotFoundError: it is gone.
        """
        return {name: publishing.read(publishing.record(self._engine, name)) for name in self.names}

    @property
    def commit(self) -> str:
        """The commit that brought it; of a release, the last one of any."""
        return self._last(self._records())

    @property
    def source(self) -> Source:
        """Where it stands."""
        return next(iter(self.published.values())).source

    def status(self) -> list[PublicationStatus]:
        """Which commit each cluster runs, one status a deployment.

        Raises:
            NotFoundError: it is gone.
        """
        return [self._status(name, each) for name, each in self.published.items()]

    def history(self) -> dict[str, list[Published]]:
        """Name → what was published, oldest first."""
        return {name: self._past(name) for name in self.names}

    def drift(self) -> list[Edit]:
        """Files of ours that others have changed in Git; publishing refuses to write over them without `force`.

        Raises:
            NotFoundError: it is gone, or its repository or branch is.
        """
        return [each for name, found in self.published.items() for each in self._edits(name, found)]

    def rollback(
        self,
        *,
        to: str | None = None,
        author: str | None = None,
        propose: str | None = None,
        force: bool = False,
    ) -> Self:
        """Revert the last commit that changed it, by a commit of its own; of a release, all that it changed.

        Args:
            to: go back to what an earlier commit brought (its id, or the beginning of it).
            author, propose, force: as for `hub.publish`.

        Raises:
            NotFoundError: there is nothing to go back to.
            EditedError: others have changed it since; nothing was touched.
        """
        publishing.again(lambda: self._back(to, author, propose, force))
        return self

    def delete(
        self,
        *,
        author: str | None = None,
        message: str = "",
        propose: str | None = None,
        force: bool = False,
        keep_files: bool = False,
    ) -> None:
        """Take it out of Git with one commit, and have clusters take it away where the hub can.

        Args:
            author, message, propose, force: as for `hub.publish`.
            keep_files: leave Git as it is, for instance because it is gone for good; then nobody asks it.

        Raises:
            EditedError: others have changed it; nothing was touched.
        """

        def _forgotten() -> str:
            for name, record in self._records().items():
                publishing.forget(self._engine, name, record.revision)
            return ""

        def _gone() -> str:
            records = self._records()
            text = message or published.message({name: publishing.read(each).spec for name, each in records.items()},
                                                dict.fromkeys(records))  # fmt: skip
            how = Manner(self._source(records), author=author, message=text, propose=propose, force=force,
                         credentials=self._credentials)  # fmt: skip
            nothing: dict[str, None] = dict.fromkeys(records)
            return publishing.settle(self._engine, records, nothing, nothing, how)

        publishing.again(_forgotten if keep_files else _gone)

    def __repr__(self) -> str:
        return f"<Publication {', '.join(self.names)}>"

    # below

    def _records(self) -> dict[str, Record]:
        records = {name: publishing.record(self._engine, name) for name in self.names}
        for name, record in records.items():
            owner = publishing.read(record).spec.owner
            if owner != self._engine.owner:
                raise OwnedError(f"'{name}' belongs to '{owner}'", hint=f"you are '{self._engine.owner}'")
        return records

    def _source(self, records: Mapping[str, Record]) -> Source:
        return next(publishing.read(each).source for each in records.values())

    def _last(self, records: Mapping[str, Record]) -> str:
        newest = max(records.values(), key=lambda each: (each.time is not None, each.time, each.revision))
        return publishing.read(newest).commit

    def _past(self, name: str) -> list[Published]:
        return [publishing.read(each) for each in publishing.history(self._engine, name)]

    def _back(self, to: str | None, author: str | None, propose: str | None, force: bool) -> str:
        records = self._records()
        commit = self._last(records)
        wanted: dict[str, Published | None] = {}
        texts: dict[str, Mapping[str, str] | None] = {}
        for name, record in records.items():
            present = publishing.read(record)
            if to is None and present.commit != commit:
                continue
            past = [each for each in self._past(name)[:-1] if each.commit != present.commit]
            found = [each for each in past if to is None or each.commit.startswith(to)]
            if to is not None and not found:
                known = ", ".join(dict.fromkeys(each.commit[:12] for each in past)) or "there are none"
                raise NotFoundError(f"no commit {to} has brought '{name}'", hint=f"known: {known}")
            wanted[name] = found[-1] if found else None
            texts[name] = self._texts(name, found[-1]) if found else None
        if not any(wanted.values()):
            raise NotFoundError(f"'{self.name}' has no version in Git to go back to", hint="delete it instead")
        before = {name: publishing.read(records[name]).spec for name in wanted}
        after = {name: each.spec if each else None for name, each in wanted.items()}
        how = Manner(self._source(records), author=author, propose=propose, force=force, credentials=self._credentials)
        text = _reverting(before, after, commit, to)
        return publishing.settle(
            self._engine, {name: records[name] for name in wanted}, wanted, texts, replace(how, message=text)
        )

    def _texts(self, name: str, then: Published) -> dict[str, str]:
        """What stood there; as it would be written today where the commit is gone."""
        try:
            tree = self._read(name, then, then.commit)
            return {file: tree.files[file].decode() for file in then.files}
        except (NotFoundError, KeyError):
            return published.files(then.spec, self._engine.namespace, name, form=then.form, rendering=then.rendering)

    def _there(self, name: str, what: Published) -> Tree:
        """As it stands now; a branch to propose from is gone once it is merged."""
        if not what.proposed:
            return self._read(name, what, None)
        try:
            return self._read(name, what, None)
        except NotFoundError:
            return self._read(name, what.replace(branch=what.source.branch), None)

    def _read(self, name: str, what: Published, commit: str | None) -> Tree:
        branch = what.branch or what.source.branch
        folder = what.source.replace(path=published.folder(what.source, name), branch=branch)
        return repository.read(
            folder, commit=commit, cache=config.cache() / "git", credentials=self._credentials,
            deadline=self._engine.deadline(),
        )  # fmt: skip

    def _edits(self, name: str, what: Published) -> list[Edit]:
        try:
            there: Mapping[str, bytes] = self._there(name, what).files
        except NotFoundError as error:
            if "folder" not in error.what:
                raise
            there = {}
        changed = [
            file for file, kept in what.files.items() if file not in there or published.content_id(there[file]) != kept
        ]
        if not changed:
            return []
        ours = self._texts(name, what)
        own = published.folder(what.source, name)
        return [published.edit(f"{own}/{file}", ours[file].encode(), there.get(file)) for file in sorted(changed)]

    def _status(self, name: str, what: Published) -> PublicationStatus:
        rows: list[Pulled] = []
        engine = self._engine
        if not what.proposed:
            rows = (
                engine.fleet.pulled(engine.namespace, name, deadline=engine.deadline())
                if publishing.follows(engine, what)
                else self._observed(name, what)
            )
        proposed = what.branch if what.proposed else ""
        return PublicationStatus(name, what.spec.version_text(), what.commit, what.source, proposed, tuple(rows))

    def _observed(self, name: str, what: Published) -> list[Pulled]:
        """By the digest that a cluster says it runs: the commit that brought it."""
        engine = self._engine
        brought = {
            digest: each.commit
            for each in self._past(name)
            for digest in published.digests(each.spec, engine.namespace, name)
        }
        clusters = tuple(engine.fleet.clusters(deadline=engine.deadline()))
        selected = evaluate(what.spec.placement, clusters, now=engine.clock()).selected
        wanted = {group: what.spec.item(engine.namespace, name, group).digest for group in {REST, *selected.values()}}
        rows = []
        for each in engine.fleet.observe(namespace=engine.namespace, name=name, deadline=engine.deadline()):
            group = selected.get(each.cluster, REST)
            row = Pulled(
                cluster=each.cluster, group=group, phase=each.phase, reason=each.reason, message=each.message,
                since=each.since, commit=brought.get(each.running or "", ""),
            )  # fmt: skip
            if each.delivered and each.running != wanted[group]:
                # It has what the hub or somebody else wants, which is not what stands in Git.
                told = f"runs version {each.version}" if each.version else "runs another version"
                row = row.replace(phase=Phase.PENDING, reason=_OTHER, message=told)
            rows.append(row)
        return rows


def _reverting(before: Mapping[str, Spec], after: Mapping[str, Spec | None], commit: str, to: str | None) -> str:
    title, *_ = published.message({name: spec for name, spec in after.items() if spec}, before).splitlines()
    _, _, versions = published.message(before, after).partition("I4q-Version:")
    told = f"This reverts commit {commit}." if to is None else f"This goes back to commit {to}."
    return f'Revert "{title}"\n\n{told}' + (f"\n\nI4q-Version:{versions}" if versions else "")
