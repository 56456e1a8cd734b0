"""Models on disk: what a folder holds, and where its versions are."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from i4q_ai.errors import FormatError, InvalidError, NotFoundError, nearest
from i4q_ai.serve.datatypes import DATATYPES
from i4q_ai.serve.signature import Signature, Spec, signature, spec

DESCRIPTION = "i4q.json"
CURRENT = "current"


@dataclass(frozen=True, slots=True)
class Tree:
    """One version of a model on disk.

    Args:
        folder: that holds the files.
        model: the model's name in URLs.
        version: of its description; "1" without one.
        format: that says by what it is loaded.
        claimed: the signature in its description; None without one.
        fingerprint: differs when the content does.
    """

    folder: Path
    model: str
    version: str
    format: str
    claimed: Signature | None
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where the versions of one model are.

    Args:
        model: its name in URLs.
        folder: a folder of trees with a link `current`, or the one tree there is.
        single: whether it is the latter.
    """

    model: str
    folder: Path
    single: bool

    def trees(self) -> list[Path]:
        """The folders of all versions."""
        if self.single:
            return [self.folder]
        return sorted(path for path in _folders(self.folder) if path.name != CURRENT and _is_tree(path))

    def pick(self, name: str | None = None) -> Path:
        """The folder of the version to serve.

        Args:
            name: of the folder beside `current`; None: what `current` names, else the highest version.

        Raises:
            NotFoundError: there is none.
            InvalidError: the name is none of a folder beside `current`.
        """
        if name is not None:
            return self._named(name)
        if self.single:
            return self.folder
        current = self.folder / CURRENT
        if current.is_symlink() or current.is_dir():
            target = current.resolve()
            if not _is_tree(target):
                raise NotFoundError(f"'{CURRENT}' of model {self.model} names {target.name}, which holds no model")
            return target
        trees = self.trees()
        if not trees:
            raise NotFoundError(f"there is no version of model {self.model}")
        return max(trees, key=lambda path: version_order(_version(path)))

    def _named(self, name: str) -> Path:
        if not name or name.startswith(".") or "/" in name or "\\" in name or "\0" in name:
            raise InvalidError(f"{name!r} is no name of a folder beside '{CURRENT}'")
        names = [path.name for path in self.trees()]
        if name not in names:
            raise NotFoundError(f"model {self.model} has no tree '{name}'", hint=nearest(name, names))
        return self.folder if self.single else self.folder / name


def shelves(folder: Path, name: str | None = None) -> dict[str, Shelf]:
    """The models that a folder holds, by their names in URLs.

    Args:
        folder: a tree, a folder of ONNX files, a model's folder of trees, or a repository of such folders.
        name: what to call the model, where the folder holds one.

    Raises:
        NotFoundError: there is no such folder.
        InvalidError: there is no model in it, or a name was given for several.
    """
    if not folder.is_dir():
        raise NotFoundError(f"there is no folder {folder}")
    folder = folder.resolve()
    found = list(_shelves(folder))
    if name is not None and len(found) == 1:
        found = [Shelf(name, found[0].folder, found[0].single)]
    elif name is not None and found:
        raise InvalidError(f"{folder} holds {len(found)} models; a name is for one")
    if not found:
        raise InvalidError(
            f"there is no model in {folder}", hint=f"a model is a folder with {DESCRIPTION} or one *.onnx file"
        )
    return {shelf.model: shelf for shelf in found}


def _shelves(folder: Path) -> Iterator[Shelf]:
    if (folder / DESCRIPTION).is_file():
        yield Shelf(_description(folder).get("name") or folder.name, folder, single=True)
    elif _is_tree(folder):
        yield Shelf(folder.name, folder, single=True)
    elif _is_tree(folder / CURRENT):
        yield Shelf(folder.name, folder, single=False)
    else:
        for path in _folders(folder):
            if _is_tree(path):
                yield Shelf(path.name, path, single=True)
            elif (path / CURRENT).is_symlink() or any(_is_tree(below) for below in _folders(path)):
                yield Shelf(path.name, path, single=False)


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _is_tree(folder: Path) -> bool:
    if (folder / DESCRIPTION).is_file():
        return True
    return folder.is_dir() and any(path.suffix == ".onnx" for path in folder.iterdir())


def read(shelf: Shelf, folder: Path) -> Tree:
    """What a tree says about itself.

    Raises:
        FormatError: its description is broken.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        return Tree(folder, shelf.model, "1", "onnx", None, _fingerprint(folder))
    about = _description(folder)
    if about.get("kind") != "Model" or not isinstance(about.get("version"), str):
        raise FormatError(f"{DESCRIPTION} of {folder.name} describes no version of a model")
    claimed = signature(_specs(about, "inputs"), _specs(about, "outputs"))
    return Tree(folder, shelf.model, about["version"], str(about.get("format", "files")), claimed, _fingerprint(folder))


def _specs(about: dict[str, Any], field: str) -> list[Spec]:
    # Only what serving needs is looked at: pydantic, which knows the rest, would cost the server a fifth of its memory.
    rows = about.get(field, [])
    try:
        return [spec(row["name"], row["datatype"], (int(size) for size in row["shape"])) for row in rows]
    except (TypeError, KeyError, ValueError) as error:
        raise FormatError(
            f"'{field}' in {DESCRIPTION} are no tensors", hint=f"name, shape, and datatype: {', '.join(DATATYPES)}"
        ) from error


def _description(folder: Path) -> dict[str, Any]:
    try:
        data = orjson.loads((folder / DESCRIPTION).read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise FormatError(f"{DESCRIPTION} of {folder.name} cannot be read: {error}") from error
    if not isinstance(data, dict):
        raise FormatError(f"{DESCRIPTION} of {folder.name} is no object")
    return data


def _version(folder: Path) -> str:
    if not (folder / DESCRIPTION).is_file():
        return "1"
    try:
        return str(_description(folder).get("version", ""))
    except FormatError:
        return ""


def version_order(version: str) -> list[tuple[int, int, str]]:
    """A key that sorts versions as people count: 9 before 10, 1.2 before 1.10.

    Example:
        >>> sorted(["10", "9", "1.10", "1.2"], key=version_order)
        ['1.2', '1.10', '9', '10']
    """
    parts = re.findall(r"\d+|[^\d.]+", version)
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts]


def size(folder: Path) -> int:
    """Bytes of all files of a tree."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        about = path.stat()
        digest.update(f"{path.relative_to(folder)}\0{about.st_size}\0{about.st_mtime_ns}\0{about.st_ino}\n".encode())
    return digest.hexdigest()
