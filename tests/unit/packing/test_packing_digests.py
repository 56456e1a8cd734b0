"""Digests that were found once: never older than the file, whatever happens to what keeps them."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i4q_ai.errors import NotFoundError
from i4q_ai.packing import digests
from i4q_ai.packing.digests import Digests, Stamp

OLD_NS = 1_700_000_000_123_456_789


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("I4Q_CACHE", str(tmp_path / "cache"))


def _file(tmp_path: Path, data: bytes = b"abc", *, at: int = OLD_NS) -> Path:
    place = tmp_path / "file"
    place.write_bytes(data)
    os.utime(place, ns=(at, at))
    return place


def _hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_known_file_is_not_read_again(tmp_path: Path) -> None:
    place = _file(tmp_path)
    assert digests.of_files([place])[place][1] == _hex(b"abc")
    _file(tmp_path, b"xyz")  # nothing by which a change would show
    assert digests.of_files([place])[place][1] == _hex(b"abc")


@pytest.mark.parametrize("change", ["time", "size", "inode"])
def test_changed_file_is_read(tmp_path: Path, change: str) -> None:
    place = _file(tmp_path)
    digests.of_files([place])
    if change == "inode":
        place.rename(tmp_path / "other")
    data = b"xyzz" if change == "size" else b"xyz"
    _file(tmp_path, data, at=OLD_NS + (1000 if change == "time" else 0))
    assert digests.of_files([place])[place][1] == _hex(data)


def test_file_that_may_still_change_unseen_is_not_remembered(tmp_path: Path) -> None:
    place = _file(tmp_path, at=time.time_ns() + 10**9)
    digests.of_files([place])
    assert digests.known().look_up([digests.stamp_of(place).key]) == {}


def test_coarse_clock_needs_longer(tmp_path: Path) -> None:
    fine, coarse = Stamp(1, 1, 1, 5_000_000_001, 0), Stamp(1, 1, 1, 5_000_000_000, 0)
    assert fine.settled(5_100_000_000)
    assert not coarse.settled(5_100_000_000)
    assert coarse.settled(7_100_000_000)


def test_link_is_the_same_file(tmp_path: Path) -> None:
    place = _file(tmp_path)
    digests.of_files([place])
    (tmp_path / "link").hardlink_to(place)
    assert digests.stamp_of(tmp_path / "link").key in digests.known().look_up([digests.stamp_of(place).key])


def test_gone_file(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="is gone"):
        digests.of_files([tmp_path / "none"])


@settings(max_examples=40)
@given(junk=st.binary(max_size=200), start=st.integers(0, 8192))
def test_rot_is_harmless(tmp_path_factory: pytest.TempPathFactory, junk: bytes, start: int) -> None:
    place = tmp_path_factory.mktemp("rot") / "digests.sqlite"
    kept = Digests(place)
    kept.remember({f"key-{i}": f"value-{i}" for i in range(50)})
    raw = place.read_bytes()
    place.write_bytes(raw[:start] + junk + raw[start + len(junk) :])
    found = kept.look_up([f"key-{i}" for i in range(50)])
    assert all(value == f"value-{key[4:]}" for key, value in found.items())
    kept.remember({"new": "value"})  # maybe after it began anew
    kept.remember({"new": "value"})
    assert kept.look_up(["new"]) == {"new": "value"}


def test_entry_with_a_flipped_character_is_none(tmp_path: Path) -> None:
    kept = Digests(tmp_path / "digests.sqlite")
    kept.remember({"key": "0123456789abcdef"})
    raw = kept._place.read_bytes()
    kept._place.write_bytes(raw.replace(b"0123456789abcdef", b"0123456789abcdff"))
    assert kept.look_up(["key"]) == {}


def test_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "wall").write_text("no folder")
    kept = Digests(tmp_path / "wall" / "digests.sqlite")
    kept.remember({"key": "value"})
    assert kept.look_up(["key"]) == {}


def test_forgotten_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "MOST", 40)
    kept = Digests(tmp_path / "digests.sqlite")
    for i in range(50):
        kept.remember({f"key-{i}": "value"})
    left = kept.look_up([f"key-{i}" for i in range(50)])
    assert len(left) <= 40
    assert "key-49" in left
    kept.forget(["key-49"])
    assert kept.look_up(["key-49"]) == {}
