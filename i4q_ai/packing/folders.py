"""Files on this disk to the file list of a Model or Workload: found, checked, hashed once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from i4q_ai.errors import InvalidError
from i4q_ai.model import File, Model
from i4q_ai.packing import digests, formats, staging
from i4q_ai.packing.paths import clashes
from i4q_ai.workload import Workload

M = TypeVar("M", bound=Model)
W = TypeVar("W", bound=Workload)


def from_dir(cls: type[M], folder: Path, *, name: str, version: str, format: str | None = None, **about: Any) -> M:
    """A model from all files of a folder.

    Args:
        cls: Model.
        folder: hidden files and folders in it are left out.
        name, version, about: fields of the model.
        format: guessed if not given.

    Raises:
        InvalidError: no such folder, no file in it, or files that cannot be packed.
        FormatError: a file is not what the format says, or runs code when it is loaded.
    """
    found = _found(folder)
    chosen = formats.check(found, format)
    files = hashed(found)
    return cls(name=name, version=version, format=chosen, files=files, source=str(folder.absolute()), **about)


def from_files(
    cls: type[M],
    files: Mapping[str, str | Path] | Sequence[str | Path],
    *,
    name: str,
    version: str,
    format: str | None = None,
    **about: Any,
) -> M:
    """A model from single files.

    Args:
        cls: Model.
        files: paths (each keeps its name), or path inside the model → path here.
        name, version, format, about: as for `from_dir`.

    Raises:
        InvalidError: no files, a file that is not there, or two of one name.
        FormatError: as for `from_dir`.
    """
    if isinstance(files, str | bytes | os.PathLike):
        raise InvalidError("files is a list of paths or a mapping, not one path", hint="files=[path]")
    pairs = list(files.items()) if isinstance(files, Mapping) else [(Path(place).name, place) for place in files]
    if not pairs:
        raise InvalidError(f"model {name} {version} has no files")
    _refuse(clashes([path for path, _ in pairs]))
    found = {path: Path(place).absolute() for path, place in sorted(pairs)}
    for place in found.values():
        _need_file(place)
    chosen = formats.check(found, format)
    listed = hashed(found)
    source = staging.common_folder(found) or staging.stage(listed, found)
    return cls(name=name, version=version, format=chosen, files=listed, source=str(source), **about)


def workload_from_dir(
    cls: type[W], folder: Path, *, name: str, version: str, command: Sequence[str], **about: Any
) -> W:
    """A workload from all files of a folder.

    Args:
        cls: Workload.
        folder: hidden files and folders in it are left out.
        name, version, command, about: fields of the workload.

    Raises:
        InvalidError: no such folder, no file in it, or files that cannot be packed.
    """
    if isinstance(command, str):
        raise InvalidError("command is a list of words, not a string", hint=f"command={command.split()!r}")
    files = hashed(_found(folder))
    source = str(folder.absolute())
    return cls(name=name, version=version, command=tuple(command), files=files, source=source, **about)


def hashed(found: Mapping[str, Path]) -> tuple[File, ...]:
    """The entries of files; each is read once, unless it is known from before.

    Args:
        found: path inside the artifact → path here.

    Raises:
        NotFoundError, StorageError: one cannot be read.
    """
    read = digests.of_files(found.values())
    return tuple(File(path=path, size=read[place][0].size, sha256=read[place][1]) for path, place in found.items())


def _found(folder: Path) -> dict[str, Path]:
    """Path inside the folder → path here, sorted."""
    if not folder.is_dir():
        raise InvalidError(
            f"there is no folder {folder}", hint="from_files takes single files" if folder.is_file() else ""
        )
    root = folder.resolve()
    found = {place.relative_to(root).as_posix(): place for place in _walk(root, root)}
    if not found:
        raise InvalidError(f"{folder} holds no files", hint="hidden files do not count")
    _refuse(clashes(list(found)))
    return dict(sorted(found.items()))


def _walk(folder: Path, root: Path) -> Iterator[Path]:
    for place in folder.iterdir():
        if place.name.startswith("."):
            continue
        if place.is_symlink() and not place.resolve().is_relative_to(root):
            raise InvalidError(f"{place} links out of {root}", hint="copy what it links to")
        if not place.is_dir():
            _need_file(place)
            yield place
        elif place.is_symlink():
            raise InvalidError(f"{place} links to a folder", hint="copy what it links to")
        else:
            yield from _walk(place, root)


def _need_file(place: Path) -> None:
    if not place.exists():
        raise InvalidError(f"there is no file {place}")
    if not place.is_file():
        raise InvalidError(f"{place} is no regular file")


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        raise InvalidError("; ".join(problems), hint="rename one")
