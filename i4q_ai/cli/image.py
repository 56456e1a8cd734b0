"""`i4q image …`: build the image in which models are served at the edge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from i4q_ai.cli import printing
from i4q_ai.cli.settings import Settings
from i4q_ai.cli.verbs import Verbs, timeout_option
from i4q_ai.display import Table

if TYPE_CHECKING:
    from i4q_ai.oci.image import BuiltImage

_MEGABYTE = 1_000_000
_COLUMNS = ("platform", "package", "version", "megabytes", "files")


@click.group(cls=Verbs, name="image")
def group() -> None:
    """Images: build the one in which the model server and the edge agent run."""


@group.command("build")
@click.option("--base", required=True, metavar="FILE.tar|REFERENCE", help="A root file system, or an image by digest.")
@click.option(
    "--to", required=True, metavar="REFERENCE|FILE.tar", help="host/repository[:tag], oci:FOLDER[:tag], or an archive."
)
@click.option(
    "--platform", "platforms", multiple=True, metavar="OS/ARCH", help="linux/amd64, linux/arm64; else all of the base."
)
@click.option("--name", metavar="REFERENCE", help="Of an image in an archive: host/repository[:tag].")
@click.option("--lock", metavar="FILE", help="Other packages: lines name==version --hash=sha256:…")
@click.option("--wheels", metavar="FOLDER", help="Holds the wheels of the lock; else pip fetches them.")
@click.option("--bytecode/--no-bytecode", default=True, help="Compile the packages, for a faster start; the default.")
@click.option("--compress", is_flag=True, help="Layers by gzip.")
@click.option("--explain", is_flag=True, help="Print what makes it up, package by package.")
@timeout_option(1800)
@click.pass_obj
def build(
    settings: Settings,
    base: str,
    to: str,
    platforms: tuple[str, ...],
    name: str | None,
    lock: str | None,
    wheels: str | None,
    bytecode: bool,
    compress: bool,
    explain: bool,
    timeout: float,
) -> None:
    """Build the edge image without Docker, and print its reference by digest.

    SOURCE_DATE_EPOCH is the time of all that is in it; the same inputs give the same digests.
    """
    from i4q_ai.oci import image

    built = image.build(
        base,
        to=to,
        platforms=platforms,
        name=name,
        lock=lock,
        wheels=wheels,
        bytecode=bytecode,
        compress=compress,
        timeout=timeout,
    )
    if settings.format != "table":
        printing.data(settings, document(built))
    elif explain:
        printing.table(settings, parts(built))
    else:
        for line in summary(built):
            printing.say(line)
        printing.out(built.reference)


def document(built: BuiltImage) -> dict[str, object]:
    """A built image as plain data; sizes in bytes."""
    data: dict[str, object] = asdict(built)
    data["images"] = [{**asdict(image), "size": image.size} for image in built.images]
    return data


def parts(built: BuiltImage) -> Table:
    """What makes an image up, one row a package."""
    rows = tuple(
        (image.platform, part.name, part.version, _megabytes(part.size), str(part.files))
        for image in built.images
        for part in image.parts
    )
    return Table(built.reference, _COLUMNS, rows, notes=tuple(summary(built)))


def summary(built: BuiltImage) -> Iterator[str]:
    """A line for each platform."""
    for image in built.images:
        yield (
            f"{image.platform}: {_megabytes(image.size)} MB unpacked in {len(image.parts)} packages, "
            f"on a base of {_megabytes(image.base)} MB"
        )


def _megabytes(size: int) -> str:
    return f"{size / _MEGABYTE:.1f}"
