from __future__ import annotations

import hashlib
import itertools
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from i4q_ai.deadline import Deadline
from i4q_ai.errors import IntegrityError
from i4q_ai.oci.delta import planning
from i4q_ai.oci.delta.assembling import WORTH, Job, assemble
from i4q_ai.oci.delta.maps import ChunkMap
from i4q_ai.oci.delta.planning import Older, Place
from i4q_ai.oci.downloads.ingesting import Means
from i4q_ai.oci.downloads.mirrors import Mirrors
from i4q_ai.oci.downloads.staging import Staging
from i4q_ai.oci.layout import Layout
from i4q_ai.oci.media import Descriptor, digest_of
from i4q_ai.progress import Silent

PIECES = st.lists(st.sampled_from([b"aaaa", b"bb", b"cccccccc", b"d", b"eeeeeee", b"ffff"]), min_size=1, max_size=12)


def chunk_map(pieces: list[bytes], cut: str = "even/4") -> ChunkMap:
    return ChunkMap.of(digest_of(b"".join(pieces)), pieces, cut=cut)


class Told(Silent):
    """Adds up what it is told."""

    count = 0

    def advance(self, what: str, count: int) -> None:
        self.count += count


@contextmanager
def staged(folder: Path, content: bytes, name: str, before: bytes = b"") -> Iterator[Staging]:
    handle = os.open(folder / name, os.O_RDWR | os.O_CREAT)
    os.pwrite(handle, before, 0)
    try:
        yield Staging(handle, Descriptor("", digest_of(content), len(content)))
    finally:
        os.close(handle)


def layout(folder: Path, content: bytes) -> Mirrors:
    """A layout that holds one blob."""
    path = folder / "layout" / "blobs" / "sha256" / hashlib.sha256(content).hexdigest()
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return Mirrors([Layout(folder / "layout")])


@settings(max_examples=150, deadline=None)
@given(PIECES, PIECES, st.booleans(), st.booleans(), st.binary(max_size=30))
def test_what_is_assembled_is_the_blob(
    old: list[bytes], new: list[bytes], mapped: bool, alike: bool, begun: bytes
) -> None:
    before, after = b"".join(old), b"".join(new)
    with tempfile.TemporaryDirectory() as scratch:
        folder, told = Path(scratch), Told()
        means = Means(Deadline.after(60, "the test"), told)
        there = (begun + bytes(len(after)))[: len(after)] if begun else b""
        with staged(folder, after, "new", there) as staging, staged(folder, before, "old", before) as older:
            its = chunk_map(old, "even/4" if alike else "another") if mapped else None
            job = Job(chunk_map(new), staging, layout(folder, after), means)
            saved = assemble(job, [(older, its)])
        if saved is None:
            assert told.count == 0
            return
        assert (folder / "new").read_bytes() == after
        assert told.count == len(after)
        assert WORTH * len(after) <= saved <= len(after)


@settings(max_examples=100, deadline=None)
@given(PIECES, st.data())
def test_a_map_with_wrong_sums_makes_no_wrong_chunk(new: list[bytes], data: st.DataObject) -> None:
    after, true = b"".join(new), chunk_map(new)
    wrong = data.draw(st.integers(0, len(new) - 1))
    lie = ChunkMap(true.blob, true.size, true.cut, true.lengths, tuple(
        bytes(32) if number == wrong else one for number, one in enumerate(true.sums)))  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        folder, told = Path(scratch), Told()
        means = Means(Deadline.after(60, "the test"), told)
        with staged(folder, after, "new") as staging, staged(folder, after, "old", after) as older:
            job = Job(lie, staging, layout(folder, after), means)
            try:
                saved = assemble(job, [(older, None)])
            except IntegrityError:
                saved = None
        assert saved is None
        assert told.count == 0


def test_a_chunk_is_taken_from_where_the_one_before_it_goes_on() -> None:
    old, new = chunk_map([b"aa", b"bb", b"aa", b"cc"]), chunk_map([b"aa", b"bb", b"xx", b"aa", b"cc", b"aa"])
    older = [Older(old.size, old)]
    assert planning.places(new, older) == [
        Place(0, 0), Place(0, 2), None, Place(0, 0), Place(0, 6), Place(0, 0)
    ]  # fmt: skip


def test_what_is_cut_otherwise_may_go_on_where_the_last_chunk_did() -> None:
    old, new = chunk_map([b"aa", b"bbbb", b"cc"], "another"), chunk_map([b"xxx", b"aa", b"bb", b"bb", b"cc", b"dd"])
    expected = [Place(0, 0), Place(0, 0), Place(0, 2), Place(0, 4), Place(0, 6), None]
    assert planning.places(new, [Older(old.size, old)]) == expected


@given(st.lists(st.integers(1, 50), min_size=1, max_size=40), st.sets(st.integers(0, 39)), st.integers(1, 8))
def test_ranges_cover_what_is_missing_in_so_many_pieces(sizes: list[int], missing: set[int], at_most: int) -> None:
    new = chunk_map([bytes(size) for size in sizes])
    wanted = sorted(number for number in missing if number < len(sizes))
    found = planning.ranges(new, wanted, at_most=at_most)
    assert len(found) <= at_most
    covered = [chunk for one in found for chunk in one.chunks]
    assert [chunk for number, chunk in enumerate(new) if number in wanted] == [
        chunk for chunk in covered if chunk in [list(new)[number] for number in wanted]
    ]
    assert all(one.end < other.begin for one, other in itertools.pairwise(found))
    assert all(sum(chunk.length for chunk in one.chunks) == one.length for one in found)


def test_only_neighbours_are_merged_while_there_are_few() -> None:
    new = chunk_map([b"a"] * 9)
    assert [(one.begin, one.end) for one in planning.ranges(new, [0, 1, 4, 7, 8])] == [(0, 2), (4, 5), (7, 9)]


def test_long_ranges_are_divided() -> None:
    half = planning.LONGEST_RANGE // 2 + 1
    new = ChunkMap("sha256:" + "0" * 64, 3 * half, "even", (half,) * 3, (bytes(32),) * 3)
    assert [one.begin for one in planning.ranges(new, [0, 1, 2])] == [0, half, 2 * half]
