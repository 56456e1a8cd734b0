"""What an API server answers, or does not, in the words of our error tree."""

from __future__ import annotations

import json
import re
import ssl
from dataclasses import dataclass
from typing import Any

from i4q_ai.errors import (
    ConflictError,
    FieldConflict,
    FieldConflictError,
    ForbiddenError,
    I4qError,
    InvalidError,
    NotFoundError,
    SchemaError,
    UnreachableError,
    UnsupportedError,
)
from i4q_ai.kube.kinds import Kind

_LONGEST_LINE = 500
_MISSING_RIGHT = re.compile(
    r'cannot (?P<verb>\S+) resource "(?P<resource>[^"]+)"'
    r'(?: in API group "(?P<group>[^"]*)")?(?: in the namespace "(?P<namespace>[^"]+)")?'
)
_MORE_THAN_HELD = re.compile(
    r'not currently held:\s*\{APIGroups:\["(?P<group>[^"]*)".*?'
    r'Resources:\["(?P<resource>[^"]+)".*?Verbs:\["(?P<verb>[^"]+)"'
)
_DENIED = re.compile(r"denied (the )?request: ")
"""As webhooks and policies are quoted, whatever words they have for it."""
_OTHER_MANAGER = re.compile(r'conflict with "(?P<manager>[^"]+)"')
_NO_SCHEMA = ("failed to create typed", "field not declared in schema", "failed to convert")


class ExpiredError(UnreachableError):
    """The server no longer knows what was asked about: begin anew with a list."""


class Refused(Exception):
    """An answer that is no success; between the transport and `translate` only.

    Args:
        status: of HTTP.
        body: what came with it, maybe cut off.
        after: seconds that the server asks to wait.
    """

    def __init__(self, status: int, body: bytes = b"", *, after: float | None = None) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.after = after
        self.details: dict[str, Any] = {}
        self.text = body.decode(errors="replace")
        self.message, self.reason = _first_line(self.text), ""
        self._read(body)

    def _read(self, body: bytes) -> None:
        try:
            told = json.loads(body)
        except ValueError:
            return
        if isinstance(told, dict) and told.get("kind") == "Status":
            self.text = str(told.get("message") or "")
            self.message = _first_line(self.text)
            self.reason = str(told.get("reason") or "")
            self.details = told.get("details") or {}

    @property
    def causes(self) -> list[dict[str, str]]:
        """The server's reasons, field by field."""
        return [cause for cause in self.details.get("causes") or [] if isinstance(cause, dict)]

    @property
    def names_object(self) -> bool:
        """Whether the server speaks of one object, not of a path that it does not know."""
        return bool(self.details.get("name"))

    def tells_absence(self, uid: str | None = None) -> bool:
        """Whether the object is not there.

        Args:
            uid: the object that is meant; another one of its name may be there.
        """
        if self.status == 409:
            return bool(uid) and "UID" in self.message and "precondition" in self.message
        return self.status == 404 and self.names_object


@dataclass(frozen=True)
class Asked:
    """What was asked of which server: all that an error needs to tell.

    Args:
        verb: of RBAC: get, list, watch, create, update, patch or delete.
        kind: of the object.
        namespace: of the object.
        name: of the object; empty for all.
        server: that was asked.
        subresource: of the object, for instance "log".
    """

    verb: str
    kind: Kind
    namespace: str | None
    name: str
    server: str
    subresource: str = ""

    @property
    def target(self) -> str:
        """The object, for people."""
        where = f"{self.namespace}/" if self.namespace and self.kind.namespaced else ""
        if self.name:
            return f"{self.kind.name} {where}{self.name}"
        return f"{self.kind.plural}{f' in namespace {self.namespace}' if where else ''}"

    def __str__(self) -> str:
        return f"{self.verb} {self.target} on {self.server}"


def translate(error: Exception, asked: Asked) -> I4qError:
    """Say it in our words; the caller raises the result from `error`."""
    if isinstance(error, I4qError):
        return error
    if not isinstance(error, Refused):
        return UnreachableError(f"{asked.server} cannot be reached: {reason_of(error)}", hint=_hint_of(error))
    if error.status in (401, 403):
        return _forbidden(error, asked)
    if error.status == 404:
        return NotFoundError(f"{asked}: {error.message or 'not found'}")
    if error.status == 409:
        return _conflict(error, asked)
    if error.status in (400, 413, 415, 422):
        return _invalid(error, asked)
    if error.status == 410:
        return ExpiredError(f"{asked}: {error.message or 'that is history'}", hint="list anew")
    if error.status == 405:
        return UnsupportedError(f"{asked}: {error.message or 'the server does not do that'}")
    if error.status >= 500 and any(sign in error.message for sign in _NO_SCHEMA):
        return _invalid(error, asked)
    return UnreachableError(f"{asked}: the server answered {error.status}: {error.message or 'nothing more'}")


