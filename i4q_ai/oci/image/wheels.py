"""Wheels: what their names say, and their files into a folder."""

from __future__ import annotations

import itertools
import re
import shutil
import stat
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from i4q_ai.errors import FormatError
from i4q_ai.oci.disk import storage_errors
from i4q_ai.oci.image.locked import normal
from i4q_ai.oci.image.platforms import PYTHON, Platform

_NAME = re.compile(
    r"(?P<name>[^-]+)-(?P<version>[^-]+)(-\d[^-]*)?-(?P<py>[^-]+)-(?P<abi>[^-]+)-(?P<platform>[^-]+)\.whl"
)
_INTO_PACKAGES = ("purelib", "platlib")
_DROPPED_FOLDERS = frozenset({"tests", "__pycache__"})
_DROPPED_ENDINGS = (".pyi", ".pyc")
_DROPPED_OF_INFO = frozenset({"RECORD", "RECORD.jws", "RECORD.p7s"})  # they list what is not there any more


@dataclass(frozen=True)
class Wheel:
    """A wheel, by its file name.

    Args:
        path: of the file.
        name: of the package, normal.
        version: of it.
        tags: (Python, ABI, platform), any of which it fits.
    """

    path: Path
    name: str
    version: str
    tags: frozenset[tuple[str, str, str]]

    @classmethod
    def of(cls, path: Path) -> Wheel:
        """What the name of a file says.

        Raises:
            FormatError: it is no wheel's.
        """
        match = _NAME.fullmatch(path.name)
        if not match:
            raise FormatError(f"{path.name} is not the name of a wheel")
        tags = itertools.product(*(match[part].split(".") for part in ("py", "abi", "platform")))
        return cls(path, normal(match["name"]), match["version"], frozenset(tags))

    def fits(self, platform: Platform) -> bool:
        """Whether it runs on the image's Python there."""
        places = {"any", *platform.wheel_tags()}
        return any(place in places and _fits_python(python, abi) for python, abi, place in self.tags)


def _fits_python(python: str, abi: str) -> bool:
    major, minor = PYTHON
    if abi == f"cp{major}{minor}":
        return python == abi
    if abi == "abi3":
        return any(python == f"cp{major}{older}" for older in range(2, minor + 1))
    known = {f"py{major}", f"cp{major}{minor}", *(f"py{major}{older}" for older in range(minor + 1))}
    return abi == "none" and python in known


def unpack(wheel: Wheel, packages: Path) -> list[str]:
    """Put the files of a wheel where Python imports from; without tests, type stubs and bytecode.

    Of its `.data` only what belongs beside the packages is taken: no scripts, headers or other files.

    Args:
        wheel: whose bytes are trusted to be those that were meant.
        packages: the folder; what another wheel has put there stays, unless it is the same.

    Returns:
        The paths of the files in the folder, with `/`.

    Raises:
        FormatError: it is no wheel that can be unpacked, a path leads out of the folder, or two files have one path.
        StorageError: no room or no right to write.
    """
    try:
        with zipfile.ZipFile(wheel.path) as archive, storage_errors(str(packages)):
            _need_version(wheel, archive)
            found: dict[str, zipfile.ZipInfo] = {}
            for member in archive.infolist():
                path = _place(wheel, member)
                if path is not None and found.setdefault(path, member) is not member:
                    raise FormatError(f"{wheel.path.name} holds {path} twice")
            for path, member in found.items():
                _write(wheel, archive, member, packages / path)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
        raise FormatError(f"{wheel.path.name} is no whole zip file: {error}") from error
    return sorted(found)


def _need_version(wheel: Wheel, archive: zipfile.ZipFile) -> None:
    infos = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith(".dist-info/WHEEL")]
    if len(infos) != 1:
        raise FormatError(f"{wheel.path.name} is no wheel: it has {len(infos)} files *.dist-info/WHEEL")
    told = archive.read(infos[0]).decode(errors="replace")
    version = re.search(r"^Wheel-Version:\s*(\d+)\.", told, re.MULTILINE)
    if not version or version[1] != "1":
        raise FormatError(f"{wheel.path.name} is not of version 1 of the wheel format")


def _place(wheel: Wheel, member: zipfile.ZipInfo) -> str | None:
    """Where a file goes, in the folder of packages; None if it is left out."""
    path = PurePosixPath(member.filename)
    parts = path.parts
    if path.is_absolute() or ".." in parts or re.search(r"[\\\0]|^[A-Za-z]:", member.orig_filename):
        raise FormatError(f"{wheel.path.name} holds {member.filename!r}, which leads out of the folder")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if member.is_dir():
        return None
    if kind not in (0, stat.S_IFREG):
        raise FormatError(f"{wheel.path.name} holds {member.filename!r}, which is no regular file")
    if parts[0].endswith(".data"):
        parts = parts[2:] if parts[1:2] and parts[1] in _INTO_PACKAGES else ()
    if not parts or _DROPPED_FOLDERS & set(parts[:-1]) or parts[-1].endswith(_DROPPED_ENDINGS):
        return None
    if parts[0].endswith(".dist-info") and parts[-1] in _DROPPED_OF_INFO:
        return None
    return "/".join(parts)


def _write(wheel: Wheel, archive: zipfile.ZipFile, member: zipfile.ZipInfo, to: Path) -> None:
    if to.exists():
        if to.is_file() and to.read_bytes() == archive.read(member):
            return  # packages that share a namespace bring the same __init__.py
        raise FormatError(f"{wheel.path.name} brings {to.name}, which another wheel has brought with other content")
    to.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as source, to.open("xb") as target:
        shutil.copyfileobj(source, target, 1024 * 1024)
    to.chmod(0o755 if (member.external_attr >> 16) & 0o111 else 0o644)
