"""Copies between layout folders: the same bytes, all of them, and nothing by half."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from i4q_ai import oci
from i4q_ai.errors import (
    ConflictError,
    IntegrityError,
    InvalidError,
    NotFoundError,
    ReferenceInvalid,
    UnsupportedError,
    VersionExistsError,
)
from i4q_ai.oci import media, referrers
from i4q_ai.oci.layout import Layout
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.transfers.copying import copy
from tests.unit.oci.made_artifacts import Maker


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path / "from")


def _blobs(folder: Path) -> dict[str, bytes]:
    return {f"{path.parent.name}:{path.name}": path.read_bytes() for path in (folder / "blobs").glob("*/*")}


def test_every_shape_arrives_byte_for_byte(maker: Maker, tmp_path: Path) -> None:
    for tag, descriptor in maker.shapes().items():
        copied = copy(f"oci:{tmp_path}/from:{tag}", f"oci:{tmp_path}/to")
        assert (copied.digest, copied.tags) == (descriptor.digest, (tag,))
        assert copied.reference == f"oci:{tmp_path}/to@{descriptor.digest}"
    assert _blobs(tmp_path / "to") == _blobs(tmp_path / "from")
    assert Layout(tmp_path / "to").tags() == maker.layout.tags()


def test_second_copy_sends_nothing(maker: Maker, tmp_path: Path) -> None:
    maker.shapes()
    first = copy(f"oci:{tmp_path}/from:nested", f"oci:{tmp_path}/to")
    assert 0 < first.sent < first.size
    assert copy(f"oci:{tmp_path}/from:nested", f"oci:{tmp_path}/to").sent == 0


def test_by_digest_and_under_several_tags(maker: Maker, tmp_path: Path) -> None:
    plain = maker.shapes()["plain"]
    source = f"oci:{tmp_path}/from@{plain.digest}"
    assert copy(source, f"oci:{tmp_path}/to").tags == ()
    assert [one.digest for one in Layout(tmp_path / "to").roots()] == [plain.digest]
    assert copy(source, f"oci:{tmp_path}/to:1", tags=["stable", "1"]).tags == ("1", "stable")
    assert Layout(tmp_path / "to").tags() == {"1": plain.digest, "stable": plain.digest}
    with pytest.raises(InvalidError, match="leave the digest out"):
        copy(f"oci:{tmp_path}/from:index", f"oci:{tmp_path}/to@{plain.digest}")
    with pytest.raises(ReferenceInvalid, match="no tag"):
        copy(source, f"oci:{tmp_path}/to", tags=["-"])
    with pytest.raises(ReferenceInvalid, match="to itself"):
        copy(f"oci:{tmp_path}/from:plain", f"oci:{tmp_path}/from")


def test_referrers_come_along_and_theirs_too(maker: Maker, tmp_path: Path) -> None:
    plain = maker.shapes()["plain"]
    deadline = maker.deadline
    note = referrers.attach(maker.layout, plain, artifact_type="a/note", data=b"fine", deadline=deadline)
    on_note = referrers.attach(maker.layout, note, artifact_type="a/note", data=b"really", deadline=deadline)
    copied = copy(f"oci:{tmp_path}/from:index", f"oci:{tmp_path}/to")  # which lists what the note is about
    assert copied.referrers == 2
    to = Layout(tmp_path / "to")
    assert referrers.referrers(to, plain.digest, deadline=deadline) == [note]
    assert referrers.referrers(to, note.digest, deadline=deadline) == [on_note]
    assert referrers.read(to, on_note, note.digest, deadline=deadline)[0][1] == b"really"
    assert copy(f"oci:{tmp_path}/from:index", f"oci:{tmp_path}/bare", with_referrers=False).referrers == 0
    assert referrers.referrers(Layout(tmp_path / "bare"), plain.digest, deadline=deadline) == []


def test_tags_do_not_move_by_themselves(maker: Maker, tmp_path: Path) -> None:
    shapes = maker.shapes()
    copy(f"oci:{tmp_path}/from:plain", f"oci:{tmp_path}/to:1")
    with pytest.raises(VersionExistsError):
        copy(f"oci:{tmp_path}/from:index", f"oci:{tmp_path}/to:1")
    with pytest.raises(ConflictError, match="somebody was there first"):
        copy(f"oci:{tmp_path}/from:index", f"oci:{tmp_path}/to:1", if_match=shapes["custom"].digest)
    assert Layout(tmp_path / "to").tags() == {"1": shapes["plain"].digest}
    copy(f"oci:{tmp_path}/from:index", f"oci:{tmp_path}/to:1", if_match=shapes["plain"].digest)
    assert Layout(tmp_path / "to").tags() == {"1": shapes["index"].digest}


def test_one_platform(maker: Maker, tmp_path: Path) -> None:
    amd = maker.manifest([maker.file("a", b"amd")])
    arm = maker.manifest([maker.file("a", b"arm")])
    listed = [
        {**amd.dump(), "platform": {"os": "linux", "architecture": "amd64", "os.features": ["x"]}},
        {**arm.dump(), "platform": {"os": "linux", "architecture": "arm", "variant": "v7"}},
    ]
    inner = maker.index(listed)
    maker.index([{**inner.dump(), "platform": {"os": "linux", "architecture": "arm"}}, *listed], "1")
    assert copy(f"oci:{tmp_path}/from:1", f"oci:{tmp_path}/to", platform="linux/amd64").digest == amd.digest
    assert copy(f"oci:{tmp_path}/from:1", f"oci:{tmp_path}/to:arm", platform="linux/arm").digest == arm.digest
    with pytest.raises(
        UnsupportedError, match=r"nothing for linux/s390x; it lists linux/amd64, linux/arm, linux/arm/v7"
    ):
        copy(f"oci:{tmp_path}/from:1", f"oci:{tmp_path}/to:x", platform="linux/s390x")


def test_rotten_and_missing_blobs(maker: Maker, tmp_path: Path) -> None:
    maker.manifest([maker.file("a", b"0123456789" * 1000)], "1")
    path = tmp_path / "from" / "blobs" / "sha256" / media.digest_of(b"0123456789" * 1000)[7:]
    path.write_bytes(b"x" * 10_000)
    with pytest.raises(IntegrityError):
        copy(f"oci:{tmp_path}/from:1", f"oci:{tmp_path}/to")
    path.unlink()
    with pytest.raises(NotFoundError):
        copy(f"oci:{tmp_path}/from:1", f"oci:{tmp_path}/to")
    assert Layout(tmp_path / "to").tags() == {}
    assert not list((tmp_path / "to").glob(f"blobs/*/{path.name}"))
    with pytest.raises(NotFoundError, match="no tag '2'"):
        oci.resolve(f"oci:{tmp_path}/from:2")


def test_index_that_lists_what_is_not_there_or_goes_on_for_ever(maker: Maker, tmp_path: Path) -> None:
    maker.index([Descriptor(media.MANIFEST, f"sha256:{'0' * 64}", 5).dump()], "sparse")
    with pytest.raises(NotFoundError):
        copy(f"oci:{tmp_path}/from:sparse", f"oci:{tmp_path}/to")
    deep = maker.index([])
    for _ in range(10):
        deep = maker.index([deep.dump()])
    maker.index([deep.dump()], "deep")
    with pytest.raises(IntegrityError, match="indexes deep"):
        copy(f"oci:{tmp_path}/from:deep", f"oci:{tmp_path}/to")
    assert not (tmp_path / "to").exists()


def test_begun_blob_is_carried_on(maker: Maker, tmp_path: Path) -> None:
    data = bytes(range(256)) * 8000
    maker.manifest([maker.file("a", data)], "1")
    digest = media.digest_of(data)
    to = tmp_path / "to" / "blobs" / "sha256"
    to.mkdir(parents=True)
    begun = to / f".{digest[7:]}.{digest[-16:]}.part"
    begun.write_bytes(data[:1_000_000])
    (to / f".{digest[7:]}.stray").write_bytes(b"of a killed writer")
    seen: list[int] = []

    class _Seen:
        def start(self, what: str, total: int) -> None:
            """Not of interest."""

        def advance(self, what: str, count: int) -> None:
            seen.append(count)

        def done(self, what: str) -> None:
            """Not of interest."""

    copy(f"oci:{tmp_path}/from:1", f"oci:{tmp_path}/to", progress=_Seen())
    assert 1_000_000 in seen
    assert not list(to.glob(".*"))
    assert json.loads((tmp_path / "to" / "index.json").read_text())["manifests"][0]["digest"]
