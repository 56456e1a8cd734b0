"""Layers from people who mean us harm: nothing lands outside, nothing lands unannounced."""

import hashlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from i4q_ai.errors import IntegrityError
from i4q_ai.model import File
from i4q_ai.oci.downloads.extracting import extract, read_about

DATA = b"content"
FILE = File(path="sub/a.txt", size=len(DATA), sha256=hashlib.sha256(DATA).hexdigest())


def _tar(*members: tuple[str, bytes, bytes], mode: int = 0o644, **fields: str) -> bytes:
    """Name, type and content of each."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, kind, data in members:
            member = tarfile.TarInfo(name)
            member.type, member.size, member.mode = kind, len(data), mode
            for key, value in fields.items():
                setattr(member, key, value)
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


def _extract(raw: bytes, folder: Path) -> list[str]:
    layer, into = folder / "layer", folder / "into"
    layer.write_bytes(raw)
    into.mkdir(exist_ok=True)
    return extract(layer, into, folder="models", expected={FILE.path: FILE}, where="x")


def _good() -> bytes:
    return _tar(("models", tarfile.DIRTYPE, b""), ("models/sub/a.txt", tarfile.REGTYPE, DATA))


def test_what_was_announced(tmp_path: Path) -> None:
    assert _extract(_good(), tmp_path) == ["sub/a.txt"]
    assert (tmp_path / "into" / "sub" / "a.txt").read_bytes() == DATA


@pytest.mark.parametrize(("mode", "left"), [(0o4777, 0o755), (0o600, 0o644), (0o100, 0o755), (0, 0o644)])
def test_modes_are_ours(tmp_path: Path, mode: int, left: int) -> None:
    _extract(_tar(("models/sub/a.txt", tarfile.REGTYPE, DATA), mode=mode), tmp_path)
    assert (tmp_path / "into" / "sub" / "a.txt").stat().st_mode & 0o7777 == left


@pytest.mark.parametrize(
    "raw",
    [
        _tar(("models/../../evil", tarfile.REGTYPE, DATA)),
        _tar(("/etc/evil", tarfile.REGTYPE, DATA)),
        _tar(("sub/a.txt", tarfile.REGTYPE, DATA)),
        _tar(("models/other.txt", tarfile.REGTYPE, DATA)),
        _tar(("models/sub/a.txt", tarfile.REGTYPE, DATA + b"more")),
        _tar(("models/sub/a.txt", tarfile.REGTYPE, b"CONTENT")),
        _tar(("models/sub/a.txt", tarfile.REGTYPE, DATA), ("models/sub/a.txt", tarfile.REGTYPE, DATA)),
        _tar(("models/elsewhere", tarfile.DIRTYPE, b"")),
        _tar(("models/sub", tarfile.SYMTYPE, b""), ("models/sub/a.txt", tarfile.REGTYPE, DATA), linkname="/tmp"),
        _tar(("models/sub/a.txt", tarfile.SYMTYPE, b""), linkname="/etc/passwd"),
        _tar(("models/sub/a.txt", tarfile.LNKTYPE, b""), linkname="/etc/passwd"),
        _tar(("models/sub/a.txt", tarfile.FIFOTYPE, b"")),
        _tar(("models/sub/a.txt", tarfile.CHRTYPE, b"")),
        _good()[:-5000] + b"evil",
        _good() + b"\1" * 600,
        _good() + bytes(1_000_000),
        _good()[:700],
        b"no tar at all" * 100,
    ],
    ids=str,
)
def test_anything_else_is_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "into").mkdir()
    with pytest.raises(IntegrityError):
        _extract(raw, tmp_path)
    outside = {path.name for path in tmp_path.iterdir()}
    assert outside == {"into", "layer"}


def test_link_that_lies_there_already_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "into").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "into" / "sub").symlink_to(tmp_path / "outside")
    with pytest.raises(Exception, match=r"into|sub"):
        _extract(_good(), tmp_path)
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize(
    "make",
    [
        lambda: _tar(("models/other.json", tarfile.REGTYPE, b"{}")),
        lambda: _tar(("models/i4q.json", tarfile.SYMTYPE, b""), linkname="/etc/passwd"),
        lambda: b"\xff" * 2000,
        lambda: b"",
    ],
)
def test_layer_without_i4q_json(make: Callable[[], bytes]) -> None:
    with pytest.raises(IntegrityError):
        read_about(io.BytesIO(make()), where="x")
