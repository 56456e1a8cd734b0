"""Staging files: what is written at any place of a blob is read there again, whatever of it is not in the file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i4q_ai.model import File
from i4q_ai.oci import media
from i4q_ai.oci.downloads import framing
from i4q_ai.oci.downloads.cache import BlobCache
from i4q_ai.oci.downloads.staging import Frame, OtherFrameError, Staging
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.tarring import Entry, Tar


@contextmanager
def _staged(blob: bytes, head: int, tail: int, path: Path) -> Iterator[Staging]:
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        frame = Frame(blob[:head], blob[len(blob) - tail :] if tail else b"")
        yield Staging(handle, Descriptor.of("", blob), frame)
    finally:
        os.close(handle)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), blob=st.binary(min_size=1, max_size=300))
def test_what_is_written_in_pieces_is_the_blob(
    data: st.DataObject, blob: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    head = data.draw(st.integers(0, len(blob)))
    tail = data.draw(st.integers(0, len(blob) - head))
    path = tmp_path_factory.getbasetemp() / "staged"
    with _staged(blob, head, tail, path) as staging:
        at = 0
        while at < len(blob):
            stop = data.draw(st.integers(at + 1, len(blob)))
            staging.write(at, memoryview(blob)[at:stop])
            begun = staging.begun()
            assert begun <= len(blob)
            assert b"".join(staging.read(0, begun)) == blob[:begun]
            at = stop
        start = data.draw(st.integers(0, len(blob)))
        stop = data.draw(st.integers(start, len(blob)))
        assert b"".join(staging.read(start, stop)) == blob[start:stop]
        assert path.read_bytes() == blob[head : len(blob) - tail]
        staging.cut(start)
        assert path.stat().st_size == min(max(start - head, 0), len(blob) - head - tail)


@pytest.mark.parametrize("at", [0, 9, 90, 99])
def test_other_bytes_around_the_file_are_noticed(tmp_path: Path, at: int) -> None:
    blob = bytes(range(100))
    with _staged(blob, 10, 10, tmp_path / "staged") as staging, pytest.raises(OtherFrameError):
        staging.write(0, memoryview(blob[:at] + b"\xff" + blob[at + 1 :]))


@pytest.mark.parametrize(("kind", "folder", "mode"), [("Model", "models", 0o644), ("Workload", "app", 0o755)])
def test_frame_is_what_packing_makes(tmp_path: Path, kind: str, folder: str, mode: int) -> None:
    content = hashlib.shake_128(b"x").digest(framing.SMALLEST + 1)
    file = File(path="sub/a.bin", size=len(content), sha256=hashlib.sha256(content).hexdigest())
    blob = b"".join(Tar((Entry(f"{folder}/{file.path}", file.size, file.sha256, content),), mode).chunks())
    about = {media.FILE_PATH: file.path, media.FILE_SHA256: file.sha256}
    layer = Descriptor.of(media.IMAGE_LAYER, blob, annotations=about)
    frame = framing.frame_of(layer, file, kind=kind)
    assert frame is not None
    assert frame.head + content + frame.tail == blob
    assert framing.frame_of(Descriptor("", layer.digest, layer.size + 512), file, kind=kind) is None
    cache = BlobCache(tmp_path)
    with cache.opened(layer) as nothing:
        assert nothing is None
    path = cache.file_path(layer.digest)
    path.parent.mkdir()
    path.write_bytes(content)
    path.chmod(mode)
    with cache.opened(layer) as kept:
        assert kept is not None
        assert b"".join(kept.read(0, layer.size)) == blob
        assert b"".join(kept.read(500, 2000)) == blob[500:2000]


def test_small_files_have_no_frame() -> None:
    file = File(path="a", size=10, sha256="0" * 64)
    assert framing.frame_of(Descriptor("", f"sha256:{'0' * 64}", 2560), file, kind="Model") is None
