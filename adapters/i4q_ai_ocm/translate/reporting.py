"""What a work reports of its manifests: values that the hub reads, and conditions that roll-outs go by.

A rule that ends in an error counts as False, so that an unguarded "still progressing" would report success while
nothing is known yet; and a result may be stamped with a generation that is not applied yet, so that each rule first
asks whether the object that it sees is the one that was sent.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from i4q_ai.manifests import DIGEST, ITEM, REVISION, VERSION, Object

REPORT = "report"
"""Name of the value that is the report of the edge agent beside a workload, as JSON."""

_STAMPS = {"digest": DIGEST, "version": VERSION, "revision": REVISION, "item": ITEM}
_COUNTS = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "observedGeneration")
_CONDITIONS = ("Progressing", "Available", "ReplicaFailure")


def feedback(manifest: Object) -> list[dict[str, Any]]:
    """The feedback rules of one manifest; none for those that have nothing to say."""
    paths: list[dict[str, str]] = []
    if manifest["kind"] == "Deployment":
        paths = [*_stamps(manifest), *_deployment()]
    elif manifest["kind"] == "ConfigMap":
        paths = [*_stamps(manifest)]
        if "data" not in manifest:  # somebody at the edge writes it: one key a pod, of which there is one
            paths.append({"name": REPORT, "path": ".data.*"})
    return [{"type": "JSONPaths", "jsonPaths": paths}] if paths else []


def _stamps(manifest: Object) -> list[dict[str, str]]:
    there = manifest["metadata"].get("annotations", {})
    escaped = {name: key.replace(".", "\\.") for name, key in _STAMPS.items() if key in there}
    return [{"name": name, "path": f".metadata.annotations.{key}"} for name, key in escaped.items()]


def _deployment() -> list[dict[str, str]]:
    found = [{"name": "generation", "path": ".metadata.generation"}, {"name": "wanted", "path": ".spec.replicas"}]
    found += [{"name": count, "path": f".status.{count}"} for count in _COUNTS]
    for condition in _CONDITIONS:
        for field in ("status", "reason", "message", "lastTransitionTime"):
            path = f'.status.conditions[?(@.type=="{condition}")].{field}'
            found.append({"name": f"{condition}.{field}", "path": path})
    return found


def conditions(manifests: Sequence[Object]) -> dict[int, list[dict[str, Any]]]:
    """The condition rules of manifests, by their place in the list.

    Progressing is True for a work if it is so for any manifest, and every other condition only if it is so for every
    manifest that has its rule: so Degraded has one.
    """
    running = [place for place, each in enumerate(manifests) if each["kind"] == "Deployment"]
    if running:
        found = {place: [_progressing(_rolling(manifests[place]))] for place in running}
        found[running[0]].append(_degraded(manifests[running[0]]))
        return found
    return {len(manifests) - 1: [_progressing(_stale(manifests[-1]))]}


def _progressing(expression: str) -> dict[str, Any]:
    return {"condition": "Progressing", "type": "CEL", "celExpressions": [expression]}


def _degraded(manifest: Object) -> dict[str, Any]:
    failing = (
        'object.status.conditions.exists(c, (c.type == "ReplicaFailure" && c.status == "True") || '
        '(c.type == "Progressing" && has(c.reason) && c.reason == "ProgressDeadlineExceeded"))'
    )
    expression = f"!({_stale(manifest)}) && !({_unseen()}) && has(object.status.conditions) && {failing}"
    return {"condition": "Degraded", "type": "CEL", "celExpressions": [expression]}


def _stale(manifest: Object) -> str:
    """Whether what lies there is another version than this; an object without stamps is never stale."""
    there = manifest["metadata"].get("annotations", {})
    found = ["!has(object.metadata.annotations)"]
    for key in (ITEM, REVISION):
        if key in there:
            told, value = json.dumps(key), json.dumps(there[key], ensure_ascii=False)
            found.append(f"!({told} in object.metadata.annotations) || object.metadata.annotations[{told}] != {value}")
    return " || ".join(found) if len(found) > 1 else "false"


def _unseen() -> str:
    """Whether the Deployment's controller has not seen yet what lies there."""
    return (
        "!has(object.status) || !has(object.status.observedGeneration) || "
        "object.status.observedGeneration < object.metadata.generation"
    )


def _rolling(manifest: Object) -> str:
    """Whether an `apps/v1 Deployment` has not all its pods, all new and available; a count of zero is left out."""
    counts = [
        f"(has(object.status.{count}) ? object.status.{count} : 0) != object.spec.replicas"
        for count in ("updatedReplicas", "availableReplicas", "replicas")
    ]
    return " || ".join([_stale(manifest), _unseen(), *counts])
