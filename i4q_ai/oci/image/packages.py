"""What an image holds beyond its base, as two folders: the wheels of the lock, and this package."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Sequence
from importlib.metadata import distribution
from pathlib import Path

import i4q_ai
from i4q_ai.deadline import Deadline
from i4q_ai.oci.disk import storage_errors
from i4q_ai.oci.image import bytecode, wheels
from i4q_ai.oci.image.result import Part
from i4q_ai.oci.image.wheels import Wheel

SITE_PACKAGES = "opt/i4q/site-packages"
"""Where packages are in the image, without the leading `/`."""

_OURS = "i4q-ai"
_KEPT = ("METADATA", "licenses/LICENSE")
_log = logging.getLogger(__name__)


def dependencies(chosen: Sequence[Wheel], folder: Path, compiler: str | None, deadline: Deadline) -> list[Part]:
    """Unpack wheels into a folder.

    Args:
        chosen: of one platform.
        folder: empty.
        compiler: the interpreter that makes bytecode; None for none.
        deadline: for all of it.

    Returns:
        What each wheel takes, the largest first.
    """
    paths: dict[Wheel, list[str]] = {}
    for wheel in chosen:
        deadline.check()
        paths[wheel] = wheels.unpack(wheel, folder)
    if compiler:
        bytecode.compile_tree(folder, f"/{SITE_PACKAGES}", compiler, deadline)
    parts = [_part(wheel.name, wheel.version, files, folder) for wheel, files in paths.items()]
    return sorted(parts, key=lambda part: (-part.size, part.name))


def own(folder: Path, compiler: str | None, deadline: Deadline) -> Part:
    """Copy this package into a folder, with what `importlib.metadata` needs to tell its version.

    Args:
        folder: empty.
        compiler: the interpreter that makes bytecode; None for none.
        deadline: for all of it.
    """
    about = distribution(_OURS)
    with storage_errors(str(folder)):
        files = [*_copy(Path(i4q_ai.__file__).parent, folder / "i4q_ai")]
        info = folder / f"i4q_ai-{about.version}.dist-info"
        for name in _KEPT:
            text = about.read_text(name)
            if text is not None:
                path = info / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
                files.append(path)
    if compiler:
        bytecode.compile_tree(folder, f"/{SITE_PACKAGES}", compiler, deadline)
    return _part(_OURS, about.version, [path.relative_to(folder).as_posix() for path in files], folder)


def _copy(source: Path, to: Path) -> Iterable[Path]:
    for path in sorted(source.rglob("*")):
        inside = path.relative_to(source)
        hidden = any(part.startswith(".") or part == "__pycache__" for part in inside.parts)
        if hidden or not path.is_file():
            continue
        target = to / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        yield target


def _part(name: str, version: str, files: Sequence[str], folder: Path) -> Part:
    sources = [folder / path for path in files]
    beside = [folder / bytecode.compiled(path) for path in files if path.endswith(".py")]
    present = [*sources, *(path for path in beside if path.is_file())]
    return Part(name, version, sum(path.stat().st_size for path in present), len(present))
