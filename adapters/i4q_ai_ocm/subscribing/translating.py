"""Things of an application as the hub's objects, and back. Pure.

What annotations say is a field where it is known to; the others stay annotations, so that nothing is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from i4q_ai.errors import SchemaError, UnsupportedError
from i4q_ai_ocm.subscribing.things import GROUP, About, Application, AppSub, Channel, Rule

T = TypeVar("T", bound=About)

_MARKS: dict[type[About], dict[str, str]] = {
    Channel: {
        "rate": f"{GROUP}/reconcile-rate",
        "webhook": f"{GROUP}/webhook-enabled",
        "webhook_secret": f"{GROUP}/webhook-secret",
    },
    AppSub: {
        "path": f"{GROUP}/git-path",
        "branch": f"{GROUP}/git-branch",
        "tag": f"{GROUP}/git-tag",
        "commit": f"{GROUP}/git-desired-commit",
        "depth": f"{GROUP}/git-clone-depth",
        "bucket_path": f"{GROUP}/bucket-path",
        "option": f"{GROUP}/reconcile-option",
        "rate": f"{GROUP}/reconcile-rate",
        "refreshed": f"{GROUP}/manual-refresh-time",
        "old_path": f"{GROUP}/github-path",
        "old_branch": f"{GROUP}/github-branch",
        "current_namespace": f"{GROUP}/current-namespace-scoped",
        "admin": f"{GROUP}/cluster-admin",
    },
    Rule: {},
    Application: {},
}
"""Field → the annotation that it stands for."""
_KINDS: dict[type[About], tuple[str, str]] = {
    Channel: (f"{GROUP}/v1", "Channel"),
    AppSub: (f"{GROUP}/v1", "Subscription"),
    Rule: (f"{GROUP}/v1", "PlacementRule"),
    Application: ("app.k8s.io/v1beta1", "Application"),
}
BY_KIND: Mapping[tuple[str, str], type[About]] = {about: type_ for type_, about in _KINDS.items()}
"""apiVersion and kind → the type that reads it."""
_RENAMED: dict[type[About], dict[str, str]] = {AppSub: {"name_of_package": "name"}}
"""Fields of a spec that are called as one of the metadata."""
_SERVERS = {
    "uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink", "deletionTimestamp",
    "deletionGracePeriodSeconds",
}  # fmt: skip
_KEPT = {"name", "namespace", "labels", "annotations"}
_CHANGED_TO = "value"
"""Of an override: whatever it is, it is meant."""
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""A copy of the object, of which nobody makes anything but kubectl."""


def write(thing: About) -> dict[str, Any]:
    """A thing as an object of the hub.

    Example:
        >>> write(Channel(namespace="a-ns", name="a", type="Git", pathname="https://git.factory/a.git"))["spec"]
        {'type': 'Git', 'pathname': 'https://git.factory/a.git'}
    """
    type_ = type(thing)
    marks, renamed = _MARKS[type_], _RENAMED.get(type_, {})
    told = thing.dump()
    metadata = {key: told.pop(key) for key in ("name", "namespace", "labels", "annotations") if told.get(key)}
    said = {marks[name]: told.pop(name) for name in marks if name in told}
    if said:
        metadata["annotations"] = {**metadata.get("annotations", {}), **said}
    version, kind = _KINDS[type_]
    spec = {renamed.get(key, key): value for key, value in told.items() if key not in ("labels", "annotations")}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def read(found: Mapping[str, Any], type_: type[T]) -> T:
    """An object of the hub as a thing; what the server itself keeps of it, and its status, are left out.

    Args:
        found: whoever wrote it.
        type_: of the thing.

    Raises:
        SchemaError: a field does not fit; each with its path.
        UnsupportedError: it has something that no field holds; what, is in it.
    """
    metadata = _mapping(found.get("metadata"), f"{found.get('kind')}: metadata")
    where = f"{found.get('kind')} '{metadata.get('namespace', '')}/{metadata.get('name', '')}'"
    more = sorted(str(key) for key, value in metadata.items() if value and key not in _SERVERS | _KEPT)
    more = [f"metadata.{key}" for key in more]
    more += sorted(str(key) for key in set(found) - {"apiVersion", "kind", "metadata", "spec", "status"})
    if more:
        raise UnsupportedError(
            f"{where} has {', '.join(more)}, which is not kept", hint="take that away, or leave the object alone"
        )
    spec = _mapping(found.get("spec"), f"{where}: spec")
    renamed = {theirs: ours for ours, theirs in _RENAMED.get(type_, {}).items()}
    marks = {annotation: name for name, annotation in _MARKS[type_].items()}
    annotations = _mapping(metadata.get("annotations"), f"{where}: metadata.annotations")
    annotations.pop(_LAST_APPLIED, None)
    said = {marks[key]: annotations.pop(key) for key in [*annotations] if key in marks}
    _refuse_our_names(spec, type_, where)
    fields = {renamed.get(key, key): value for key, value in _without_nulls(spec).items()}
    about = {key: metadata[key] for key in ("name", "namespace", "labels") if metadata.get(key) is not None}
    try:
        return type_.parse({**fields, **said, **about, "annotations": annotations}, where=where)
    except SchemaError as error:
        theirs = {name: f"metadata.annotations.{annotation}" for annotation, name in marks.items()}
        theirs |= {ours: f"spec.{name}" for name, ours in renamed.items()}
        findings = tuple((theirs.get(path, path), message) for path, message in error.findings)
        raise SchemaError(where, hint=error.hint, findings=findings) from error


def _refuse_our_names(spec: Mapping[str, Any], type_: type[About], where: str) -> None:
    """A field of the kind is called by its own name; ours would be taken for it."""
    theirs = {field.alias or name for name, field in type_.model_fields.items()} - {*_MARKS[type_], *_KEPT}
    theirs = {_RENAMED.get(type_, {}).get(key, key) for key in theirs}
    unknown = sorted(str(key) for key in set(spec) - theirs)
    if unknown:
        raise UnsupportedError(f"{where} has spec.{', spec.'.join(unknown)}, which its kind does not have")


def _mapping(value: Any, where: str) -> dict[Any, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise SchemaError(f"{where} is a {type(value).__name__}, not a mapping")
    return dict(value or {})


def _without_nulls(value: Any) -> Any:
    """What is null is not said, but where null is what a field is set to."""
    if isinstance(value, Mapping):
        return {
            key: one if key == _CHANGED_TO else _without_nulls(one)
            for key, one in value.items()
            if one is not None or key == _CHANGED_TO
        }
    if isinstance(value, list):
        return [_without_nulls(one) for one in value]
    return value
