"""The desired state behind a tag of a layout folder: told, read, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from i4q_ai import oci
from i4q_ai.deadline import Deadline
from i4q_ai.desired import Desired
from i4q_ai.errors import ConflictError, IntegrityError, NotFoundError, ReferenceInvalid, UnsupportedError
from i4q_ai.oci import telling
from i4q_ai.oci.layout import Layout

NEW = Desired(cluster="line-7", revision=3)


def read(reference: str) -> dict[str, bytes]:
    name, _, digest = reference.rpartition("@")
    return telling.documents(Layout(Path(name.removeprefix("oci:"))), digest, Deadline.after(30))


def test_what_is_told_is_read(tmp_path: Path) -> None:
    told = oci.tell(NEW, f"oci:{tmp_path}:now")
    assert read(told) == {"desired.json": NEW.to_json().encode()}
    assert oci.resolve(f"oci:{tmp_path}:now") == told
    assert oci.inspect(told).artifact_type == telling.MEDIA_TYPE


def test_the_tag_moves_and_the_same_is_the_same(tmp_path: Path) -> None:
    first = oci.tell(NEW, f"oci:{tmp_path}:now")
    second = oci.tell(NEW.replace(revision=4), f"oci:{tmp_path}:now")
    assert second != first
    assert oci.tell(NEW, f"oci:{tmp_path}:now") == first
    assert oci.resolve(f"oci:{tmp_path}:now") == first


def test_nobody_overwrites_what_he_has_not_seen(tmp_path: Path) -> None:
    first = oci.tell(NEW, f"oci:{tmp_path}:now", if_match=None).rpartition("@")[2]
    oci.tell(NEW.replace(revision=4), f"oci:{tmp_path}:now", if_match=first)
    with pytest.raises(ConflictError, match="somebody was there first"):
        oci.tell(NEW.replace(revision=5), f"oci:{tmp_path}:now", if_match=first)


@pytest.mark.parametrize("to", ["oci:{}", "oci:{}@sha256:" + "0" * 64])
def test_it_is_told_through_a_tag(tmp_path: Path, to: str) -> None:
    with pytest.raises(ReferenceInvalid, match="through a tag"):
        oci.tell(NEW, to.format(tmp_path))


def test_what_tells_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(NotFoundError, match=r"holds no desired\.json"):
        read(oci.push_files([tmp_path / "notes.txt"], f"oci:{tmp_path}:notes"))
    with pytest.raises(UnsupportedError, match="tells no desired state"):
        read(_model(tmp_path))


def test_more_than_anybody_needs_is_refused(tmp_path: Path) -> None:
    large = tmp_path / "desired.json"
    large.write_bytes(b" " * (telling.LARGEST + 1))
    with pytest.raises(IntegrityError, match="larger than"):
        read(oci.push_files([large], f"oci:{tmp_path}:large"))


def test_other_bytes_are_refused(tmp_path: Path) -> None:
    told = oci.tell(NEW, f"oci:{tmp_path}:now")
    for blob in (tmp_path / "blobs" / "sha256").iterdir():
        if blob.read_bytes() == NEW.to_json().encode():
            blob.chmod(0o644)
            blob.write_bytes(NEW.to_json().replace("line-7", "line-8").encode())
    with pytest.raises(IntegrityError, match="others"):
        read(told)


def _model(tmp_path: Path) -> str:
    from i4q_ai.model import Model

    (tmp_path / "limits.txt").write_text("torque 60")
    pushed = Model.from_files([tmp_path / "limits.txt"], name="limits", version="1").push(f"oci:{tmp_path}:model")
    return str(pushed.reference)
