"""Layers: the same bytes for the same files."""

from __future__ import annotations

import gzip
import hashlib
import os
import tarfile
from pathlib import Path

import pytest

from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError, FormatError
from i4q_ai.oci import media
from i4q_ai.oci.image.layering import GZIP_LAYER, Layer, layer_of_folder, layer_of_tar

LONG = "a-rather-long-name-of-a-folder/" * 5 + "file.py"
FROZEN = "sha256:2e1ea2d6db36ea7a782055e23e21a974d61f902fe58e65db46ac9527bc7ca307"


def _folder(at: Path, names: list[str]) -> Path:
    for name in names:
        path = at / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    (at / "b" / "run").chmod(0o700)
    return at


def _layer(folder: Path, to: Path, *, epoch: int = 0, compress: bool = False) -> Layer:
    return layer_of_folder(folder, "opt/x", to, "test", epoch=epoch, compress=compress, deadline=Deadline.after(60))


NAMES = ["b/run", "a.py", "b/c.py", LONG]


def test_a_folder_always_gives_the_same_layer(tmp_path: Path) -> None:
    first = _layer(_folder(tmp_path / "one", NAMES), tmp_path / "1.tar")
    other = _folder(tmp_path / "two", NAMES[::-1])
    os.utime(other / "a.py", (5, 5))
    (other / "a.py").chmod(0o600)
    second = _layer(other, tmp_path / "2.tar")
    assert first.blob.digest == second.blob.digest == first.diff_id == FROZEN
    assert b"".join(first.blob.chunks()) == (tmp_path / "2.tar").read_bytes()


def test_what_the_layer_holds(tmp_path: Path) -> None:
    layer = _layer(_folder(tmp_path / "one", NAMES), tmp_path / "1.tar", epoch=86400)
    with tarfile.open(layer.blob.path) as tar:
        members = tar.getmembers()
        content = {member.name: file.read() for member in members if (file := tar.extractfile(member))}
    assert content == {f"opt/x/{name}": name.encode() for name in NAMES}
    assert [member.name for member in members][:4] == [
        "opt",
        "opt/x",
        "opt/x/a-rather-long-name-of-a-folder",
        members[3].name,
    ]
    assert {(member.uid, member.gid, member.uname, member.gname, member.mtime) for member in members} == {
        (0, 0, "", "", 86400)
    }
    modes = {member.name: member.mode for member in members}
    assert (modes["opt/x/b/run"], modes["opt/x/b/c.py"], modes["opt/x/b"]) == (0o755, 0o644, 0o755)


def test_a_compressed_layer_tells_both_digests(tmp_path: Path) -> None:
    plain = _layer(_folder(tmp_path / "one", NAMES), tmp_path / "1.tar")
    packed = _layer(tmp_path / "one", tmp_path / "1.tar.gz", compress=True)
    assert (packed.media_type, packed.diff_id) == (GZIP_LAYER, plain.diff_id)
    raw = b"".join(packed.blob.chunks())
    assert packed.blob.digest == f"sha256:{hashlib.sha256(raw).hexdigest()}"
    assert gzip.decompress(raw) == (tmp_path / "1.tar").read_bytes()


def test_a_tar_is_a_layer_where_it_is(tmp_path: Path) -> None:
    plain = _layer(_folder(tmp_path / "one", NAMES), tmp_path / "1.tar")
    packed = tmp_path / "1.tar.gz"
    packed.write_bytes(gzip.compress((tmp_path / "1.tar").read_bytes()))
    deadline = Deadline.after(60)
    as_it_is = layer_of_tar(plain.blob.path, tmp_path / "new", "base", compress=False, deadline=deadline)
    assert (as_it_is.media_type, as_it_is.blob.path) == (media.IMAGE_LAYER, plain.blob.path)
    zipped = layer_of_tar(packed, tmp_path / "new", "base", compress=False, deadline=deadline)
    assert (zipped.media_type, zipped.diff_id, zipped.blob.path) == (GZIP_LAYER, plain.diff_id, packed)
    assert not (tmp_path / "new").exists()
    made = layer_of_tar(plain.blob.path, tmp_path / "new", "base", compress=True, deadline=deadline)
    assert (made.media_type, made.diff_id, made.blob.path) == (GZIP_LAYER, plain.diff_id, tmp_path / "new")


def test_a_tar_cut_short_is_told_as_such(tmp_path: Path) -> None:
    packed = tmp_path / "1.tar.gz"
    packed.write_bytes(gzip.compress(os.urandom(10_000))[:-100])
    with pytest.raises(FormatError, match="no whole gzip file"):
        layer_of_tar(packed, tmp_path / "new", "base", compress=False, deadline=Deadline.after(60))


def test_a_file_that_changes_meanwhile_is_never_taken_for_whole(tmp_path: Path) -> None:
    blob = _layer(_folder(tmp_path / "one", NAMES), tmp_path / "1.tar").blob
    blob.path.write_bytes(bytes(blob.size))
    got: list[bytes] = []
    with pytest.raises(ConflictError, match="has changed"):
        got.extend(blob.chunks())
    assert sum(map(len, got)) < blob.size
