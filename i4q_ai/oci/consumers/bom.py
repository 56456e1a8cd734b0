"""The bill of materials of a model: CycloneDX 1.6 with a model card, from what the model says of itself. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from i4q_ai.model import File, Model, Tensor
from i4q_ai.oci.media import canonical
from i4q_ai.oci.reference import Reference

TYPE = "application/vnd.cyclonedx+json"
_SPEC = "1.6"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, TYPE)


def bom(model: Model) -> bytes:
    """The bill of materials of a pushed model, in canonical JSON: always the same for the same model.

    It names every file with its hash, and has a model card: schema, metrics, training data. What a model does not say
    of itself is left out.

    Args:
        model: pushed.

    Raises:
        InvalidError: the model is not pushed yet.

    Example:
        >>> reference = "registry.factory:5000/models/tool-wear@sha256:" + "0" * 64
        >>> b'"specVersion":"1.6"' in bom(Model(name="tool-wear", version="1", reference=reference))
        True
    """
    files = [_file(each) for each in model.files]
    data = {
        "$schema": f"http://cyclonedx.org/schema/bom-{_SPEC}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": _SPEC,
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, model.digest)}",
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "i4q-ai", "version": version("i4q-ai")}]},
            "component": _component(model),
        },
        "components": files,
        "dependencies": [{"ref": model.digest, "dependsOn": [each["bom-ref"] for each in files]}],
    }
    return canonical(data)


def _component(model: Model) -> dict[str, Any]:
    told: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": model.digest,
        "name": model.name,
        "version": model.version,
        "hashes": [{"alg": "SHA-256", "content": model.digest.partition(":")[2]}],
        "modelCard": _card(model),
        "properties": list(_properties(model)),
    }
    if model.description:
        told["description"] = model.description
    reference = Reference.parse(str(model.reference))
    if not reference.is_layout:
        told["purl"] = _purl(reference)
    return told


def _purl(reference: Reference) -> str:
    """The package URL of an artifact in a registry."""
    name = reference.repository.rpartition("/")[2]
    return f"pkg:oci/{name}@{quote(str(reference.digest), safe='')}?repository_url={quote(reference.name, safe='/')}"


def _properties(model: Model) -> Iterator[dict[str, str]]:
    yield _property("i4q:format", model.format)
    for key, value in sorted(model.labels.items()):
        yield _property(f"i4q:label:{key}", value)


def _card(model: Model) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        "inputs": [{"format": _format(each)} for each in model.inputs],
        "outputs": [{"format": _format(each)} for each in model.outputs],
        "datasets": [_dataset(model.dump()["training"])] if model.training else [],
    }
    metrics = [{"type": name, "value": repr(value)} for name, value in sorted(model.metrics.items())]
    card: dict[str, Any] = {"modelParameters": {key: value for key, value in parameters.items() if value}}
    if metrics:
        card["quantitativeAnalysis"] = {"performanceMetrics": metrics}
    return {key: value for key, value in card.items() if value}


def _format(tensor: Tensor) -> str:
    """How a tensor is told in one line.

    Example:
        >>> _format(Tensor(name="X", datatype="FP32", shape=(-1, 2), columns=("rpm", "torque")))
        'X: FP32[-1, 2] of rpm, torque'
    """
    columns = f" of {', '.join(tensor.columns)}" if tensor.columns else ""
    return f"{tensor.name}: {tensor.datatype}{list(tensor.shape)}{columns}"


def _dataset(training: Mapping[str, Any]) -> dict[str, Any]:
    """The training data, by its summary."""
    features = training.get("features", {})
    told = [_property(f"i4q:feature:{name}", canonical(about).decode()) for name, about in sorted(features.items())]
    rows = _property("i4q:rows", str(training["rows"]))
    return {"type": "dataset", "name": "training data", "contents": {"properties": [rows, *told]}}


def _file(file: File) -> dict[str, Any]:
    return {
        "type": "file",
        "bom-ref": f"file:{file.path}",
        "name": file.path,
        "hashes": [{"alg": "SHA-256", "content": file.sha256}],
        "properties": [_property("i4q:size", str(file.size))],
    }


def _property(name: str, value: str) -> dict[str, str]:
    return {"name": name, "value": value}
