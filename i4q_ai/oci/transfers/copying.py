"""From one repository to another: the same bytes under the same digests, with all that refers to them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from i4q_ai import progress as progresses
from i4q_ai.deadline import Deadline
from i4q_ai.errors import InvalidError, ReferenceInvalid
from i4q_ai.oci import contents, describing, opening, reading, referrers, tagging
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.source import Listed
from i4q_ai.oci.tagging import IfMatch
from i4q_ai.oci.transfers import graph
from i4q_ai.oci.transfers.graph import Graph, Node
from i4q_ai.oci.transfers.moving import Mover
from i4q_ai.progress import Progress


@dataclass(frozen=True)
class Copied:
    """What a copy did.

    Args:
        reference: of the copy, by digest.
        digest: of it, and of what was copied.
        tags: that stand for it now.
        sent: bytes that travelled; the rest was there already, or the registry took it from a neighbour.
        size: bytes of all of it.
        referrers: how many came along.
    """

    reference: str
    digest: str
    tags: tuple[str, ...]
    sent: int
    size: int
    referrers: int


def copy(
    source: str,
    to: str,
    *,
    tags: Sequence[str] = (),
    platform: str | None = None,
    with_referrers: bool = True,
    if_match: IfMatch = ...,
    rate: float | None = None,
    timeout: float = 3600,
    progress: Progress | None = None,
) -> Copied:
    """Copy an artifact or image, whatever it is, between registries and layout folders.

    Args:
        source: `host/repository[:tag][@digest]` or `oci:FOLDER[:tag][@digest]`.
        to: where; its tag is the source's if not given. Without any tag, the copy has only its digest.
        tags: more tags for the copy.
        platform: as `linux/arm64`: only what an index lists for it, which is another digest than the index's.
        with_referrers: signatures, bills of materials and whatever else refers to it, too.
        if_match: what the tags must stand for to be set: a digest, None for nothing, or they must be new.
        rate: bytes a second at most.
        timeout: in seconds, for all of it.
        progress: told of bytes; the default draws bars on a terminal.

    Raises:
        NotFoundError: there is no such tag, digest or blob.
        VersionExistsError, ConflictError: a tag stands for something else.
        UnsupportedError: nothing is for the platform; says what there is.
        IntegrityError: what the source gave is not what its digest says.
        RegistryError, UnreachableError, StorageError, DeadlineError: it could not be read or written.
    """
    origin, target = Reference.parse(source), Reference.parse(to)
    tagging.need_digest(if_match)
    wanted = _tags(origin, target, tags)
    deadline = Deadline.after(timeout, f"copying {source}")
    opened = opening.source(origin)
    digest = describing.digest_behind(origin, opened, deadline)
    if platform is not None:
        digest = pick(opened, digest, platform, deadline)
    if target.digest not in (None, digest):
        raise InvalidError(f"{source} is {digest}, not {target.digest}", hint="leave the digest out of the target")
    mover = Mover(opened, opening.source(target), deadline, progress or progresses.default(), rate)
    return move(mover, digest, target, wanted, with_referrers=with_referrers, if_match=if_match)


def move(
    mover: Mover,
    digest: str,
    target: Reference,
    tags: Sequence[str],
    *,
    with_referrers: bool = True,
    if_match: IfMatch = ...,
) -> Copied:
    """Copy what hangs together below a digest, and set tags.

    Args:
        mover: between two repositories.
        digest: of the root.
        target: the reference of where it goes.
        tags: of the copy.
        with_referrers: too.
        if_match: as for `copy`.
    """
    missing = [tag for tag in tags if not _is_set(mover, tag, digest, if_match)]
    whole = graph.walk(mover.source, digest, mover.deadline, with_referrers=with_referrers)
    with mover.target.writing(mover.deadline):
        mover.move_all(list(whole.blobs.values()))
        _put_nodes(mover, whole, bool(tags))
        for node in whole.referrers.values():
            _put_referrer(mover, node)
        for tag in missing:  # last, so that whoever sees one finds all of it
            if not _is_set(mover, tag, digest, if_match):  # once more, as copying takes long
                mover.target.put_manifest(tag, _listed(whole.root), whole.nodes[digest].raw, mover.deadline)
    return Copied(str(target.at(digest)), digest, tuple(tags), mover.sent, whole.size, _own(whole))


def _is_set(mover: Mover, tag: str, digest: str, if_match: IfMatch) -> bool:
    found = mover.target.resolve(tag, mover.deadline)
    return tagging.is_set(mover.target.name, tag, found=found, wanted=digest, if_match=if_match)


def pick(source: Listed, digest: str, platform: str, deadline: Deadline) -> str:
    """The digest of what an index lists for a platform; of an index in an index, too."""
    manifest = reading.manifest(source, digest, deadline)
    while contents.is_index(manifest):
        digest = contents.for_platform(manifest, platform, where=f"{source.name}@{digest}").digest
        manifest = reading.manifest(source, digest, deadline)
    return digest


def _put_nodes(mover: Mover, whole: Graph, tagged: bool) -> None:
    for node in whole.nodes.values():
        root = node.descriptor.digest == whole.root.digest
        if node.subject is not None:
            _put_referrer(mover, node)
        elif not (root and tagged):  # which is sent under its tags
            mover.target.put_manifest(
                node.descriptor.digest, _listed(node.descriptor), node.raw, mover.deadline, root=root
            )


def _put_referrer(mover: Mover, node: Node) -> None:
    if node.subject is None:  # listed by a referrer that is an index
        mover.target.put_manifest(node.descriptor.digest, node.descriptor, node.raw, mover.deadline)
    else:
        referrers.put(mover.target, node.raw, mover.deadline, digest=node.descriptor.digest)


def _listed(descriptor: Descriptor) -> Descriptor:
    """As index.json of a layout has what is pushed: annotations of the manifest stay in the manifest."""
    return dataclasses.replace(descriptor, annotations={})


def _own(whole: Graph) -> int:
    return sum(node.subject is not None for node in whole.referrers.values())


def _tags(origin: Reference, target: Reference, more: Sequence[str]) -> list[str]:
    for tag in more:
        Reference.parse(f"localhost/x:{tag}")
    first = target.tag or (origin.tag if target.digest is None else None)
    if first is None and target.digest is None and origin.digest is None:
        first = "latest"
    if target.is_layout and origin.is_layout and target.folder == origin.folder and not more and first == origin.tag:
        raise ReferenceInvalid(f"{origin} would be copied to itself")
    return list(dict.fromkeys([*([first] if first else []), *more]))
