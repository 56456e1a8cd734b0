"""A model server as a kustomize base with an overlay: flavour `server` for whoever applies by kustomize. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from i4q_ai import yamls
from i4q_ai.manifests import unmanaged
from i4q_ai.manifests.order import Object
from i4q_ai.manifests.site import Site
from i4q_ai.model import Model

MOUNTING = "overlays/image-volumes"
"""The overlay for clusters whose nodes mount the model by themselves."""
_POD = "/spec/template/spec"


def kustomize(
    model: Model, *, image: str, pull_secrets: tuple[str, ...] = (), plain_http: tuple[str, ...] = ()
) -> dict[str, str]:
    """Path → text of a folder for kustomize.

    `base` has the objects, with an init container that fetches the model; `overlays/image-volumes` lets nodes mount it.
    Neither names a namespace: that, replicas and mirrors are for an overlay of whoever applies it.

    Args:
        model: pushed to a registry; fixed by digest.
        image: the edge image, by digest.
        pull_secrets: names of Secrets with credentials of the registries.
        plain_http: registries that the init container asks over plain http.

    Raises:
        InvalidError: the model is not in a registry, or the image names no digest.

    Example:
        >>> reference = "registry.factory:5000/models/tool-wear@sha256:" + "0" * 64
        >>> model = Model(name="tool-wear", version="1", reference=reference)
        >>> made = kustomize(model, image="registry.factory:5000/i4q/edge@sha256:" + "1" * 64)
        >>> sorted(made)[-2:]
        ['overlays/image-volumes/deployment.yaml', 'overlays/image-volumes/kustomization.yaml']
    """
    unmanaged.repository_of(model)
    fetched, mounted = (
        _objects(
            model,
            Site(
                cluster="kustomize",
                namespace="unmanaged",
                hub="kustomize",
                image=unmanaged.need_digest(image),
                image_volumes=mounts,
                pull_secrets=pull_secrets,
                plain_http=plain_http,
            ),
        )
        for mounts in (False, True)
    )
    files = {f"base/{kind}.yaml": yamls.dump(each) for kind, each in fetched.items()}
    files["base/kustomization.yaml"] = _kustomization(resources=[f"{kind}.yaml" for kind in fetched])
    target = {"kind": "Deployment", "name": fetched["deployment"]["metadata"]["name"]}
    files[f"{MOUNTING}/kustomization.yaml"] = _kustomization(
        resources=["../../base"], patches=[{"path": "deployment.yaml", "target": target}]
    )
    patch = list(_operations(_pod(fetched["deployment"]), _pod(mounted["deployment"])))
    files[f"{MOUNTING}/deployment.yaml"] = yamls.dump(patch)
    return dict(sorted(files.items()))


def _objects(model: Model, site: Site) -> dict[str, Object]:
    owner = unmanaged.Owner("kustomize", model.name)
    return {each["kind"].lower(): each for each in unmanaged.objects(model, site, owner)}


def _kustomization(**fields: Any) -> str:
    return yamls.dump({"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", **fields})


def _pod(deployment: Object) -> dict[str, Any]:
    pod: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return pod


def _operations(before: dict[str, Any], after: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The JSON patch that makes one pod of another, field by field."""
    for key in sorted({*before, *after}):
        path = f"{_POD}/{key}"
        if key not in after:
            yield {"op": "remove", "path": path}
        elif before.get(key) != after[key]:
            yield {"op": "replace" if key in before else "add", "path": path, "value": after[key]}
