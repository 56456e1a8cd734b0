"""Where an image is built: gone after the build, and after one that was killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from i4q_ai.oci.image.workshop import workshop


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("I4Q_CACHE", str(tmp_path))


def test_it_goes_with_the_build(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), workshop() as folder:
        (folder / "a base that is gone").read_bytes()
    assert list((tmp_path / "building").iterdir()) == []


def test_one_that_was_left_is_swept_away_and_one_in_use_is_not(tmp_path: Path) -> None:
    left = tmp_path / "building" / "killed"
    left.mkdir(parents=True)
    (left / "layer.tar").write_bytes(b"x")
    with workshop() as first:
        assert not left.exists()
        with workshop() as second:
            assert first.is_dir()
            assert {first, second} == set((tmp_path / "building").iterdir())
