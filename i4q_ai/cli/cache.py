"""`i4q cache …`: what was downloaded and is kept on this machine."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from i4q_ai import config
from i4q_ai.cli import printing
from i4q_ai.cli.settings import Settings
from i4q_ai.cli.verbs import Verbs, timeout_option
from i4q_ai.errors import InvalidError

_DAY = 86_400.0
_MEGABYTE = 1_000_000


@click.group(cls=Verbs, name="cache")
def group() -> None:
    """Caches: what was downloaded and is kept on this machine."""


@group.command("gc")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), required=False)
@click.option("--keep", multiple=True, metavar="DIGEST", help="Of an artifact that stays, however old.")
@click.option(
    "--unused-for",
    type=click.FloatRange(min=0),
    default=30,
    show_default=True,
    metavar="DAYS",
    help="What was not fetched for so long goes; 0: all that is not kept.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@timeout_option(10)
@click.pass_obj
def collect(
    settings: Settings, folder: Path | None, keep: tuple[str, ...], unused_for: float, dry_run: bool, timeout: float
) -> None:
    """Delete what has not been of use for long from FOLDER, a cache as `fetch` fills it.

    Without FOLDER, that of base images. Begun downloads are kept for a week. Edge agents clean their own caches.
    """
    from i4q_ai.oci.downloads import pruning
    from i4q_ai.oci.reference import is_digest

    for digest in keep:
        if not is_digest(digest):
            raise InvalidError(f"--keep {digest!r} is no digest", hint="sha256: and 64 of 0-9, a-f")
    where = (folder or config.cache() / "bases").absolute()
    if folder is not None and where.is_dir() and not _is_cache(where):
        raise InvalidError(f"{where} is no cache of downloads: there is no sha256 in it")
    pruned = pruning.prune(where, keep, used_within=unused_for * _DAY, timeout=timeout, dry=dry_run)
    said = "would go" if dry_run else "gone"
    text = f"{where}: {pruned.files} files {said}, {pruned.size / _MEGABYTE:.1f} MB; {pruned.kept} stay"
    printing.document(settings, {"folder": str(where), **asdict(pruned)}, text=text)


def _is_cache(folder: Path) -> bool:
    return (folder / "sha256").is_dir() or not any(folder.iterdir())
