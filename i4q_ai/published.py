"""Published: what the record of a publication says. Pure."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field

from i4q_ai.desired import Item
from i4q_ai.errors import InvalidError
from i4q_ai.gitops.source import Source
from i4q_ai.manifests.publishable import Form, group_folder, rendered
from i4q_ai.manifests.rendering import needs_image
from i4q_ai.manifests.site import Site
from i4q_ai.placement import REST
from i4q_ai.spec import Spec
from i4q_ai.thing import FrozenDict, Thing

RECORD_KIND = "publication"
"""The kind of the store's records that hold a Published."""


class Rendering(Thing):
    """How objects are written for clusters that nobody asks.

    Args:
        edge_image: reference of the edge image, by digest; "agent" needs none.
        image_volumes: whether nodes mount models by themselves; else an init container fetches them.
        pull_secrets: names of existing Secrets with registry credentials.
        plain_http: registries that the edge asks over plain http.
        replicas: of model servers.
    """

    edge_image: str = ""
    image_volumes: bool = False
    pull_secrets: tuple[str, ...] = ()
    plain_http: tuple[str, ...] = ()
    replicas: int = Field(default=1, ge=0, le=100)

    def site(self, namespace: str) -> Site:
        """As the manifests take it."""
        return Site(
            cluster="git",
            namespace=namespace,
            hub="git",
            image=self.edge_image,
            image_volumes=self.image_volumes,
            pull_secrets=self.pull_secrets,
            plain_http=self.plain_http,
            replicas=self.replicas,
        )


class Published(Thing):
    """One deployment that stands in Git.

    Args:
        spec: what it is, and where it goes.
        source: the branch, and the folder above its own.
        form: as what it stands there.
        rendering: how it is written.
        commit: that brought it.
        branch: on which that is; another one than the source's while it is proposed.
        files: path below its folder → id of the content, as git has it.
    """

    spec: Spec
    source: Source
    form: Form = "manifests"
    rendering: Rendering = Field(default_factory=Rendering)
    commit: str = ""
    branch: str = ""
    files: Annotated[dict[str, str], AfterValidator(FrozenDict)] = Field(default_factory=FrozenDict)

    @property
    def proposed(self) -> bool:
        """It waits on a branch of its own."""
        return self.branch not in ("", self.source.branch)

    def folder(self, name: str) -> str:
        """The folder of all of it, from the root of the repository."""
        return folder(self.source, name)

    def folders(self, name: str) -> dict[str, str]:
        """Group → the folder of its clusters, from the root of the repository; `"*"` alone where all get the same."""
        own = folder(self.source, name)
        return {group: f"{own}/{below}".rstrip("/") for group, below in groups(self.spec).items()}


def folder(source: Source, name: str) -> str:
    """The folder of a deployment, from the root of the repository."""
    return f"{source.path}/{name}".lstrip("/")


def groups(spec: Spec) -> dict[str, str]:
    """Group → its folder below that of the deployment; `"*"` alone, without one, where all get the same.

    Example:
        >>> from i4q_ai.model import Model
        >>> from i4q_ai.placement import Placement
        >>> groups(Spec(model=Model(name="wear", version="1"), placement=Placement("everywhere")))
        {'*': ''}
    """
    if not spec.versions:
        return {REST: ""}
    return {group: group_folder(group) for group in spec.placement.group_names}


def files(spec: Spec, namespace: str, name: str, *, form: Form, rendering: Rendering) -> dict[str, str]:
    """Path below the folder of a deployment → text.

    Raises:
        InvalidError: it is not pushed, no cluster can fetch it, or the edge image is missing.
        UntrustedError: no rule of the policy is about it.
    """
    site, found = rendering.site(namespace), {}
    for group, below in groups(spec).items():
        item = spec.item(namespace, name, group)
        if form != "agent" and needs_image(item) and not rendering.edge_image:
            raise InvalidError(
                f"'{name}' needs the edge image to run with, and none is named",
                hint="I4Q_EDGE_IMAGE, --edge-image or Rendering(edge_image=…); `i4q image build` makes one",
            )
        made = rendered(item, site, form=form)
        found.update({f"{below}/{file}".lstrip("/"): text for file, text in made.items()})
    return found


def digests(spec: Spec, namespace: str, name: str) -> set[str]:
    """What clusters of a spec run."""
    items: Iterable[Item] = (spec.item(namespace, name, group) for group in groups(spec))
    return {item.digest for item in items}


def message(before: Mapping[str, Spec | None], after: Mapping[str, Spec | None]) -> str:
    """What a commit says: what changed, then the versions for programs.

    Args:
        before: name → what stood there; None for nothing.
        after: name → what stands there now; None for nothing.
    """
    lines = [_told(name, before.get(name), spec) for name, spec in after.items()]
    told = list(filter(None, lines)) or ["Write anew: " + ", ".join(after)]
    title = told[0] if len(told) == 1 else f"Publish {len(told)} deployments"
    body = [] if len(told) == 1 else ["\n".join(f"* {line}" for line in told)]
    versions = [
        f"I4q-Version: {name} {thing.version} {thing.digest}"
        for name, spec in after.items()
        if spec is not None
        for thing in spec.objects()
    ]
    return "\n\n".join([title, *body, *(["\n".join(versions)] if versions else [])])


def _told(name: str, before: Spec | None, after: Spec | None) -> str:
    if after is None:
        return f"Remove {name}"
    if before is None:
        return f"Publish {name} {after.version_text()} to {after.placement.name}"
    if before.objects() != after.objects() or before.versions != after.versions:
        return f"{name}: {before.version_text()} → {after.version_text()}"
    if before.placement != after.placement:
        return f"{name} {after.version_text()}: to {after.placement.name}"
    return f"{name} {after.version_text()}: written in another way" if before != after else ""


@dataclass(frozen=True)
class Edit:
    """A file of ours in Git that is not as we have left it.

    Args:
        path: from the root of the repository.
        diff: unified, from ours to what is there.
        deleted: it is gone.
    """

    path: str
    diff: str
    deleted: bool = False

    def __str__(self) -> str:
        return self.diff


def edit(path: str, ours: bytes, there: bytes | None) -> Edit:
    """An Edit from both contents.

    Example:
        >>> print(edit("wear/service.yaml", b"port: 1", b"port: 2").diff)
        --- wear/service.yaml as published
        +++ wear/service.yaml in Git
        @@ -1 +1 @@
        -port: 1
        +port: 2
    """
    mine, other = (each.decode(errors="replace").splitlines() for each in (ours, there or b""))
    lines = difflib.unified_diff(mine, other, f"{path} as published", f"{path} in Git", lineterm="")
    return Edit(path, "\n".join(lines), deleted=there is None)


def content_id(content: bytes) -> str:
    """What git calls a content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
