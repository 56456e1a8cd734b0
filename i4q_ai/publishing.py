"""From models and workloads to Git: what `hub.publish` does, the same for every backend."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, get_args

from i4q_ai import config, planning
from i4q_ai.backends.subscriptions import Subscription
from i4q_ai.capabilities import Capabilities
from i4q_ai.errors import ConflictError, InvalidError, NotFoundError, OwnedError, nearest
from i4q_ai.gitops import Credentials, Source, repository
from i4q_ai.manifests.publishable import Form
from i4q_ai.placing.evaluate import evaluate, require_some
from i4q_ai.published import RECORD_KIND, Published, Rendering, files, message
from i4q_ai.release import Release
from i4q_ai.snapshot import Snapshot
from i4q_ai.spec import Spec

if TYPE_CHECKING:
    from i4q_ai.backends.base import Record
    from i4q_ai.engine import Engine

log = logging.getLogger(__name__)

_TRIES = 8
_ANY = Capabilities(flavours=frozenset({"server", "files", "image"}), images=True, commands=True)
"""What stands in Git is not delivered by this backend; what has no manifests is refused when it is written."""


@dataclass(frozen=True)
class Manner:
    """How something is published.

    Args:
        source, form, rendering: where and as what; without a form, as it stands there already.
        author: of the commit, `Name <address>`; None is who git says the user is.
        message: of the commit; empty says what changed.
        propose: a branch to push to instead, for others to merge.
        force: also over what others have changed in our files.
        credentials: None looks for some once the server asks.
    """

    source: Source
    form: Form | None = None
    rendering: Rendering = field(default_factory=Rendering)
    author: str | None = None
    message: str = ""
    propose: str | None = None
    force: bool = False
    credentials: Credentials | None = None


def manner(
    *,
    repo: str,
    path: str,
    branch: str,
    form: Form | None,
    rendering: Rendering | None,
    propose: str | None,
    **more: Any,
) -> Manner:
    """A Manner from what `hub.publish` was given.

    Raises:
        SchemaError: the repository, path or branch is none.
        InvalidError: it would be proposed on the very branch.
    """
    source = Source(repo=repo, path=path, branch=branch)
    if propose == branch:
        raise InvalidError(f"'{branch}' cannot be proposed to itself", hint="propose= is another branch")
    if form is not None and form not in get_args(Form):
        raise InvalidError(f"{form!r} is no form in Git", hint=nearest(str(form), get_args(Form)))
    rendering = rendering or Rendering(edge_image=config.edge_image())
    return Manner(source, form, rendering, propose=propose, **more)


def specs(release: Release, *, owner: str, given: tuple[object, ...]) -> dict[str, Spec]:
    """Name → what a release says.

    Args:
        release: what is published.
        owner: that its deployments are marked with.
        given: what a release says by itself, and must not be given beside it.

    Raises:
        InvalidError: it was.
    """
    if any(each is not None for each in given):
        raise InvalidError("a release says itself what goes where", hint="leave out to=, name=, image= and versions=")
    return release.specs(owner=owner)


def records(engine: Engine) -> dict[str, Record]:
    """Name → record of every publication of the namespace."""
    found = engine.store.list(RECORD_KIND, namespace=engine.namespace, deadline=engine.deadline())
    return {record.name: record for record in found}


def record(engine: Engine, name: str) -> Record:
    """The record of a publication.

    Raises:
        NotFoundError: there is none; with the nearest one.
    """
    found = engine.store.get(RECORD_KIND, engine.namespace, name, deadline=engine.deadline())
    if found is None:
        hint = nearest(name, records(engine))
        raise NotFoundError(f"there is no publication '{engine.namespace}/{name}'", hint=hint)
    return found


def read(record: Record) -> Published:
    """What a publication's record says."""
    return Published.parse(record.data, where=f"publication '{record.namespace}/{record.name}'")


def publish(engine: Engine, specs: Mapping[str, Spec], how: Manner) -> str:
    """Write deployments into Git with one commit, and have clusters take it where the hub can.

    Args:
        engine: of the hub.
        specs: name → what it says.
        how: where, and as what.

    Returns:
        The id of the commit.

    Raises:
        ConflictError: others publish the same again and again.
    """
    return again(lambda: _publish(engine, specs, how))


def again(work: Callable[[], str]) -> str:
    """Do something anew as long as somebody else is faster."""
    for _ in range(_TRIES - 1):
        try:
            return work()
        except FasterError as error:
            log.debug("publishing again: %s", error)
    return work()


class FasterError(ConflictError):
    """Somebody else has written the record meanwhile; git has both, in an order that the record must follow."""


def _publish(engine: Engine, specs: Mapping[str, Spec], how: Manner) -> str:
    there = records(engine)
    known = {name: read(each) for name, each in there.items()}
    present = {name: each for name, each in there.items() if name in specs}
    before = {name: known[name] for name in present}
    wanted = {
        name: Published(
            spec=spec, source=how.source, form=_form(engine, before.get(name), how), rendering=how.rendering
        )
        for name, spec in _checked(engine, specs, known, how).items()
    }
    texts = {
        name: files(each.spec, engine.namespace, name, form=each.form, rendering=how.rendering)
        for name, each in wanted.items()
    }
    text = how.message or message(
        {name: each.spec for name, each in before.items()}, {name: each.spec for name, each in wanted.items()}
    )
    return settle(engine, present, wanted, texts, replace(how, message=text))


def _form(engine: Engine, before: Published | None, how: Manner) -> Form:
    """As what something stands in Git.

    Of plain manifests, controllers take a file that they cannot read for one that is gone; a kustomization is read
    whole or not at all.
    """
    if how.form is not None:
        return how.form
    if before is not None:
        return before.form
    return "kustomize" if engine.backend.capabilities.gitops else "manifests"


