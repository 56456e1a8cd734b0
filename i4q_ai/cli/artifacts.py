"""`i4q oci …`: look at, compare, copy, pull, save and load artifacts, whoever has made them."""

from __future__ import annotations

from pathlib import Path
from types import EllipsisType
from typing import TYPE_CHECKING, Any

import click

from i4q_ai.cli import printing
from i4q_ai.cli.pairs import pairs
from i4q_ai.cli.settings import Settings
from i4q_ai.cli.verbs import Verbs, timeout_option
from i4q_ai.display import Table

if TYPE_CHECKING:
    from i4q_ai.oci.transfers.copying import Copied

_WHAT = "host/repository[:tag][@digest] or oci:FOLDER[:tag][@digest]"
_platform = click.option("--platform", metavar="OS/ARCH", help="Of an index, only what it lists for it.")
_bare = click.option("--no-referrers", "bare", is_flag=True, help="Leave signatures and whatever else refers to it.")
_if_match = click.option(
    "--if-match", metavar="DIGEST", help="Set tags that stand for this now, instead of only new ones."
)


@click.group(cls=Verbs, name="oci")
def group() -> None:
    """Artifacts and images, whoever has made them: look at them, compare, copy, pull, save and load them."""


@group.command("resolve")
@click.argument("reference")
@timeout_option(60)
@click.pass_obj
def resolve(settings: Settings, reference: str, timeout: float) -> None:
    """Print a reference by digest."""
    from i4q_ai import oci

    found = oci.resolve(reference, timeout=timeout)
    printing.document(settings, {"reference": found, "digest": found.rpartition("@")[2]}, text=found)


@group.command("tags")
@click.argument("repository")
@timeout_option(60)
@click.pass_obj
def tags(settings: Settings, repository: str, timeout: float) -> None:
    """List the tags of a repository."""
    from i4q_ai import oci

    found = oci.tags(repository, timeout=timeout)
    printing.table(settings, Table("", ("tag",), tuple((tag,) for tag in found)))


@group.command("inspect")
@click.argument("reference")
@_platform
@timeout_option(60)
@click.pass_obj
def inspect(settings: Settings, reference: str, platform: str | None, timeout: float) -> None:
    """Show what stands behind a reference: what it lists, and what refers to it."""
    from i4q_ai import oci

    found = oci.inspect(reference, platform=platform, timeout=timeout)
    if settings.format != "table":
        printing.data(settings, found.data())
        return
    rows = tuple((part.what, part.name or None, str(part.size), part.media_type, part.digest) for part in found.parts)
    notes = tuple(f"{key}: {value}" for key, value in found.annotations.items())
    title = f"{found.reference} ({found.artifact_type or found.media_type})"
    printing.table(settings, Table(title, ("what", "name", "size", "type", "digest"), rows, notes))


@group.command("diff")
@click.argument("old")
@click.argument("new")
@_platform
@timeout_option(60)
@click.pass_obj
def diff(settings: Settings, old: str, new: str, platform: str | None, timeout: float) -> None:
    """Show which files and fields are different between two references."""
    from i4q_ai import oci

    changes = oci.diff(old, new, platform=platform, timeout=timeout)
    rows = tuple((change.what, change.name, change.old, change.new) for change in changes)
    notes = () if rows else ("nothing is different",)
    printing.table(settings, Table("", ("what", "name", "old", "new"), rows, notes))


@group.command("copy")
@click.argument("source")
@click.argument("to")
@click.option("--tag", "more", multiple=True, metavar="TAG", help="Another tag for the copy.")
@_platform
@_bare
@_if_match
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), metavar="BYTES", help="At most, a second.")
@timeout_option(3600)
@click.pass_obj
def copy(
    settings: Settings,
    source: str,
    to: str,
    more: tuple[str, ...],
    platform: str | None,
    bare: bool,
    if_match: str | None,
    rate: float | None,
    timeout: float,
) -> None:
    """Copy an artifact or image between registries and layout folders; digests stay the same."""
    from i4q_ai import oci

    copied = oci.copy(
        source,
        to,
        tags=more,
        platform=platform,
        with_referrers=not bare,
        if_match=_matched(if_match),
        rate=rate,
        timeout=timeout,
    )
    printing.document(settings, _document(copied), text=copied.reference)


