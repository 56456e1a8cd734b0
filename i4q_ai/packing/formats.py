"""What format a model is, and whether its files are what they say; nothing is ever unpickled."""

from __future__ import annotations

import json
import mmap
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from i4q_ai.errors import FormatError, nearest

_PICKLE_ENDINGS = frozenset({".pkl", ".pickle", ".joblib", ".pt", ".pth", ".ckpt"})
_PICKLE_FORMATS = frozenset({"pickle", "joblib", "pt"})
_EXPORT = "pickle runs code on load; export to ONNX"
_LARGEST_HEADER = 100 * 1024 * 1024

Buffer = mmap.mmap | bytes


def check(found: Mapping[str, Path], format: str | None) -> str:
    """The format of some files, each of which is what it says.

    Args:
        found: path inside the model → path here.
        format: as told; None to guess.

    Raises:
        FormatError: there is no such format; a file is not what it says, or runs code when it is loaded.
    """
    if format in _PICKLE_FORMATS:
        raise FormatError(f"models of format '{format}' are not packed", hint=_EXPORT)
    for place in found.values():
        if is_pickle(place):
            raise FormatError(f"{place} is a pickle", hint=_EXPORT)
    chosen = format or guess(found)
    if chosen == "files":
        return chosen
    if chosen not in CHECKS:
        raise FormatError(f"there is no format '{chosen}'", hint=nearest(chosen, [*CHECKS, "files"]))
    ending, verify = f".{chosen}", CHECKS[chosen]
    files = [place for path, place in found.items() if Path(path).suffix.lower() == ending]
    if not files:
        raise FormatError(
            f"a model of format '{chosen}' has no {ending} file", hint=f"found {', '.join(sorted(found)[:5])}"
        )
    for place in files:
        verify(place)
    return chosen


def guess(found: Mapping[str, Path]) -> str:
    """The format by the files' endings; "files" if none is known."""
    endings = {Path(path).suffix.lower() for path in found}
    return next((known for known in CHECKS if f".{known}" in endings), "files")


def is_pickle(place: Path) -> bool:
    """Whether a file is a pickle, by its ending or by its bytes."""
    if place.suffix.lower() in _PICKLE_ENDINGS:
        return True
    with _mapped(place) as data:
        if data[:4] == b"PK\x03\x04" and place.suffix.lower() == ".bin":
            return _holds_pickle(place)
        return len(data) > 2 and data[0] == 0x80 and 2 <= data[1] <= 5 and data[-1:] == b"."


def _holds_pickle(place: Path) -> bool:
    try:
        with zipfile.ZipFile(place) as archive:
            return any(name.endswith(".pkl") for name in archive.namelist())
    except zipfile.BadZipFile:
        return False


class _mapped:  # noqa: N801 - used like a function
    """A file's bytes without reading them all."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def __enter__(self) -> Buffer:
        self._file = self._place.open("rb")
        try:
            self._map: Buffer = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:  # empty
            self._map = b""
        return self._map

    def __exit__(self, *_: object) -> None:
        if isinstance(self._map, mmap.mmap):
            self._map.close()
        self._file.close()


def check_onnx(place: Path) -> None:
    """Refuse what is no ONNX model: an IR version, a graph and an operator set, by protobuf's wire format."""
    with _mapped(place) as data:
        try:
            fields = {number for number, _, _ in _fields(data, 0, len(data))}
        except (IndexError, ValueError) as error:
            raise FormatError(f"{place} is not ONNX: {error}") from error
    if not {1, 7, 8} <= fields:
        raise FormatError(f"{place} is not ONNX: it holds no graph")


def external_files(place: Path) -> list[str]:
    """Files beside an ONNX model that hold its larger tensors, relative to its folder.

    Args:
        place: a file that `check_onnx` accepts.
    """
    found: set[str] = set()
    with _mapped(place) as data:
        for start, end in _inside(data, [(0, len(data))], 7, 5, 13):  # graph.initializer.external_data
            entry = {number: bytes(data[a:b]) for number, a, b in _fields(data, start, end)}
            if entry.get(1) == b"location":
                found.add(entry.get(2, b"").decode())
    return sorted(found)


def _inside(data: Buffer, spans: list[tuple[int, int]], *path: int) -> list[tuple[int, int]]:
    for wanted in path:
        spans = [(a, b) for start, end in spans for number, a, b in _fields(data, start, end) if number == wanted]
    return spans


def _fields(data: Buffer, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number, start and end of the fields of one protobuf message."""
    while at < end:
        key, at = _varint(data, at, end)
        number, kind = key >> 3, key & 7
        if kind == 0:
            start, (_, at) = at, _varint(data, at, end)
        elif kind == 2:
            length, at = _varint(data, at, end)
            start, at = at, at + length
        elif kind in (1, 5):
            start, at = at, at + (8 if kind == 1 else 4)
        else:
            raise ValueError("it is no protobuf")
        if at > end or number == 0:
            raise ValueError("it is cut off or no protobuf")
        yield number, start, at


def _varint(data: Buffer, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 64:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("it is cut off or no protobuf")


def check_safetensors(place: Path) -> None:
    """Refuse what is no safetensors file: its header must describe the rest of it."""
    size = place.stat().st_size
    with place.open("rb") as file:
        head = file.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
        if not 2 <= length <= min(_LARGEST_HEADER, size - 8):
            raise FormatError(f"{place} is not safetensors: its header has no sensible length")
        raw = file.read(length)
    try:
        header = json.loads(raw)
        ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
        fits = max(ends, default=0) == size - 8 - length
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise FormatError(f"{place} is not safetensors: its header is broken") from error
    if not fits:
        raise FormatError(f"{place} is not safetensors: it is cut off or too long")


def check_gguf(place: Path) -> None:
    """Refuse what is no GGUF file, by its magic and version."""
    with place.open("rb") as file:
        head = file.read(8)
    if head[:4] != b"GGUF" or len(head) < 8 or not 1 <= struct.unpack("<I", head[4:])[0] <= 99:
        raise FormatError(f"{place} is not GGUF")


CHECKS: dict[str, Callable[[Path], None]] = {
    "onnx": check_onnx,
    "safetensors": check_safetensors,
    "gguf": check_gguf,
}
"""Format → check of one file. The guess takes the first of these whose ending is there."""
