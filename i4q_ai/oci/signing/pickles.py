"""Files that can run code when they are loaded: pickles, by what their opcodes ask for; nothing of them is loaded."""

from __future__ import annotations

import pickletools
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from i4q_ai.errors import StorageError

SUFFIXES = frozenset({".pkl", ".pickle", ".pt", ".pth", ".bin", ".joblib", ".ckpt", ".dill"})
"""Names of files that loaders take for pickles."""

HARMLESS: frozenset[str] = frozenset(
    {
        "builtins.bytearray", "builtins.bytes", "builtins.complex", "builtins.frozenset", "builtins.set",
        "builtins.slice",
        "__builtin__.bytearray", "__builtin__.bytes", "__builtin__.complex", "__builtin__.frozenset", "__builtin__.set",
        "_codecs.encode", "collections.OrderedDict", "datetime.date", "datetime.datetime", "datetime.timedelta",
        "decimal.Decimal",
        "numpy.dtype", "numpy.ndarray",
        "numpy.core.multiarray._reconstruct", "numpy.core.multiarray.scalar",
        "numpy._core.multiarray._reconstruct", "numpy._core.multiarray.scalar",
        "numpy._core.numeric._frombuffer", "numpy.core.numeric._frombuffer",
        "torch.Size", "torch.device",
        "torch._utils._rebuild_parameter", "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2",
        *(
            f"torch.{kind}Storage"
            for kind in ("BFloat16", "Bool", "Byte", "Char", "Double", "Float", "Half", "Int", "Long", "Short")
        ),
        *(
            f"torch.{kind}"
            for kind in ("bfloat16", "bool", "float16", "float32", "float64",
                         "int8", "int16", "int32", "int64", "uint8")
        ),
    }
)  # fmt: skip
"""What a pickle may name: it makes data, and nothing that data can be made to do."""

HINT = "another format, as onnx or safetensors; or a trust rule with 'pickle: true', for what is signed"

_TEXTS = frozenset({"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE"})
_GETS = frozenset({"GET", "BINGET", "LONG_BINGET"})
_PUTS = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_EXTENSIONS = frozenset({"EXT1", "EXT2", "EXT4"})
_PACKED = frozenset({".gz", ".bz2", ".xz", ".lzma", ".zst", ".lz4", ".z"})
_ZIP = b"PK\x03\x04"
_PROTOCOLS = range(2, 6)
_TORCH_MAGIC = 0x1950A86A20F9469CFC6C
_TORCH_PICKLES = 5
_LARGEST_READ = 256 * 1024 * 1024
_MOST_MEMBERS = 100_000


class _Broken(Exception):
    """Not a pickle, or one that cannot be judged."""


def scan(folder: Path, paths: Iterable[str]) -> dict[str, str]:
    """Which files can run code when they are loaded.

    Args:
        folder: that holds them.
        paths: of the files, inside it.

    Returns:
        Path → why, in words; what is not named is harmless.

    Raises:
        StorageError: a file cannot be read.
    """
    found = {}
    for path in paths:
        try:
            with (folder / path).open("rb") as file:
                why = judge(file, suffix=_suffix(path))
        except OSError as error:
            raise StorageError(f"{folder / path} cannot be read: {error.strerror or error}") from error
        if why:
            found[path] = why
    return found


def _suffix(path: str) -> str:
    """The last suffix of a name, but for that of a packer."""
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if len(suffixes) > 1 and suffixes[-1] in _PACKED:
        return suffixes[-2]
    return suffixes[-1] if suffixes else ""


def judge(file: IO[bytes], *, suffix: str) -> str:
    """Why a file can run code when it is loaded; empty if it cannot.

    Args:
        file: at its beginning; can seek.
        suffix: of its name; what no loader takes for a pickle is judged if it begins as one all the same.
    """
    head = file.read(len(_ZIP))
    file.seek(0)
    if head == _ZIP:
        return _judge_zip(file)
    is_pickle = len(head) > 1 and head[0] == 0x80 and head[1] in _PROTOCOLS
    if not is_pickle and suffix not in SUFFIXES:
        return ""
    try:
        _judge_all(file)
    except _Unsafe as unsafe:
        return str(unsafe)
    except _Broken as broken:
        # Many formats call their plain numbers .bin; a loader stops at the first byte that is no opcode.
        return "" if suffix == ".bin" and not is_pickle else f"it cannot be judged: {broken}"
    return ""