def settle(
    engine: Engine,
    present: Mapping[str, Record],
    wanted: Mapping[str, Published | None],
    texts: Mapping[str, Mapping[str, str] | None],
    how: Manner,
) -> str:
    """Push, then record, then tell the hub; each can be done again, so that nothing is lost between them.

    Args:
        engine: of the hub.
        present: name → its record, where it has one.
        wanted: name → what its record is to say, but for the commit; None for nothing.
        texts: name → file → text; None takes it away.
        how: it is pushed.

    Returns:
        The id of the commit.
    """
    before = {name: read(each) for name, each in present.items()}
    told = how.propose is None
    for name, each in wanted.items():
        if each is not None and told and follows(engine, each):
            engine.fleet.check_subscription(_subscription(engine, name, each), deadline=engine.deadline())
    commit = repository.write(
        how.source,
        texts,
        message=how.message,
        author=how.author,
        propose=how.propose,
        force=how.force,
        known={name: each.files for name, each in before.items() if not each.proposed},
        by=f"{engine.namespace}/{engine.owner}",
        cache=config.cache() / "git",
        credentials=how.credentials,
        deadline=engine.deadline(),
    )
    for name, each in wanted.items():
        revision = present[name].revision if name in present else 0
        if each is None:
            if how.propose is None:
                forget(engine, name, revision)
            continue
        last = before[name].commit if name in before else commit.id
        known = {"branch": commit.branch, "files": dict(commit.files[name])}
        made = each.replace(commit=commit.brought.get(name) or last, **known)
        if made != before.get(name):
            _put(engine, name, made, revision)
        if told and follows(engine, each):
            subscription = _subscription(engine, name, each.replace(commit=commit.id))
            engine.fleet.subscribe(subscription, deadline=engine.deadline())
    if commit.changed:
        log.info("%s: %s on %s", commit.id[:12], how.message.splitlines()[0], how.source)
    return commit.id


def follows(engine: Engine, what: Published) -> bool:
    """Whether the hub has clusters take it; a document for edge agents is nothing to a Kubernetes cluster."""
    return engine.backend.capabilities.gitops and what.form != "agent"


def _checked(engine: Engine, specs: Mapping[str, Spec], there: Mapping[str, Published], how: Manner) -> dict[str, Spec]:
    """The specs, let in by the trust policy; refused where `deploy` would refuse them, before anything is touched."""
    if not specs:
        raise InvalidError("there is nothing to publish", hint="give a Model, a Workload or a Release with deployments")
    clusters = tuple(engine.fleet.clusters(deadline=engine.deadline()))
    published = {name: each.spec for name, each in there.items()}
    deployed = {name: Spec.parse(each.data) for name, each in engine.records().items()}
    known = {**deployed, **published, **specs}
    alike = _by_object(known)
    found = {}
    for name, spec in specs.items():
        last = there.get(name)
        if last is not None and last.spec.owner == engine.owner and last.source != how.source:
            raise OwnedError(
                f"'{engine.namespace}/{name}' is published to {last.source}",
                hint="delete it there, or take another name=",
            )
        living = deployed.get(name)
        if engine.backend.capabilities.gitops and living is not None and not living.deleted:
            raise OwnedError(
                f"'{engine.namespace}/{name}' is deployed by this hub already", hint="delete it, or take another name="
            )
        past = [read(each).spec for each in history(engine, name)] if last and last.spec != spec else []
        snapshot = Snapshot(engine.namespace, name, 0, last.spec if last else None, clusters, (), ())
        near = {*alike[spec.object.name], *(spec.workload.uses if spec.workload else ())} - {name}
        others = {other: known[other] for other in near if other in known}
        planning.check(spec, snapshot, others=others, past=past, capabilities=_ANY, owner=engine.owner)
        require_some(evaluate(spec.placement, clusters, now=engine.clock()), clusters)
        found[name] = engine.vouched(spec, last.spec if last else None)
    return found


def _by_object(specs: Mapping[str, Spec]) -> dict[str, set[str]]:
    """Name of a model or workload → the deployments of it."""
    found: dict[str, set[str]] = {}
    for name, spec in specs.items():
        found.setdefault(spec.object.name, set()).add(name)
    return found


def history(engine: Engine, name: str) -> list[Record]:
    """The revisions of a publication's record, oldest first."""
    return list(engine.store.history(RECORD_KIND, engine.namespace, name, deadline=engine.deadline()))


def _put(engine: Engine, name: str, made: Published, expected: int) -> None:
    from i4q_ai.backends.base import Record

    new = Record(kind=RECORD_KIND, namespace=engine.namespace, name=name, data=made.dump())
    try:
        engine.store.put(new, expected=expected, deadline=engine.deadline())
    except ConflictError as error:
        raise FasterError(f"'{name}' was published by somebody else just now", hint="publish again") from error


def forget(engine: Engine, name: str, revision: int) -> None:
    """Have clusters take it no more, and forget it; Git stays as it is.

    Raises:
        FasterError: somebody else has published it meanwhile.
    """
    if engine.backend.capabilities.gitops:
        engine.fleet.unsubscribe(engine.namespace, name, deadline=engine.deadline())
    try:
        engine.store.remove(RECORD_KIND, engine.namespace, name, expected=revision, deadline=engine.deadline())
    except ConflictError as error:
        raise FasterError(f"'{name}' was published by somebody else just now", hint="delete it again") from error


def _subscription(engine: Engine, name: str, published: Published) -> Subscription:
    return Subscription(
        namespace=engine.namespace,
        name=name,
        repo=published.source.repo,
        branch=published.source.branch,
        folders=published.folders(name),
        placement=published.spec.placement,
        commit=published.commit,
        owner=engine.owner,
    )
