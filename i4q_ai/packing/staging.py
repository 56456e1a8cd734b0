"""Where packed files wait to be pushed when they do not lie in one folder: below the cache, by their content."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from i4q_ai import config
from i4q_ai.errors import StorageError
from i4q_ai.model import File


def common_folder(found: Mapping[str, Path]) -> Path | None:
    """The folder in which every file lies at its path inside the model, if there is one.

    Args:
        found: path inside the model → path here, absolute.
    """
    path, place = next(iter(found.items()))
    if not place.as_posix().endswith(f"/{path}"):
        return None
    folder = Path(place.as_posix()[: -len(path) - 1] or "/")
    return folder if all(place == folder / path for path, place in found.items()) else None


def stage(files: Sequence[File], found: Mapping[str, Path]) -> Path:
    """Put files into one folder: links where the disk allows, copies elsewhere.

    Args:
        files: what they are.
        found: path inside the model → path here.
    """
    listing = "".join(f"{file.sha256} {file.path}\n" for file in files)
    folder = config.cache() / "packed" / hashlib.sha256(listing.encode()).hexdigest()
    if not folder.is_dir():
        with _new(folder) as staged:
            for path, place in found.items():
                _link_or_copy(place, staged / path)
    return folder


def stage_bytes(data: bytes, name: str) -> Path:
    """Put the bytes of one file into a folder of its own; returns the folder."""
    folder = config.cache() / "packed" / hashlib.sha256(data).hexdigest()
    if not (folder / name).is_file():
        with _new(folder) as staged:
            (staged / name).write_bytes(data)
    return folder


@contextlib.contextmanager
def _new(folder: Path) -> Iterator[Path]:
    """A folder that appears whole; the content gives its name, so whoever comes second has the same."""
    staged = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    try:
        staged.mkdir(parents=True)
        yield staged
        try:
            staged.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    except OSError as error:
        raise StorageError(f"{folder}: {error.strerror}", hint="I4Q_CACHE names another place") from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _link_or_copy(place: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(place.resolve(), to)
    except OSError:  # another disk, or one without links
        shutil.copyfile(place, to)