@group.command("pull")
@click.argument("reference")
@click.argument("folder", type=click.Path(path_type=Path))
@_platform
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), metavar="BYTES", help="At most, a second.")
@click.option("--trust", type=click.Path(path_type=Path), help="The file of a trust policy; else $I4Q_TRUST.")
@timeout_option(3600)
@click.pass_obj
def pull(
    settings: Settings,
    reference: str,
    folder: Path,
    platform: str | None,
    rate: float | None,
    trust: Path | None,
    timeout: float,
) -> None:
    """Pull the files of an artifact into a new FOLDER: a ModelPack, or anything whose layers have titles."""
    from i4q_ai import oci
    from i4q_ai.trust import Trust

    policy = Trust.read(trust) if trust is not None else None
    pulled = oci.pull(reference, folder, platform=platform, rate=rate, timeout=timeout, trust=policy)
    about = {
        "reference": pulled.reference,
        "folder": str(pulled.folder),
        "files": list(pulled.files),
        "skipped": list(pulled.skipped),
    }
    for digest in pulled.skipped if settings.format == "table" else ():
        printing.say(f"layer {digest} has no name and was left out")
    printing.document(settings, about, text="\n".join(pulled.files))


@group.command("attach")
@click.argument("reference")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--type", "artifact_type", required=True, metavar="TYPE", help="As application/vnd.cyclonedx+json.")
@click.option("--media-type", metavar="TYPE", help="Of the file; the type if not given.")
@click.option("--annotation", "annotations", multiple=True, metavar="KEY=VALUE")
@timeout_option(3600)
@click.pass_obj
def attach(
    settings: Settings,
    reference: str,
    file: Path,
    artifact_type: str,
    media_type: str | None,
    annotations: tuple[str, ...],
    timeout: float,
) -> None:
    """Attach a FILE to what a reference stands for; copy and save take it along."""
    from i4q_ai import oci

    attached = oci.attach(
        reference,
        file,
        artifact_type=artifact_type,
        media_type=media_type,
        annotations=pairs(annotations, what="annotation"),
        timeout=timeout,
    )
    printing.document(settings, {"reference": attached}, text=attached)


@group.command("save")
@click.argument("references", nargs=-1, required=True, metavar="REFERENCE…")
@click.option("--to", required=True, metavar="FILE.tar|FOLDER", help="An archive, or the folder of an OCI layout.")
@click.option("--kind", type=click.Choice(["oci", "docker"]), default="oci", show_default=True, help="Of an archive.")
@click.option("--name", metavar="REFERENCE", help="What it is called where it is imported; its own name if not given.")
@_platform
@_bare
@timeout_option(3600)
@click.pass_obj
def save(
    settings: Settings,
    references: tuple[str, ...],
    to: str,
    kind: str,
    name: str | None,
    platform: str | None,
    bare: bool,
    timeout: float,
) -> None:
    """Save artifacts or images into one file, or a folder, for a place that no network reaches."""
    from i4q_ai import oci

    saved = oci.save(references, to, kind=kind, name=name, platform=platform, with_referrers=not bare, timeout=timeout)
    printing.document(settings, {"file": to, "references": saved}, text="\n".join(saved))


@group.command("load")
@click.argument("source", metavar="FILE.tar|FOLDER")
@click.option("--to", required=True, metavar="REFERENCE", help="host/repository[:tag] or oci:FOLDER[:tag].")
@_bare
@_if_match
@timeout_option(3600)
@click.pass_obj
def load(settings: Settings, source: str, to: str, bare: bool, if_match: str | None, timeout: float) -> None:
    """Load what save, docker save, skopeo or podman have saved into a registry or layout folder."""
    from i4q_ai import oci

    loaded = oci.load(source, to, with_referrers=not bare, if_match=_matched(if_match), timeout=timeout)
    rows = tuple((one.reference, ", ".join(one.tags) or None, str(one.referrers)) for one in loaded)
    printing.table(settings, Table("", ("reference", "tags", "referrers"), rows))


def _matched(if_match: str | None) -> str | EllipsisType:
    return ... if if_match is None else if_match


def _document(copied: Copied) -> dict[str, Any]:
    return {**vars(copied), "tags": list(copied.tags)}
