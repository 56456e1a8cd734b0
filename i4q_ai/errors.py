"""Every error this package raises on purpose, as one tree.

```
I4qError
├── InvalidError            bad input; nothing was touched          (also a ValueError)
│   ├── SchemaError         a field or a YAML file that does not fit its type
│   ├── RuleError           a placement rule that cannot be meant so
│   │   └── EvictionError   … because it takes a deployment from too many clusters; `.losers`
│   ├── ReferenceInvalid    not a reference to an artifact
│   └── FormatError         a model that is not what it says it is
├── NotFoundError           no such cluster, deployment, model …    (also a LookupError)
├── ConflictError           somebody else was there first
│   ├── StalePlanError      the plan was made from a state that is gone
│   ├── OwnedError          the name belongs to another owner or another kind
│   ├── FieldConflictError  fields of an object are set by somebody else; `.fields`
│   ├── EditedError         files of ours in Git were changed by somebody else; `.files`
│   └── VersionExistsError  name and version exist with other content
├── ForbiddenError          a right is missing: which, is in it
├── UnsupportedError        this backend, server or version cannot do that
│   └── MissingDependencyError   … until an extra is installed
├── RegistryError           a registry refused, lied or did not answer
│   ├── AuthError           … for want of a right
│   └── IntegrityError      bytes that are not what their digest says
├── GitError                a Git server refused, lied, or holds something else than it should
├── UntrustedError          nobody who is trusted has signed it, or it may run code
├── UnreachableError        a cluster, server or file cannot be reached from here
├── StorageError            no right to write, a broken disk …
│   └── NoSpaceError        … for want of room
├── DeadlineError           it took longer than it was given        (also a TimeoutError)
├── DeploymentFailed        clusters said no; the reasons are in `.reasons`
├── HubsError               some of several hubs could not do it; `.errors`, `.done`
└── ServingError            a model server answered with an error; `.status` is its HTTP status
```

Every error says what happened and to what, and where there is one, a hint what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import NamedTuple


class I4qError(Exception):
    """The root. `str(error)` is for people: what happened, then the hint.

    Args:
        what: what happened, and to what; one sentence without a full stop.
        hint: what to do about it; empty if nobody knows.
    """

    def __init__(self, what: str, *, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what} (hint: {self.hint})" if self.hint else self.what


class InvalidError(I4qError, ValueError):
    """Bad input; nothing was touched."""


class SchemaError(InvalidError):
    """A field, or a YAML file, that does not fit its type.

    Args:
        what: what happened; with findings, where (a file or a type).
        findings: path of each unfit field → what is wrong with it.
    """

    def __init__(self, what: str, *, hint: str = "", findings: tuple[tuple[str, str], ...] = ()) -> None:
        told = "; ".join(f"{path}: {message}" if path else message for path, message in findings)
        super().__init__(f"{what}: {told}" if told else what, hint=hint)
        self.findings = findings


class RuleError(InvalidError):
    """A placement rule that cannot be meant so."""


class EvictionError(RuleError):
    """A change that takes a deployment from more clusters than may be meant; it can be allowed by name.

    Args:
        losers: the clusters that would lose it.
    """

    def __init__(self, what: str, *, losers: tuple[str, ...], hint: str = "") -> None:
        super().__init__(what, hint=hint)
        self.losers = losers


class ReferenceInvalid(InvalidError):
    """Not a reference to an artifact."""


class FormatError(InvalidError):
    """A model that is not what it says it is."""


class NotFoundError(I4qError, LookupError):
    """No such cluster, deployment, model, version or file."""


class ConflictError(I4qError):
    """Somebody else was there first."""


class StalePlanError(ConflictError):
    """The plan was made from a state that is gone; make a new one."""


class OwnedError(ConflictError):
    """The name belongs to another owner, or to another kind of object."""


class VersionExistsError(ConflictError):
    """Name and version exist already, with other content."""


class ForbiddenError(I4qError):
    """A right is missing.

    Args:
        verb: what may not be done, for instance "patch".
        resource: to what, for instance "deployments".
        group: of the resource's API; empty for the core.
        namespace: where; None is the whole cluster.
    """

    def __init__(
        self, what: str, *, verb: str, resource: str, namespace: str | None, group: str = "", hint: str = ""
    ) -> None:
        super().__init__(what, hint=hint)
        self.verb = verb
        self.resource = resource
        self.group = group
        self.namespace = namespace


class FieldConflict(NamedTuple):
    """A field that another manager has set to something else."""

    field: str
    manager: str


class FieldConflictError(ConflictError):
    """Fields belong to another manager.

    Args:
        what: happened, without the fields.
        fields: each of them, and whose it is.
    """

    def __init__(self, what: str, *, fields: tuple[FieldConflict, ...], hint: str = "") -> None:
        told = "; ".join(f"{each.field} is set by {each.manager!r}" for each in fields)
        super().__init__(f"{what}: {told}", hint=hint)
        self.fields = fields


class EditedError(ConflictError):
    """Files that we keep in Git were changed by somebody else.

    Args:
        files: their paths from the root of the repository.
    """

    def __init__(self, what: str, *, files: tuple[str, ...], hint: str = "") -> None:
        super().__init__(f"{what}: {', '.join(files)}", hint=hint)
        self.files = files


class UnsupportedError(I4qError):
    """This backend, server or version cannot do that."""


class MissingDependencyError(UnsupportedError, ImportError):
    """An extra is not installed.

    Args:
        job: what was asked for, for instance "serving".
        extra: the extra that brings it, for instance "serve".
    """

    def __init__(self, job: str, *, extra: str) -> None:
        super().__init__(f"{job} needs more packages", hint=f'pip install "i4q-ai[{extra}]"')


class RegistryError(I4qError):
    """A registry refused, lied or did not answer."""


class AuthError(RegistryError):
    """A registry or server wants other credentials, or a right that is missing."""


class IntegrityError(RegistryError):
    """Bytes that are not what their digest says; they were thrown away."""


class GitError(I4qError):
    """A Git server refused, lied, or a repository holds something else than it should."""


class UntrustedError(I4qError):
    """Nobody who is trusted has signed it, or it is of a kind that is not trusted; nothing of it is exposed."""


class UnreachableError(I4qError):
    """A cluster, server or file that cannot be reached from here."""


class StorageError(I4qError):
    """No room, or no right to write."""


class NoSpaceError(StorageError):
    """A disk is full, a quota used up, or what is to be written would not fit."""


class DeadlineError(I4qError, TimeoutError):
    """It took longer than it was given."""


class DeploymentFailed(I4qError):
    """Clusters said no.

    Args:
        reasons: cluster → why, in the words of the cluster.
    """

    def __init__(self, what: str, *, reasons: Mapping[str, str], hint: str = "") -> None:
        told = "; ".join(f"{cluster}: {why}" for cluster, why in sorted(reasons.items()))
        super().__init__(f"{what}: {told}" if told else what, hint=hint)
        self.reasons = dict(reasons)


class HubsError(I4qError):
    """Some of several hubs could not do it.

    Args:
        errors: hub → what went wrong there.
        done: hubs on which it is done.
    """

    def __init__(self, *, errors: Mapping[str, I4qError], done: tuple[str, ...] = ()) -> None:
        told = "; ".join(f"hub '{hub}': {error.what}" for hub, error in errors.items())
        super().__init__(f"{told} (done on {', '.join(done)})" if done else told, hint="do it again when they can")
        self.errors = dict(errors)
        self.done = done


class ServingError(I4qError):
    """A model server answered with an error.

    Args:
        status: the HTTP status of the answer.
    """

    def __init__(self, what: str, *, status: int, hint: str = "") -> None:
        super().__init__(what, hint=hint)
        self.status = status


def nearest(name: str, known: Iterable[str]) -> str:
    """The hint for a name nobody knows: the nearest known one, or the list of all.

    Args:
        name: what was given.
        known: what would have been right.

    Example:
        >>> nearest("serer", ["server", "files"])
        "did you mean 'server'?"
    """
    names = sorted(set(known))
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"known: {', '.join(names)}" if names else "there are none"
