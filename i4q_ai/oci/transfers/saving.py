"""Artifacts as files, for places that no network reaches: saved here, carried there, loaded into the registry there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from i4q_ai import progress as progresses
from i4q_ai.deadline import Deadline
from i4q_ai.errors import FormatError, InvalidError, NotFoundError, ReferenceInvalid, UnsupportedError
from i4q_ai.oci import contents, describing, disk, media, opening, tagging
from i4q_ai.oci.artifact import Blob, Bytes
from i4q_ai.oci.image import archive
from i4q_ai.oci.layout import Layout
from i4q_ai.oci.media import Descriptor, canonical
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.source import Listed
from i4q_ai.oci.tagging import IfMatch
from i4q_ai.oci.transfers import copying, graph
from i4q_ai.oci.transfers.archives import Archive
from i4q_ai.oci.transfers.copying import Copied
from i4q_ai.oci.transfers.graph import Graph
from i4q_ai.oci.transfers.moving import Mover, Stream
from i4q_ai.progress import Progress

OCI = "oci"
DOCKER = "docker"


@dataclass(frozen=True)
class _Chosen:
    """One of those that are saved.

    Args:
        name: what it is called where it is imported; None if nobody knows.
        tag: None if it has only a digest.
        source: that has it.
        graph: all of it.
    """

    name: Reference | None
    tag: str | None
    source: Listed
    graph: Graph


def save(
    references: str | Sequence[str],
    to: str | Path,
    *,
    kind: str = OCI,
    name: str | None = None,
    platform: str | None = None,
    with_referrers: bool = True,
    timeout: float = 3600,
    progress: Progress | None = None,
) -> list[str]:
    """Save artifacts or images into one file, or into a folder.

    Args:
        references: of them, with different tags.
        to: `FILE.tar`, which is replaced; anything else is a folder, which becomes or is an OCI layout.
        kind: `oci` is understood by containerd, k3s, podman, skopeo and `load`, and keeps digests; `docker` is what
            `docker load` of old releases wants: one image for one platform, under another digest.
        name: `host/repository` that they are called by where they are imported; their own if not given.
        platform: as `linux/arm64`: only what an index lists for it.
        with_referrers: signatures and whatever else refers to them, too.
        timeout: in seconds, for all of it.
        progress: told of bytes; the default draws bars on a terminal.

    Returns:
        The references by digest of what was saved.

    Raises:
        InvalidError: it cannot be saved like that.
        NotFoundError: there is no such tag, digest or blob.
        RegistryError, UnreachableError, StorageError, DeadlineError: it could not be read or written.
    """
    listed = [references] if isinstance(references, str) else list(references)
    parsed = [Reference.parse(one) for one in listed]
    called = Reference.parse(name) if name is not None else None
    if kind not in (OCI, DOCKER) or not parsed or (called and (called.is_layout or called.digest)):
        raise InvalidError("save wants references, kind 'oci' or 'docker', and a name host/repository[:tag]")
    path = Path(to).expanduser().absolute()
    deadline = Deadline.after(timeout, f"saving {', '.join(listed)}")
    if path.suffix != ".tar":
        if kind == DOCKER or name is not None:
            raise InvalidError(f"{to}: kinds and names are for archives", hint="call it FILE.tar")
        return [_into_folder(one, path, platform, with_referrers, deadline, progress) for one in listed]
    if kind == DOCKER:
        platform, with_referrers = platform or f"linux/{contents.architecture()}", False
    chosen = [_choose(one, called, platform, with_referrers, deadline) for one in parsed]
    _need_different([one.tag for one in chosen if one.tag])
    blobs = _all_blobs(chosen, deadline)
    with disk.storage_errors(str(path.parent)):
        path.parent.mkdir(parents=True, exist_ok=True)
    disk.need_room(path.parent, sum(blob.size for blob in blobs.values()), f"saving to {path.name}")
    told = {digest: _Told(blob, progress or progresses.default()) for digest, blob in blobs.items()}
    archive.pack(path, _docker(chosen, told) if kind == DOCKER else archive.layout(_index(chosen), told), deadline)
    return [f"{one.source.name}@{one.graph.root.digest}" for one in chosen]


def load(
    source: str | Path,
    to: str,
    *,
    with_referrers: bool = True,
    if_match: IfMatch = ...,
    rate: float | None = None,
    timeout: float = 3600,
    progress: Progress | None = None,
) -> list[Copied]:
    """Load what `save`, `docker save`, skopeo or podman have saved into a registry or layout folder.

    Args:
        source: an archive or the folder of an OCI layout.
        to: `host/repository` or `oci:FOLDER`: all that is in it goes there, under its own tags. With a tag,
            there may be only one thing in it.
        with_referrers: signatures and whatever else refers to it, too.
        if_match: as for `copy`.
        rate: bytes a second at most.
        timeout: in seconds, for all of it.
        progress: told of bytes; the default draws bars on a terminal.

    Raises:
        NotFoundError: there is no such file.
        FormatError, IntegrityError: it holds no images or artifacts, or other bytes than it says.
        VersionExistsError, ConflictError: a tag stands for something else.
        RegistryError, UnreachableError, StorageError, DeadlineError: it could not be written.
    """
    target = Reference.parse(to)
    tagging.need_digest(if_match)
    if target.digest:
        raise ReferenceInvalid(f"{to!r}: one loads to a repository or tag, not to a digest", hint="leave out '@…'")
    deadline = Deadline.after(timeout, f"loading {source}")
    opened = _opened(Path(source).expanduser().absolute(), deadline)
    mover = Mover(opened, opening.source(target), deadline, progress or progresses.default(), rate)
    wanted = _wanted(opened, target, deadline)
    done = []
    for digest, tags in wanted.items():
        before = mover.sent
        copied = copying.move(mover, digest, target, tags, with_referrers=with_referrers, if_match=if_match)
        done.append(Copied(**{**vars(copied), "sent": copied.sent - before}))
    return done


def _opened(path: Path, deadline: Deadline) -> Archive | Layout:
    if not path.is_dir():
        return Archive(path, deadline)
    if not (path / "index.json").is_file():
        raise NotFoundError(f"{path} is no OCI layout: it has no index.json")
    return Layout(path)


def _wanted(opened: Archive | Layout, target: Reference, deadline: Deadline) -> dict[str, list[str]]:
    """Digest → tags of all that is not there only because of something else."""
    roots = opened.roots()
    wanted: dict[str, list[str]] = {}
    for root in roots:
        tags = wanted.setdefault(root.digest, [])
        if media.REF_NAME in root.annotations:
            tags.append(_tag(root.annotations[media.REF_NAME]))
    for digest, tags in list(wanted.items()):
        manifest = contents.parse(opened.manifest(digest, deadline), where=f"{opened.name}@{digest}")
        if not tags and contents.subject_of(manifest) in wanted:
            del wanted[digest]  # comes along with its subject
    if not wanted:
        raise FormatError(f"{opened.name} lists nothing that could be loaded")
    if target.tag and len(wanted) != 1:
        raise InvalidError(
            f"{opened.name} holds {len(wanted)} things, which cannot all be '{target.tag}'",
            hint="leave the tag out: each keeps its own",
        )
    if target.tag:
        return {digest: [target.tag] for digest in wanted}
    _need_different([tag for tags in wanted.values() for tag in tags])
    return wanted


def _tag(name: str) -> str:
    """The tag in what an index.json calls something, which may be a whole reference."""
    tag = name.rpartition("/")[2].rpartition(":")[2]
    Reference.parse(f"localhost/x:{tag}")
    return tag


def _need_different(tags: Sequence[str]) -> None:
    twice = sorted({tag for tag in tags if tags.count(tag) > 1})
    if twice:
        raise InvalidError(f"two of them have the tag '{twice[0]}'", hint="a file, or a repository, for each")


def _into_folder(
    source: str, path: Path, platform: str | None, with_referrers: bool, deadline: Deadline, progress: Progress | None
) -> str:
    copied = copying.copy(
        source,
        f"oci:{path}",
        platform=platform,
        with_referrers=with_referrers,
        timeout=max(deadline.left(), 0.001),
        progress=progress,
    )
    return copied.reference


def _choose(
    one: Reference, called: Reference | None, platform: str | None, with_referrers: bool, deadline: Deadline
) -> _Chosen:
    source = opening.source(one)
    digest = describing.digest_behind(one, source, deadline)
    if platform is not None:
        digest = copying.pick(source, digest, platform, deadline)
    tag = (called.tag if called else None) or one.tag or (None if one.digest else "latest")
    name = called or (None if one.is_layout else one)
    if name is not None:
        name = Reference(name.host, name.repository, tag)
    return _Chosen(name, tag, source, graph.walk(source, digest, deadline, with_referrers=with_referrers))


def _all_blobs(chosen: Sequence[_Chosen], deadline: Deadline) -> dict[str, Blob]:
    blobs: dict[str, Blob] = {}
    for one in chosen:
        for digest, descriptor in one.graph.blobs.items():
            blobs.setdefault(digest, Stream(descriptor, one.source, deadline))
        for node in (*one.graph.nodes.values(), *one.graph.referrers.values()):
            blobs[node.descriptor.digest] = Bytes(node.raw)
    return blobs


def _index(chosen: Sequence[_Chosen]) -> bytes:
    """Each by its tag and by its digest, as containerd knows images by the very words of a pod; then referrers."""
    entries: list[dict[str, Any]] = []
    for one in chosen:
        listed = {**one.graph.root.dump()}
        names: list[dict[str, str]] = []
        if one.tag:
            names.append({media.REF_NAME: one.tag})
        if one.name is not None and one.tag:
            names[0][media.CONTAINERD_NAME] = str(one.name)
        if one.name is not None:
            names.append({media.CONTAINERD_NAME: str(one.name.at(one.graph.root.digest))})
        entries += [{**listed, "annotations": name} for name in names] or [
            {key: value for key, value in listed.items() if key != "annotations"}
        ]
    for one in chosen:
        entries += [node.descriptor.dump() for node in one.graph.referrers.values() if node.subject is not None]
    return canonical({"schemaVersion": 2, "mediaType": media.INDEX, "manifests": entries})


def _docker(chosen: Sequence[_Chosen], blobs: dict[str, _Told]) -> list[tuple[str, Blob | None]]:
    listed = []
    inside: dict[str, Blob] = {}
    for one in chosen:
        config, layers = _runnable(one)
        inside |= {part.digest: blobs[part.digest] for part in (config, *layers)}
        listed.append(
            {
                "Config": f"blobs/{config.digest.replace(':', '/')}",
                "RepoTags": [str(one.name)] if one.name is not None and one.tag else [],
                "Layers": [f"blobs/{layer.digest.replace(':', '/')}" for layer in layers],
            }
        )
    return [*archive.blob_members(inside), ("manifest.json", Bytes(canonical(listed)))]


def _runnable(one: _Chosen) -> tuple[Descriptor, list[Descriptor]]:
    where = f"{one.source.name}@{one.graph.root.digest}"
    manifest = contents.parse(one.graph.nodes[one.graph.root.digest].raw, where=where)
    config = Descriptor.parse(manifest.get("config"), where=where)
    layers = [Descriptor.parse(item, where=where) for item in contents.listed(manifest, "layers", where=where)]
    if config.media_type not in media.IMAGE_CONFIGS or not layers:
        raise UnsupportedError(f"{where} is no image that Docker could run", hint="save it as kind 'oci'")
    return config, layers


class _Told:
    """A blob that tells of itself while it is read."""

    def __init__(self, blob: Blob, progress: Progress) -> None:
        self.digest, self.size = blob.digest, blob.size
        self._blob, self._progress = blob, progress

    def chunks(self) -> Any:
        """The bytes."""
        self._progress.start(self.digest, self.size)
        try:
            for chunk in self._blob.chunks():
                yield chunk
                self._progress.advance(self.digest, len(chunk))
        finally:
            self._progress.done(self.digest)
