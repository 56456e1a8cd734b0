"""The files that stand in Git for what a cluster is told: a new version changes one line of them. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Literal, get_args

from i4q_ai import yamls
from i4q_ai.desired import EVERYWHERE, Desired, Item, WorkloadItem
from i4q_ai.errors import InvalidError, nearest
from i4q_ai.manifests import naming, rendering, unmanaged
from i4q_ai.manifests.files import DOCUMENT
from i4q_ai.manifests.order import ORDER, Object
from i4q_ai.manifests.site import Site
from i4q_ai.placement import REST

Form = Literal["manifests", "kustomize", "chart", "agent"]
"""As what a deployment stands in Git."""

_MANAGER = "git"
_STAMPS = frozenset({naming.DIGEST, naming.VERSION, naming.REVISION, naming.ITEM})
_CHART_VERSION = "1.0.0"
"""Of every chart in Git: which one it is, the commit says."""


def group_folder(group: str) -> str:
    """The folder of a group, below that of its deployment.

    Example:
        >>> group_folder("canary"), group_folder("*")
        ('canary', '_rest')
    """
    return "_rest" if group == REST else group  # no group has that name


def rendered(item: Item, site: Site, *, form: Form) -> dict[str, str]:
    """File → text of the folder that stands in Git for an item.

    The reference `repository:version@digest` is the only place with the version and the digest, and stands on one line.

    Args:
        item: what clusters shall have; its revision does not matter.
        site: how it is written; its cluster, hub and owner do not matter.
        form: "manifests" (one file an object), "kustomize" (the same as a base), "chart" (for helm) or "agent" (a
            document for edge agents that follow a path in Git).

    Raises:
        InvalidError: there is no such form, no cluster can fetch it, or the edge image is missing or has no digest.
        UnsupportedError: the flavour has no objects.

    Example:
        >>> from i4q_ai.desired import ModelItem
        >>> at = "registry.factory:5000/models/tool-wear@sha256:" + "0" * 64
        >>> item = ModelItem(namespace="i4q", name="tool-wear", model="tool-wear", version="1",
        ...     digest="sha256:" + "0" * 64, references=(at,))
        >>> image = "registry.factory:5000/i4q/edge@sha256:" + "1" * 64
        >>> site = Site(cluster="git", namespace="i4q", hub="git", image=image)
        >>> sorted(rendered(item, site, form="manifests"))
        ['deployment.yaml', 'poddisruptionbudget.yaml', 'service.yaml']
    """
    if form not in get_args(Form):
        raise InvalidError(f"{form!r} is no form in Git", hint=nearest(str(form), get_args(Form)))
    named = _named(item)
    if form == "agent":
        rendering.check(named, None)
        return {DOCUMENT: _document(named)}
    if site.image:
        unmanaged.need_digest(site.image)
    found = _objects(named, site)
    if form == "chart":
        return _chart(named, site, found)
    files = {f"{name}.yaml": yamls.dump(each) for name, each in _files(found)}
    if form == "kustomize":
        heads = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
        files["kustomization.yaml"] = yamls.dump({**heads, "resources": sorted(files, key=_rank(found))})
    return dict(sorted(files.items()))


def _named(item: Item) -> Item:
    """With the version beside the digest in its reference, and no revision: the commit is its revision."""
    references = tuple(_with_version(each, item.version) for each in item.references)
    return item.model_copy(update={"references": references, "revision": 0})


def _with_version(reference: str, version: str) -> str:
    where, at, digest = reference.rpartition("@")
    tagged = ":" in where.rpartition("/")[2]
    return reference if not at or tagged or where.startswith("oci:") else f"{where}:{version}@{digest}"


def _document(item: Item) -> str:
    """The document of one item, which stands on a line of its own."""
    kind = "workloads" if isinstance(item, WorkloadItem) else "models"
    line = item.model_dump_json(by_alias=True, exclude_defaults=True)
    text = f'{{\n "cluster": {json.dumps(EVERYWHERE)},\n "{kind}": [\n  {line}\n ]\n}}\n'
    Desired.from_json(text)
    return text


def _objects(item: Item, site: Site) -> list[Object]:
    owner = unmanaged.Owner(_MANAGER, item.name)
    found = [_unstamped(unmanaged.unmarked(each, owner)) for each in rendering.objects(item, site)]
    for each in found:
        if DOCUMENT in each.get("data", {}):
            each["data"] = {DOCUMENT: _document(item)}
    return found


def _unstamped(value: Any) -> Any:
    """Without what tells of a version: the pods change with the reference, and people look into history."""
    if isinstance(value, list):
        return [_unstamped(each) for each in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, each in value.items():
        if key == "annotations":
            kept = {name: text for name, text in each.items() if name not in _STAMPS}
            if kept:
                found[key] = kept
        else:
            found[key] = _unstamped(each)
    return found


def _files(objects: Iterable[Object]) -> list[tuple[str, Object]]:
    """Name of the file → object: its kind, and more only where there are two of a kind."""
    found: dict[str, Object] = {}
    for each in objects:
        kind = each["kind"].lower()
        found[kind if kind not in found else f"{kind}-{each['metadata']['name']}"] = each
    return list(found.items())


def _rank(objects: list[Object]) -> Any:
    ranks = {f"{name}.yaml": (ORDER.index(each["kind"]), name) for name, each in _files(objects)}
    return lambda file: ranks[file]


def _chart(item: Item, site: Site, objects: list[Object]) -> dict[str, str]:
    """A chart whose templates hold the objects, and whose values hold the reference and the edge image."""
    templates = {
        f"templates/{name}.yaml": yamls.dump(each).replace("{{", '{{ "{{" }}') for name, each in _files(objects)
    }
    used = {}
    for name, value in _values(item, site).items():
        found = {file: text.replace(value, f"{{{{ .Values.{name} }}}}") for file, text in templates.items()}
        if found != templates:
            templates, used[name] = found, value
    metadata = {
        "apiVersion": "v2",
        "name": item.name,
        "version": _CHART_VERSION,
        "description": f"{item.kind.capitalize()} {item.name}; which version, its values say",
        "type": "application",
    }
    values = "".join(f"{name}: {json.dumps(value)}\n" for name, value in used.items())
    return {"Chart.yaml": yamls.dump(metadata), "values.yaml": values or "{}\n", **dict(sorted(templates.items()))}


def _values(item: Item, site: Site) -> dict[str, str]:
    """Name → what is a value of the chart; a document in a ConfigMap stays whole, for its reference is on one line."""
    values = {"image": site.image} if site.image else {}
    if isinstance(item, WorkloadItem):
        return {"reference": item.image or item.references[0], **values}
    return values if item.flavour == "files" else {"reference": item.references[0], **values}
