"""From what a source holds to a plan, and from that to clusters; the plan that `i4q apply` or `i4q update` makes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from i4q_ai.engine import read
from i4q_ai.errors import (
    ConflictError,
    DeadlineError,
    DeploymentFailed,
    FieldConflictError,
    ForbiddenError,
    GitError,
    I4qError,
    InvalidError,
    NotFoundError,
    OwnedError,
    RegistryError,
    StalePlanError,
    StorageError,
    UnreachableError,
    VersionExistsError,
)
from i4q_ai.gathering import gather
from i4q_ai.listening.judging import need_allowed
from i4q_ai.listening.looking import Found
from i4q_ai.listening.rules import ListenedSource
from i4q_ai.model import Model
from i4q_ai.placement import REST
from i4q_ai.plan import Plan
from i4q_ai.spec import Spec

if TYPE_CHECKING:
    from i4q_ai.engine import Engine

_TRIES = 8
_MOST_FILES = 1000
_LONGEST_NAME = 255
_ENDINGS = (".yaml", ".yml")
_FINAL = (OwnedError, VersionExistsError, FieldConflictError)
_PASSING = (
    ConflictError, DeadlineError, DeploymentFailed, ForbiddenError, GitError, RegistryError, StorageError,
    UnreachableError,
)  # fmt: skip


def may_pass(error: I4qError) -> bool:
    """Whether the same change may be let in later; else it is refused for good."""
    return isinstance(error, _PASSING) and not isinstance(error, _FINAL)


def wanted(source: ListenedSource, found: Found, engine: Engine) -> dict[str, Spec]:
    """What a source wants deployed: name of the deployment → what it says.

    Args:
        source: with mode "push".
        found: in it.
        engine: of the hub.

    Raises:
        SchemaError: a file is broken, or does not fit; with file and line.
        NotFoundError: there is no release file, or no deployment that has the model.
        UntrustedError: the source may not deploy that.
    """
    assert source.allow is not None, "validated"
    specs = _release(source, found, engine) if source.git is not None else _updates(source, found, engine)
    need_allowed(specs, source.allow, source=source.name)
    return specs


def apply(engine: Engine, specs: Mapping[str, Spec], *, guard: Callable[[], None]) -> Plan:
    """Plan and apply, as long as it is our turn.

    A plan is refused by the engine when its deployments have changed since it was made, and the guard is asked between
    the two: who has lost his turn meanwhile applies nothing any more.

    Args:
        engine: of the hub.
        specs: what is wanted.
        guard: raises when it is not our turn any more.

    Returns:
        The plan that was applied.
    """
    for left in range(_TRIES - 1, -1, -1):
        plan = engine.plan(specs)
        if plan.empty:
            return plan
        guard()
        try:
            engine.apply(plan)
        except StalePlanError:
            if not left:
                raise
        else:
            return plan
    raise AssertionError("the last try returns or raises")


def _release(source: ListenedSource, found: Found, engine: Engine) -> dict[str, Spec]:
    """Of the files right in the path that end in .yaml or .yml, as `i4q apply -f FOLDER` takes them."""
    listed = {name: text for name, text in found.files.items() if _counts(name)}
    if not listed:
        raise NotFoundError(
            f"{source.path} holds no file that ends in .yaml or .yml", hint="release files lie right in it"
        )
    if len(listed) > _MOST_FILES:
        raise InvalidError(f"{source.path} holds {len(listed)} files", hint=f"{_MOST_FILES} at most are one release")
    if long := [name for name in listed if len(os.fsencode(name)) > _LONGEST_NAME]:
        raise InvalidError(f"the file '{long[0][:40]}…' has a name of more than {_LONGEST_NAME} bytes")
    with tempfile.TemporaryDirectory(prefix="i4q-listen-") as folder:
        for name, text in listed.items():
            Path(folder, name).write_bytes(text)
        try:
            return gather([folder]).specs(owner=engine.owner)
        except I4qError as error:
            error.what = error.what.replace(f"{folder}/", "").replace(folder, source.path)
            error.args = (error.what,)
            raise


def _counts(name: str) -> bool:
    path = PurePosixPath(name)
    return len(path.parts) == 1 and path.suffix in _ENDINGS and not name.startswith(".")


def _updates(source: ListenedSource, found: Found, engine: Engine) -> dict[str, Spec]:
    """Of the deployments that have the model, with its new version."""
    assert source.allow is not None, "validated"
    repository = source.registry_source.repository
    model = Model.from_oci(f"{repository}@{found.head.commit}", timeout=engine.timeout)
    specs = {name: read(record) for name, record in engine.records().items() if source.allow.has(name)}
    ours = {
        name: spec
        for name, spec in specs.items()
        if spec.model is not None and spec.model.name == model.name and spec.owner == engine.owner and not spec.deleted
    }
    if not ours:
        allowed = ", ".join(source.allow.names)
        raise NotFoundError(
            f"no deployment of {allowed} has model '{model.name}'", hint="deploy it once; newer versions follow"
        )
    for name, spec in ours.items():
        if spec.versions.keys() - {REST}:
            raise InvalidError(
                f"'{name}' has versions by group, and nobody says which of them the new one is for",
                hint="keep it in a release file in Git, and listen to that",
            )
    return {name: spec.replace(model=model, versions={}) for name, spec in ours.items()}
