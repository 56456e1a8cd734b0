"""The objects of a model server as templates of a Helm chart: what a cluster decides becomes a value. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from i4q_ai import yamls
from i4q_ai.manifests import unmanaged
from i4q_ai.manifests.order import Object
from i4q_ai.manifests.site import Site
from i4q_ai.model import Model

MOUNTED_SINCE = "1.35"
"""From this Kubernetes on, nodes mount artifacts unless told otherwise; from `MOUNTABLE_SINCE` on if told so."""
MOUNTABLE_SINCE = "1.33"

_SLOT = "i4q-slot-"
_SECRETS = re.compile(rf"^( *)imagePullSecrets:\n *- name: {_SLOT}secret\n", re.MULTILINE)


def templates(model: Model) -> dict[str, str]:
    """File name → template, for the objects of flavour `server`.

    Args:
        model: pushed; the digest is a constant of the templates, everything else about a cluster is a value.
    """
    fetched = _site(image_volumes=False)
    made = {
        each["kind"].lower(): (each, mounted)
        for each, mounted in zip(_objects(model, fetched), _objects(model, _site(image_volumes=True)), strict=True)
    }
    condition = f'include "{model.name}.imageVolumes" .'
    found = {f"{kind}.yaml": _template(*pair, condition, model.digest) for kind, pair in made.items()}
    return {**found, "_helpers.tpl": _helpers(model.name), "NOTES.txt": _notes(model)}


def _site(*, image_volumes: bool) -> Site:
    return Site(
        cluster="chart",
        namespace="unmanaged",
        hub="chart",
        image=f"{_SLOT}image",
        image_volumes=image_volumes,
        pull_secrets=(f"{_SLOT}secret",),
        plain_http=(f"{_SLOT}plain-http",),
        requests={"cpu": f"{_SLOT}cpu", "memory": f"{_SLOT}memory"},
    )


def _objects(model: Model, site: Site) -> list[Object]:
    owner = unmanaged.Owner(f"{_SLOT}manager", f"{_SLOT}instance")
    found = unmanaged.objects(model, site, owner, reference=f"{_SLOT}model")
    for each in found:
        if "replicas" in each["spec"]:
            each["spec"]["replicas"] = f"{_SLOT}replicas"
    return found


def _template(fetched: Object, mounted: Object, condition: str, digest: str) -> str:
    text = "".join(_either(yamls.dump(mounted), yamls.dump(fetched), condition))
    text = _SECRETS.sub(_secrets, text)
    values = {
        "image": "{{ .Values.image | quote }}",
        "model": f'{{{{ printf "%s@{digest}" .Values.model.repository | quote }}}}',
        "plain-http": '{{ join "," .Values.plainHTTP | quote }}',
        "cpu": "{{ .Values.requests.cpu | quote }}",
        "memory": "{{ .Values.requests.memory | quote }}",
        "replicas": "{{ .Values.replicas | int }}",
        "manager": "{{ .Release.Service | quote }}",
        "instance": "{{ .Release.Name | quote }}",
    }
    return re.sub(rf"{_SLOT}([a-z-]+)", lambda slot: values[slot[1]], text)


def _either(yes: str, no: str, condition: str) -> Iterator[str]:
    """The lines of both texts: what they share once, what differs under the condition or its `else`."""
    mine, other = yes.splitlines(keepends=True), no.splitlines(keepends=True)
    for tag, first, last, start, end in difflib.SequenceMatcher(None, mine, other, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from mine[first:last]
            continue
        if mine[first:last]:
            yield f"{{{{- if {condition} }}}}\n"
            yield from mine[first:last]
        else:
            yield f"{{{{- if not ({condition}) }}}}\n"
        if mine[first:last] and other[start:end]:
            yield "{{- else }}\n"
        yield from other[start:end]
        yield "{{- end }}\n"


def _secrets(match: re.Match[str]) -> str:
    indent = match[1]
    return (
        "{{- with .Values.pullSecrets }}\n"
        f"{indent}imagePullSecrets:\n"
        "{{- range . }}\n"
        f"{indent}- name: {{{{ . | quote }}}}\n"
        "{{- end }}\n"
        "{{- end }}\n"
    )


def _helpers(name: str) -> str:
    """Says whether the nodes mount the model: as the value says, else by the version of Kubernetes."""
    older = f'semverCompare "<{MOUNTABLE_SINCE}-0" .Capabilities.KubeVersion.Version'
    newer = f'semverCompare ">={MOUNTED_SINCE}-0" .Capabilities.KubeVersion.Version'
    refusal = f"imageVolumes=always needs Kubernetes {MOUNTABLE_SINCE}, with the feature gate ImageVolume"
    return (
        f'{{{{- define "{name}.imageVolumes" -}}}}\n'
        f'{{{{- if and (eq .Values.imageVolumes "always") ({older}) }}}}\n'
        f'{{{{- fail "{refusal}" }}}}\n'
        "{{- end }}\n"
        f'{{{{- if or (eq .Values.imageVolumes "always") (and (eq .Values.imageVolumes "auto") ({newer})) -}}}}\n'
        "true\n"
        "{{- end }}\n"
        "{{- end }}\n"
    )


def _notes(model: Model) -> str:
    (service, *_) = _objects(model, _site(image_volumes=True))
    host = f"{service['metadata']['name']}.{{{{ .Release.Namespace }}}}.svc"
    port = service["spec"]["ports"][0]["port"]
    return (
        f"Model {model.name} {model.version} answers the Open Inference Protocol at\n\n"
        f"  http://{host}:{port}/v2/models/{model.name}\n"
    )
