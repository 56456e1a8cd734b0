"""What the golden files show: one case a file. `python -m tests.unit.manifests.cases` writes them anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from i4q_ai import yamls
from i4q_ai.desired import Item, ModelItem, WorkloadItem
from i4q_ai.manifests import Site, Storage, objects
from tests.unit import things

FOLDER = Path(__file__).parents[2] / "golden" / "manifests"
EDGE_IMAGE = f"registry.example/i4q/edge@{things.digest('edge')}"
USERS_IMAGE = f"registry.example/team/line@{things.digest('line')}"
LONGEST = "a-model-with-a-name-as-long-as-a-label-of-kubernetes-can-ever-be"[:63]

SITE = Site(cluster="edge-1", namespace="factory", hub="0123456789abcdef", image=EDGE_IMAGE, owner="team-a")
MOUNTS = replace(SITE, image_volumes=True)
"""A cluster whose nodes mount artifacts by themselves."""


def model(name: str = "tool-wear", **about: Any) -> ModelItem:
    """A model item."""
    fields: dict[str, Any] = {
        "namespace": "factory", "name": name, "model": name, "version": "1", "digest": things.digest(name),
        "references": (f"registry.example/models/{name}@{things.digest(name)}",), "revision": 3,
    }  # fmt: skip
    return ModelItem(**{**fields, **about})


def workload(name: str = "line", **about: Any) -> WorkloadItem:
    """A workload item with pushed code."""
    fields: dict[str, Any] = {
        "namespace": "factory", "name": name, "workload": name, "version": "2", "digest": things.digest(name),
        "references": (f"registry.example/code/{name}@{things.digest(name)}",), "command": ("python", "main.py"),
        "revision": 3,
    }  # fmt: skip
    return WorkloadItem(**{**fields, **about})


def container(name: str = "line", **about: Any) -> WorkloadItem:
    """A workload item that is an image."""
    return workload(name, **{"references": (), "image": USERS_IMAGE, "command": (), **about})


CASES: dict[str, tuple[Item, Site]] = {
    "server-image-volume": (model(), MOUNTS),
    "server-init-container": (model(), SITE),
    "server-pull-secrets": (model(), replace(MOUNTS, pull_secrets=("registry", "mirror"))),
    "server-plain-http": (model(), replace(SITE, plain_http=("registry.plant:5000", "10.0.0.1:5000"))),
    "server-replicas": (model(), replace(MOUNTS, replicas=3, requests={"cpu": "2", "memory": "4Gi"})),
    "server-long-name": (model(LONGEST), SITE),
    "files": (model(flavour="files"), SITE),
    "image": (model(flavour="image", image=USERS_IMAGE), SITE),
    "image-on-nodes-that-mount": (model(flavour="image", image=USERS_IMAGE), MOUNTS),
    "workload-image": (container(env={"LEVEL": "info"}), SITE),
    "workload-image-listens": (container(command=("/line", "--fast"), port=9000, ready="/ready"), SITE),
    "workload-code": (workload(), SITE),
    "workload-code-image-volume": (workload(port=9000, ready="/ready"), MOUNTS),
    "workload-url": (workload(uses={"tool-wear": "url", "chatter": "url"}, port=9000), MOUNTS),
    "workload-path": (workload(uses={"tool-wear": "path", "chatter": "path"}), MOUNTS),
    "workload-path-claim": (
        workload(uses={"tool-wear": "path"}),
        replace(SITE, storage=Storage("2Gi", storage_class="fast", access="ReadWriteMany")),
    ),
    "workload-path-default-class": (workload(uses={"tool-wear": "path"}), replace(MOUNTS, storage=Storage("2Gi"))),
    "workload-url-and-path": (
        container(uses={"tool-wear": "url", "chatter": "path"}),
        replace(SITE, plain_http=("registry.plant:5000",), pull_secrets=("registry",)),
    ),
    "workload-long-names": (workload(LONGEST, uses={LONGEST: "url", f"b{LONGEST[1:]}": "path"}), SITE),
}


def text(item: Item, site: Site) -> str:
    """The objects as YAML documents, in the order in which they are applied."""
    return "---\n".join(yamls.dump(each) for each in objects(item, site))


def write() -> None:
    """Write every golden file anew."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file in FOLDER.glob("*.yaml"):
        file.unlink()
    for name, (item, site) in CASES.items():
        (FOLDER / f"{name}.yaml").write_text(text(item, site), encoding="utf-8")


if __name__ == "__main__":
    write()
