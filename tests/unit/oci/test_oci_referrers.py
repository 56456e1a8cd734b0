"""Referrers in a layout folder."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from i4q_ai.deadline import Deadline
from i4q_ai.errors import IntegrityError, NotFoundError
from i4q_ai.oci import media, referrers
from i4q_ai.oci.layout import Layout
from i4q_ai.oci.media import Descriptor

NOTE = "application/vnd.test.note"
SBOM = "application/vnd.test.sbom"


@pytest.fixture
def deadline() -> Deadline:
    return Deadline.after(60, "a test")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "layout")


@pytest.fixture
def subject(layout: Layout, deadline: Deadline) -> Descriptor:
    raw = media.canonical({"schemaVersion": 2, "mediaType": media.INDEX, "manifests": []})
    descriptor = Descriptor.of(media.INDEX, raw)
    layout.put_manifest("1", descriptor, raw, deadline)
    return descriptor


def test_what_is_attached_is_found_and_read(layout: Layout, subject: Descriptor, deadline: Deadline) -> None:
    one = referrers.attach(
        layout, subject, artifact_type=NOTE, data=b"fine", annotations={"by": "a press"}, deadline=deadline
    )
    assert (one.artifact_type, one.annotations) == (NOTE, {"by": "a press"})
    assert referrers.referrers(layout, subject.digest, deadline=deadline) == [one]
    assert referrers.referrers(layout, subject.digest, NOTE, deadline=deadline) == [one]
    assert referrers.referrers(layout, subject.digest, SBOM, deadline=deadline) == []
    ((layer, data),) = referrers.read(layout, one, subject.digest, deadline=deadline)
    assert (layer.media_type, data) == (NOTE, b"fine")
    assert layout.tags() == {"1": subject.digest}


def test_manifest_is_an_artifact_with_an_empty_config(layout: Layout, subject: Descriptor, deadline: Deadline) -> None:
    one = referrers.attach(
        layout, subject, artifact_type=NOTE, data=b"fine", media_type="text/plain", deadline=deadline
    )
    assert json.loads(layout.manifest(one.digest, deadline)) == {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": NOTE,
        "config": {
            "mediaType": "application/vnd.oci.empty.v1+json",
            "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
            "size": 2,
        },
        "layers": [{"mediaType": "text/plain", "digest": media.digest_of(b"fine"), "size": 4}],
        "subject": {"mediaType": media.INDEX, "digest": subject.digest, "size": subject.size},
    }


def test_attaching_twice_is_attaching_once(layout: Layout, subject: Descriptor, deadline: Deadline) -> None:
    first = referrers.attach(layout, subject, artifact_type=NOTE, data=b"fine", deadline=deadline)
    assert referrers.attach(layout, subject, artifact_type=NOTE, data=b"fine", deadline=deadline) == first
    assert referrers.referrers(layout, subject.digest, deadline=deadline) == [first]


def test_many_at_once(layout: Layout, subject: Descriptor, deadline: Deadline) -> None:
    def _attach(number: int) -> Descriptor:
        data = str(number).encode()
        return referrers.attach(Layout(layout.folder), subject, artifact_type=NOTE, data=data, deadline=deadline)

    with ThreadPoolExecutor(8) as pool:
        attached = list(pool.map(_attach, range(16)))
    found = referrers.referrers(layout, subject.digest, deadline=deadline)
    assert sorted(one.digest for one in found) == sorted(one.digest for one in attached)


def test_subject_that_is_not_there(layout: Layout, deadline: Deadline) -> None:
    missing = Descriptor(media.MANIFEST, f"sha256:{'0' * 64}", 10)
    assert referrers.referrers(layout, missing.digest, deadline=deadline) == []
    one = referrers.attach(layout, missing, artifact_type=NOTE, data=b"", deadline=deadline)
    assert referrers.referrers(layout, missing.digest, deadline=deadline) == [one]
    assert referrers.read(layout, one, missing.digest, deadline=deadline)[0][1] == b""


def test_one_that_refers_to_something_else_is_not_believed(
    layout: Layout, subject: Descriptor, deadline: Deadline
) -> None:
    one = referrers.attach(layout, subject, artifact_type=NOTE, data=b"fine", deadline=deadline)
    with pytest.raises(IntegrityError, match="does not refer to it"):
        referrers.read(layout, one, f"sha256:{'0' * 64}", deadline=deadline)
    with pytest.raises(IntegrityError, match="more than 3 bytes"):
        referrers.read(layout, one, subject.digest, deadline=deadline, limit=3)
    (layout.folder / "blobs" / "sha256" / media.digest_of(b"fine")[7:]).unlink()
    with pytest.raises(NotFoundError):
        referrers.read(layout, one, subject.digest, deadline=deadline)


def test_manifest_without_a_subject_is_no_referrer(layout: Layout, deadline: Deadline) -> None:
    raw = media.canonical({"schemaVersion": 2, "mediaType": media.INDEX, "manifests": []})
    with pytest.raises(IntegrityError, match="no subject"):
        referrers.put(layout, raw, deadline)


def test_list_under_the_tag_is_read_too(layout: Layout, subject: Descriptor, deadline: Deadline) -> None:
    """A folder that was copied from a registry without referrers may have it."""
    other = Descriptor(media.MANIFEST, f"sha256:{'1' * 64}", 7, artifact_type=NOTE)
    raw = media.canonical({"schemaVersion": 2, "mediaType": media.INDEX, "manifests": [other.dump()]})
    layout.put_manifest(referrers.tag_of(subject.digest), Descriptor.of(media.INDEX, raw), raw, deadline)
    assert referrers.referrers(layout, subject.digest, NOTE, deadline=deadline) == [other]
    raw = media.canonical({"schemaVersion": 2, "mediaType": media.MANIFEST, "layers": []})
    layout.put_manifest(referrers.tag_of(subject.digest), Descriptor.of(media.MANIFEST, raw), raw, deadline)
    with pytest.raises(IntegrityError, match="no index of referrers"):
        referrers.referrers(layout, subject.digest, deadline=deadline)


def test_roots_that_are_gone_or_no_manifests_do_not_matter(
    layout: Layout, subject: Descriptor, deadline: Deadline
) -> None:
    one = referrers.attach(layout, subject, artifact_type=NOTE, data=b"fine", deadline=deadline)
    index = json.loads((layout.folder / "index.json").read_text())
    index["manifests"] += [
        Descriptor(media.MANIFEST, f"sha256:{'3' * 64}", 5).dump(),
        Descriptor(NOTE, media.digest_of(b"fine"), 4).dump(),
    ]
    (layout.folder / "index.json").write_text(json.dumps(index))
    assert referrers.referrers(layout, subject.digest, deadline=deadline) == [one]
