"""A model as a Helm chart: flavour `server` for whoever installs by helm. Pure; the weights stay in their registry."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from i4q_ai import yamls
from i4q_ai.errors import InvalidError
from i4q_ai.manifests import templating, unmanaged
from i4q_ai.model import Model

MODEL_DIGEST = "ai.i4q.model.digest"
_OLDEST = "1.27"
_NUMBER = r"(?:0|[1-9][0-9]*)"
_SHORT = re.compile(rf"{_NUMBER}(?:\.{_NUMBER})?")
_WORD = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_SEMVER = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-{_WORD}(?:\.{_WORD})*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
_QUANTITY = r"^[0-9]+(\.[0-9]+)?([EPTGMk]i?|Ki|m|u|n|e[0-9]+)?$"


@dataclass(frozen=True)
class Chart:
    """The files of a Helm chart.

    Args:
        name: of the chart, which is the model's.
        version: by semantic versioning.
        metadata: what `Chart.yaml` says.
        files: path below the chart's folder → content; `Chart.yaml` comes first.
    """

    name: str
    version: str
    metadata: Mapping[str, Any]
    files: Mapping[str, str]

    @property
    def tag(self) -> str:
        """The version as a tag, which may not have a '+'."""
        return self.version.replace("+", "_")


def chart(model: Model, *, image: str, version: str | None = None) -> Chart:
    """The chart that serves a model: an `apps/v1 Deployment`, its Service and PodDisruptionBudget.

    The model is fixed by digest. A node mounts it where it can, else an init container fetches it.

    Args:
        model: pushed to a registry.
        image: the edge image, by digest; a value, so that it can be another where the chart is installed.
        version: of the chart, by semantic versioning; the model's if not given ("1" and "1.0" become "1.0.0").

    Raises:
        InvalidError: the model is not in a registry, the image names no digest, or the version is none.

    Example:
        >>> reference = "registry.factory:5000/models/tool-wear@sha256:" + "0" * 64
        >>> model = Model(name="tool-wear", version="1.2", reference=reference)
        >>> made = chart(model, image="registry.factory:5000/i4q/edge@sha256:" + "1" * 64)
        >>> made.version, list(made.files)[:3]
        ('1.2.0', ['Chart.yaml', 'values.yaml', 'values.schema.json'])
    """
    repository = unmanaged.repository_of(model)
    metadata = _metadata(model, version_of(model.version if version is None else version))
    files = {
        "Chart.yaml": yamls.dump(metadata),
        "values.yaml": _values(repository, unmanaged.need_digest(image)),
        "values.schema.json": json.dumps(_SCHEMA, indent=2) + "\n",
        **{f"templates/{name}": text for name, text in sorted(templating.templates(model).items())},
    }
    return Chart(model.name, metadata["version"], metadata, files)


def version_of(text: str) -> str:
    """A version of a chart; one or two numbers get what is missing.

    Raises:
        InvalidError: it is none.

    Example:
        >>> version_of("3"), version_of("1.2"), version_of("1.2.3-rc.1")
        ('3.0.0', '1.2.0', '1.2.3-rc.1')
    """
    if _SHORT.fullmatch(text):
        return text + ".0" * (2 - text.count("."))
    if not _SEMVER.fullmatch(text):
        raise InvalidError(
            f"{text!r} is no version of a chart, which is MAJOR.MINOR.PATCH", hint="give the chart one: version='1.0.0'"
        )
    return text


def _metadata(model: Model, version: str) -> dict[str, Any]:
    return {
        "apiVersion": "v2",
        "name": model.name,
        "version": version,
        "appVersion": model.version,
        "description": model.description or f"Model {model.name} behind the Open Inference Protocol v2",
        "type": "application",
        "kubeVersion": f">={_OLDEST}.0-0",
        "annotations": {MODEL_DIGEST: model.digest},
    }


def _values(repository: str, image: str) -> str:
    return f"""\
# The image with the model server, by digest.
image: {json.dumps(image)}

# Where the model lies; its digest is a part of this chart.
model:
  repository: {json.dumps(repository)}

# How the model comes into a pod.
# auto: nodes mount it from Kubernetes {templating.MOUNTED_SINCE} on, before that an init container fetches it.
# always: nodes mount it, from {templating.MOUNTABLE_SINCE} on, with the feature gate ImageVolume. never: they do not.
imageVolumes: auto

# Names of Secrets with credentials of the registries.
pullSecrets: []

# Registries that an init container asks over plain http: host:port.
plainHTTP: []

replicas: 1

requests:
  cpu: 50m
  memory: 192Mi
"""


def _fixed(**properties: Any) -> dict[str, Any]:
    """An object with these keys and no others."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }


def _listed(pattern: str) -> dict[str, Any]:
    return {"type": "array", "uniqueItems": True, "items": {"type": "string", "pattern": pattern}}


_WORDS = _fixed(
    image={"type": "string", "pattern": r"^[^\s@\"]+@sha256:[a-f0-9]{64}$"},
    model=_fixed(repository={"type": "string", "pattern": r"^[a-zA-Z0-9.\-\[\]:]+(/[a-z0-9._-]+)+$"}),
    imageVolumes={"enum": ["auto", "always", "never"]},
    pullSecrets=_listed(r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"),
    plainHTTP=_listed(r"^[^/,\s]+$"),
    replicas={"type": "integer", "minimum": 0, "maximum": 100},
    requests=_fixed(
        cpu={"type": ["string", "number"], "pattern": _QUANTITY},
        memory={"type": ["string", "number"], "pattern": _QUANTITY},
    ),
)
_WORDS["properties"]["global"] = {"type": "object"}  # what helm hands to every chart below another
_SCHEMA = {"$schema": "http://json-schema.org/draft-07/schema#", **_WORDS}