class _Unsafe(Exception):
    """A pickle that asks for something that is not harmless."""


def _judge_zip(file: IO[bytes]) -> str:
    """A zip as torch writes it: the pickles inside."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if len(members) > _MOST_MEMBERS:
                return f"it cannot be judged: it has {len(members)} members"
            for member in members:
                why = _judge_member(archive, member)
                if why:
                    return f"{member.filename}: {why}"
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        return f"it cannot be judged: {error}"
    return ""


def _judge_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> str:
    suffix = Path(member.filename).suffix.lower()
    if member.is_dir():
        return ""
    with archive.open(member) as file:
        head = file.read(2)
    if suffix not in SUFFIXES and not (len(head) > 1 and head[0] == 0x80 and head[1] in _PROTOCOLS):
        return ""
    with archive.open(member) as file:
        try:
            _judge_all(file)
        except _Unsafe as unsafe:
            return str(unsafe)
        except _Broken as broken:
            named = suffix in SUFFIXES - {".bin"}
            return f"it cannot be judged: {broken}" if named else ""
    return ""


def _judge_all(file: IO[bytes]) -> None:
    """One pickle up to the end of the file; or those with which an old file of torch begins."""
    bounded = _Bounded(file)
    first = _judge_one(bounded)
    if first == _TORCH_MAGIC:
        for _ in range(_TORCH_PICKLES - 1):
            _judge_one(bounded)
    elif bounded.read(1):
        raise _Broken("something stands after its end")


def _judge_one(file: _Bounded) -> object:
    """The number that it is, if it is nothing else."""
    value: object = None
    for name, argument in _named(file):
        if name is not None and name not in HARMLESS:
            raise _Unsafe(f"it asks for {name[:200]}")
        value = argument
    return value


def _named(file: _Bounded) -> Iterator[tuple[str | None, object]]:
    """Every name that a pickle asks for, and with each opcode the last number.

    Names are followed only where pickles write them: two texts, one right behind the other. Whatever comes to a name
    in another way counts as unknown, and so as unsafe.
    """
    memo: dict[int, str | None] = {}
    texts: list[str | None] = [None, None]
    number: object = None
    for opcode, argument in _opcodes(file):
        code = opcode.name
        if code in ("PROTO", "FRAME"):
            continue
        if code in _PUTS or code == "MEMOIZE":
            memo[argument if isinstance(argument, int) else len(memo)] = texts[-1]
            continue
        if code in ("GLOBAL", "INST"):
            yield str(argument).replace(" ", ".", 1), None
        elif code == "STACK_GLOBAL":
            module, name = texts[-2:]
            yield (f"{module}.{name}" if module and name else "a name that it makes up while it is loaded"), None
        elif code in _EXTENSIONS:
            yield f"extension {argument}", None
        if isinstance(argument, int) and code.startswith(("LONG", "BININT", "INT")):
            number = argument
        text = memo.get(argument) if code in _GETS and isinstance(argument, int) else None
        if code in _TEXTS and isinstance(argument, str):
            text = argument
        texts = [texts[-1], text]
        yield None, number


def _opcodes(file: _Bounded) -> Iterator[tuple[pickletools.OpcodeInfo, object]]:
    try:
        for opcode, argument, _ in pickletools.genops(file):  # type: ignore[arg-type] # it reads, nothing else
            yield opcode, argument
    except (ValueError, UnicodeError, OverflowError, EOFError, IndexError) as error:
        raise _Broken(f"it is no pickle that can be read to its end ({str(error)[:100]})") from error


class _Bounded:
    """A file whose reads have a limit, so that a pickle cannot make us take all memory."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int) -> bytes:
        """So many bytes, or what is left."""
        if not 0 <= size <= _LARGEST_READ:
            raise _Broken(f"one part of it has more than {_LARGEST_READ} bytes")
        return self._file.read(size)

    def readline(self) -> bytes:
        """A line."""
        line = self._file.readline(64 * 1024 + 1)
        if len(line) > 64 * 1024:
            raise _Broken("a line of it is too long")
        return line