def reason_of(error: BaseException) -> str:
    """Why a connection failed, in one line: the innermost cause."""
    inner = innermost(error)
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {inner.verify_message}"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    return _first_line(str(inner)) or type(inner).__name__


def innermost(error: BaseException) -> BaseException:
    """The error that all others around it are about."""
    while (deeper := _inner(error)) is not None:
        error = deeper
    return error


def _inner(error: BaseException) -> BaseException | None:
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return reason
    if error.args and isinstance(error.args[-1], BaseException):
        return error.args[-1]
    return error.__cause__


def _hint_of(error: Exception) -> str:
    text = reason_of(error)
    return "check certificate-authority in the kubeconfig" if "certificate" in text else "is the cluster running?"


def _forbidden(error: Refused, asked: Asked) -> I4qError:
    if error.status == 401:
        return _forbidden_error(asked, f"{asked}: the credentials are not accepted", hint="log in to the cluster again")
    if any(cause.get("reason") == "NamespaceTerminating" for cause in error.causes):
        return ConflictError(f"{asked}: {error.message}", hint="wait until the namespace is gone, then try again")
    held = _MORE_THAN_HELD.search(error.text)
    if held is not None:
        return _missing(asked, held["verb"], held["resource"], held["group"], asked.namespace, to="grant the right to ")
    right = _MISSING_RIGHT.search(error.message)
    if right is None and error.message and ("cannot" not in error.message or _DENIED.search(error.message)):
        return InvalidError(f"{asked}: a policy of the cluster refuses it: {error.message}")
    verb, resource, group, namespace = asked.verb, _resource(asked), asked.kind.group, asked.namespace
    if right is not None:
        verb, resource, group, namespace = right["verb"], right["resource"], right["group"] or "", right["namespace"]
    return _missing(asked, verb, resource, group, namespace)


def _missing(
    asked: Asked, verb: str, resource: str, group: str, namespace: str | None, *, to: str = ""
) -> ForbiddenError:
    """The error that names a right; with `to`, one that cannot be granted because whoever asks does not hold it."""
    where = f"a Role in namespace {namespace}" if namespace else "a ClusterRole"
    rule = json.dumps({"apiGroups": [group], "resources": [resource], "verbs": [verb]})
    place = f"in namespace {namespace}" if namespace else "in all of the cluster"
    return ForbiddenError(
        f"{asked}: no right to {to}{verb} {resource} {place}",
        verb=verb,
        resource=resource,
        group=group,
        namespace=namespace,
        hint=f"the rule {rule} in {where} is missing",
    )


def _forbidden_error(asked: Asked, what: str, *, hint: str) -> ForbiddenError:
    return ForbiddenError(
        what,
        verb=asked.verb,
        resource=_resource(asked),
        group=asked.kind.group,
        namespace=asked.namespace,
        hint=hint,
    )


def _resource(asked: Asked) -> str:
    return f"{asked.kind.plural}/{asked.subresource}" if asked.subresource else asked.kind.plural


def _conflict(error: Refused, asked: Asked) -> ConflictError:
    fields = conflicts(error.causes)
    if fields:
        hint = "let go of the fields, leave them to that manager, or apply with force"
        return FieldConflictError(f"{asked}: other managers hold fields", fields=fields, hint=hint)
    return ConflictError(f"{asked}: {error.message or 'somebody else was there first'}")


def conflicts(causes: list[dict[str, str]]) -> tuple[FieldConflict, ...]:
    """The fields that other managers hold, out of the causes of a refused apply.

    Example:
        >>> conflicts([{"reason": "FieldManagerConflict", "field": ".spec.replicas",
        ...             "message": 'conflict with "kubectl" using apps/v1'}])
        (FieldConflict(field='.spec.replicas', manager='kubectl'),)
    """
    found = []
    for cause in causes:
        if cause.get("reason") == "FieldManagerConflict":
            named = _OTHER_MANAGER.search(cause.get("message", ""))
            found.append(FieldConflict(cause.get("field", ""), named["manager"] if named else "somebody else"))
    return tuple(found)


def _invalid(error: Refused, asked: Asked) -> InvalidError:
    findings = tuple((cause.get("field", ""), cause.get("message", "")) for cause in error.causes if "message" in cause)
    if findings:
        return SchemaError(f"{asked} was refused", findings=findings)
    return InvalidError(f"{asked} was refused: {error.message or f'HTTP {error.status}'}")


def _first_line(text: str) -> str:
    line = text.strip().partition("\n")[0].strip()
    return line if len(line) <= _LONGEST_LINE else line[: _LONGEST_LINE - 1] + "…"
