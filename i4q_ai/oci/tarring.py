"""Tar streams that come out the same on every machine, made from the files while they are sent.

The format is frozen, for digests depend on it: USTAR (GNU where a name or size does not fit), parent folders
once per stream, mtime 0, owner 0 without names, no leading "./", two zero blocks at the end.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from i4q_ai.errors import ConflictError, NotFoundError, StorageError
from i4q_ai.oci.uploads.bodies import Span
from i4q_ai.packing.digests import Stamp, known, stamp_of

BLOCK = 512
CHUNK = 1024 * 1024
_END = bytes(2 * BLOCK)
_LARGEST_OCTAL = 0o77777777777
_LONG_NAME = b"././@LongLink"
_FOLDER_MODE = 0o755


@dataclass(frozen=True)
class Entry:
    """A file in a tar stream.

    Args:
        path: in the stream.
        size: in bytes.
        sha256: 64 hex digits; the content must hash to it when it is read.
        content: the file here, or its bytes.
    """

    path: str
    size: int
    sha256: str
    content: Path | bytes


@dataclass(frozen=True)
class Tar:
    """A tar of some files, as a blob: its size is known at once, its digest after one reading.

    The bytes are never kept; every reading makes them anew from the files.

    Args:
        entries: in the order in which they stand in the stream.
        mode: of all files.
    """

    entries: tuple[Entry, ...]
    mode: int = 0o644

    @cached_property
    def size(self) -> int:
        """Bytes of the whole stream."""
        folders = sum(len(header(folder, 0, _FOLDER_MODE)) for folder in _folders(self.entries))
        files = sum(len(header(entry.path, entry.size, self.mode)) + _padded(entry.size) for entry in self.entries)
        return folders + files + len(_END)

    @cached_property
    def digest(self) -> str:
        """`sha256:…` of the whole stream; reads all files once."""
        return self.hash(lambda: None)

    @property
    def places(self) -> list[Path]:
        """The files here that it is made from."""
        return [entry.content for entry in self.entries if isinstance(entry.content, Path)]

    @property
    def key(self) -> str:
        """Names the stream: equal only if the digest is."""
        listed = [(entry.path, entry.size, entry.sha256) for entry in self.entries]
        return f"tar:{hashlib.sha256(repr((self.mode, listed)).encode()).hexdigest()}"

    def adopt(self, digest: str, stamps: Mapping[Path, Stamp]) -> None:
        """Take it as known that the files are what their entries say, while the disk says of them what it says now.

        Args:
            digest: of the whole stream.
            stamps: of the files, taken before anybody made sure.
        """
        self.__dict__.update(digest=digest, _stamps={place: stamps[place] for place in self.places})

    def verify(self) -> None:
        """Make sure that no file has changed since `adopt`.

        Raises:
            ConflictError: one has.
        """
        for place, stamp in self._stamps.items():
            if not place.exists() or stamp_of(place) != stamp:
                raise changed(str(place))

    def doubt(self) -> None:
        """Forget what is known of it, and make sure by reading.

        Raises:
            ConflictError: a file has changed.
        """
        known().forget([self.key, *(stamp.key for stamp in self._stamps.values())])
        if self.hash(lambda: None) != self.digest:
            raise changed(", ".join(map(str, self.places)))

    @cached_property
    def _stamps(self) -> Mapping[Path, Stamp]:
        return {}

    def hash(self, check: Callable[[], None], trusted: Collection[Path | bytes] = ()) -> str:
        """Hash the stream; the files that are trusted to be what they are not once more by themselves."""
        digest = hashlib.sha256()
        for part in self.parts():
            if not isinstance(part, Entry):
                digest.update(part)
                continue
            pieces = _read(part) if part.content in trusted else checked(part)
            for chunk in pieces:
                check()
                digest.update(chunk)
        return f"sha256:{digest.hexdigest()}"

    def spans(self) -> Iterator[bytes | Span]:
        """The stream as bytes and files."""
        for part in self.parts():
            if not isinstance(part, Entry):
                yield part
            else:
                yield Span(part.content, 0, part.size) if isinstance(part.content, Path) else part.content

    def chunks(self) -> Iterator[bytes]:
        """The stream, at most 1 MiB a piece.

        Raises:
            NotFoundError: a file is gone.
            ConflictError: a file is not what it was when it was packed; raised before the stream's last byte.
        """
        for part in self.parts():
            if part is _END:
                self.verify()
            if isinstance(part, Entry):
                yield from _read(part) if part.content in self._stamps else checked(part)
            else:
                yield part

    def parts(self) -> Iterator[bytes | Entry]:
        """The stream without reading a file: each stands for its content."""
        for folder in _folders(self.entries):
            yield header(folder, 0, _FOLDER_MODE)
        for entry in self.entries:
            yield header(entry.path, entry.size, self.mode)
            yield entry
            yield bytes(_padded(entry.size) - entry.size)
        yield _END


def header(path: str, size: int, mode: int) -> bytes:
    """The header of one entry; a path that ends in "/" is a folder.

    Args:
        path: in the stream.
        size: in bytes.
        mode: the permission bits.
    """
    name = path.encode()
    prefix, short = _split(name)
    if short is None:
        long_name = (
            _block(_LONG_NAME, b"", len(name) + 1, 0, b"L", gnu=True) + name + bytes(_padded(len(name) + 1) - len(name))
        )
        return long_name + _block(name[:100], b"", size, mode, _kind(path), gnu=True)
    return _block(short, prefix, size, mode, _kind(path), gnu=size > _LARGEST_OCTAL)


def _kind(path: str) -> bytes:
    return b"5" if path.endswith("/") else b"0"


def _split(name: bytes) -> tuple[bytes, bytes | None]:
    if len(name) <= 100:
        return b"", name
    for slash in (i for i, byte in enumerate(name[:156]) if byte == ord("/")):
        if len(name) - slash - 1 <= 100 and 0 < slash <= 155 and slash + 1 < len(name):
            return name[:slash], name[slash + 1 :]
    return b"", None


def _block(name: bytes, prefix: bytes, size: int, mode: int, kind: bytes, *, gnu: bool) -> bytes:
    if gnu and prefix:  # GNU headers have no prefix; the whole name goes before
        whole = prefix + b"/" + name
        before = (
            _block(_LONG_NAME, b"", len(whole) + 1, 0, b"L", gnu=True)
            + whole
            + bytes(_padded(len(whole) + 1) - len(whole))
        )
        return before + _block(whole[:100], b"", size, mode, kind, gnu=True)
    length = size.to_bytes(12, "big") if size > _LARGEST_OCTAL else b"%011o\0" % size
    if size > _LARGEST_OCTAL:
        length = bytes([length[0] | 0x80]) + length[1:]
    magic = b"ustar  \0" if gnu else b"ustar\x0000"
    fields = (
        name.ljust(100, b"\0"),
        b"%07o\0" % mode,
        b"%07o\0" % 0,
        b"%07o\0" % 0,
        length,
        b"%011o\0" % 0,
        b" " * 8,
        kind,
        bytes(100),
        magic,
        bytes(32 + 32 + 8 + 8),
        prefix.ljust(155, b"\0"),
        bytes(12),
    )
    block = b"".join(fields)
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK


def _folders(entries: Sequence[Entry]) -> list[str]:
    seen: dict[str, None] = {}
    for entry in entries:
        parts = entry.path.split("/")[:-1]
        for folder in itertools.accumulate(f"{part}/" for part in parts):
            seen.setdefault(folder)
    return list(seen)


def checked(entry: Entry) -> Iterator[bytes]:
    """The content of one file.

    Raises:
        NotFoundError: it is gone.
        ConflictError: it is not what it was; raised before its last piece, so nobody can take it for whole.
    """
    digest, left, held = hashlib.sha256(), entry.size, b""
    for chunk in _read(entry):
        digest.update(chunk)
        left -= len(chunk)
        if left < 0:
            break
        yield held
        held = chunk
    if left or digest.hexdigest() != entry.sha256:
        raise changed(_told(entry))
    yield held


def changed(what: str) -> ConflictError:
    """The error for a file that is not what it was."""
    return ConflictError(f"{what} has changed since it was packed", hint="pack it again, then push")


def _read(entry: Entry) -> Iterator[bytes]:
    if isinstance(entry.content, bytes):
        yield entry.content
        return
    try:
        with entry.content.open("rb", buffering=0) as file:
            while chunk := file.read(CHUNK):
                yield chunk
    except FileNotFoundError as error:
        raise NotFoundError(f"{_told(entry)} is gone", hint="pack it again, then push") from error
    except OSError as error:
        raise StorageError(f"{_told(entry)} cannot be read: {error.strerror}") from error


def _told(entry: Entry) -> str:
    return str(entry.content) if isinstance(entry.content, Path) else entry.path
