"""Copies to, from and between registries, judged by crane."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from i4q_ai.deadline import Deadline
from i4q_ai.errors import I4qError, IntegrityError, VersionExistsError
from i4q_ai.model import Model
from i4q_ai.oci import media, opening, referrers
from i4q_ai.oci.layout import Layout
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.transfers.copying import copy
from i4q_ai.oci.transfers.saving import load, save
from tests.e2e.oci.liar import Request, lying
from tests.testbed.registry import Crane, Registry
from tests.unit.oci.made_artifacts import Maker


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path / "from")


def _blobs(folder: Path) -> set[str]:
    return {path.name for path in (folder / "blobs").glob("*/*")}


def test_every_shape_there_and_back(registry: Registry, crane: Crane, maker: Maker, tmp_path: Path) -> None:
    for tag, descriptor in maker.shapes().items():
        copied = copy(f"oci:{tmp_path}/from:{tag}", f"{registry.host}/a/x")
        assert (copied.digest, copied.tags) == (descriptor.digest, (tag,))
        raw = crane("manifest", f"{registry.host}/a/x:{tag}")
        assert f"sha256:{hashlib.sha256(raw).hexdigest()}" == descriptor.digest
        copy(f"{registry.host}/a/x:{tag}", f"oci:{tmp_path}/to")
    assert Layout(tmp_path / "to").tags() == maker.layout.tags()
    assert _blobs(tmp_path / "to") == _blobs(tmp_path / "from")


def test_registry_takes_blobs_from_its_neighbour(registry: Registry, maker: Maker, tmp_path: Path) -> None:
    maker.shapes()
    first = copy(f"oci:{tmp_path}/from:nested", f"{registry.host}/a/x")
    assert first.sent > 0
    sent = len(registry.requests("PUT", "/blobs/uploads/"))
    second = copy(f"{registry.host}/a/x:nested", f"{registry.host}/b/y:1", tags=["stable"])
    assert (second.sent, second.digest, second.tags) == (0, first.digest, ("1", "stable"))
    assert len(registry.requests("PUT", "/blobs/uploads/")) == sent
    with pytest.raises(VersionExistsError):
        copy(f"oci:{tmp_path}/from:plain", f"{registry.host}/b/y:1")


def test_between_two_registries_with_referrers(registry: Registry, crane: Crane, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights.dat").write_bytes(os.urandom(2_000_000))
    model = Model.from_dir(tmp_path / "model", name="tool-wear", version="1")
    pushed = model.push(f"{registry.host}/models/tool-wear")
    deadline = Deadline.after(60)
    here = opening.source(Reference.parse(str(pushed.reference)))
    subject = media.Descriptor(media.INDEX, str(pushed.digest), len(here.manifest(str(pushed.digest), deadline)))
    note = referrers.attach(here, subject, artifact_type="a/note", data=b"fine", deadline=deadline)
    folder = tmp_path / "plant"
    folder.mkdir()
    with Registry(folder) as plant:
        copied = copy(str(pushed.reference), f"{plant.host}/models/tool-wear:1")
        assert (copied.digest, copied.referrers) == (
            pushed.digest,
            len(referrers.referrers(here, subject.digest, deadline=deadline)),
        )
        assert Model.from_oci(f"{plant.host}/models/tool-wear:1").digest == pushed.digest
        there = opening.source(Reference.parse(copied.reference))
        assert referrers.referrers(there, copied.digest, "a/note", deadline=deadline) == [note]
        crane("validate", "--fast", "--remote", f"{plant.host}/models/tool-wear:1", "--platform", "linux/arm64")
        save(f"{plant.host}/models/tool-wear:1", tmp_path / "usb.tar")
        (loaded,) = load(tmp_path / "usb.tar", f"{registry.host}/again/tool-wear")
        assert (loaded.digest, loaded.tags, loaded.referrers) == (pushed.digest, ("1",), copied.referrers)


def test_docker_archives_and_crane(registry: Registry, crane: Crane, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights.dat").write_bytes(b"w" * 5000)
    pushed = Model.from_dir(tmp_path / "model", name="tool-wear", version="1").push(f"{registry.host}/models/x")
    save(str(pushed.reference), tmp_path / "ours.tar", kind="docker", name="plant/x:1", platform="linux/arm64")
    crane("push", str(tmp_path / "ours.tar"), f"{registry.host}/by/crane:1")
    layers = json.loads(crane("manifest", f"{registry.host}/by/crane:1"))["layers"]
    wanted = json.loads(crane("manifest", "--platform", "linux/arm64", str(pushed.reference)))["layers"]
    assert len(layers) == len(wanted)
    assert b"models/weights.dat" in crane("export", f"{registry.host}/by/crane:1", "-")
    crane("pull", "--platform", "linux/amd64", str(pushed.reference), str(tmp_path / "theirs.tar"))
    (loaded,) = load(tmp_path / "theirs.tar", f"{registry.host}/by/us:1")
    crane("validate", "--fast", "--remote", f"{registry.host}/by/us:1")  # wholly, it takes every layer for gzip
    assert json.loads(crane("config", loaded.reference)) == json.loads(
        crane("config", "--platform", "linux/amd64", str(pushed.reference))
    )


def test_layout_of_crane(registry: Registry, crane: Crane, maker: Maker, tmp_path: Path) -> None:
    digest = maker.shapes()["index"].digest
    copy(f"oci:{tmp_path}/from:index", f"{registry.host}/a/x")
    crane("pull", "--format", "oci", f"{registry.host}/a/x:index", str(tmp_path / "theirs"))
    (loaded,) = load(tmp_path / "theirs", f"{registry.host}/b/x")
    assert loaded.digest == digest
    copy(f"oci:{tmp_path}/from:plain", f"{registry.host}/a/x")
    save(f"{registry.host}/a/x:plain", tmp_path / "ours")
    crane("push", str(tmp_path / "ours"), f"{registry.host}/c/x:1")
    assert crane("digest", f"{registry.host}/c/x:1") == crane("digest", f"{registry.host}/a/x:plain")


def test_source_that_is_cut_and_one_that_lies(registry: Registry, maker: Maker, tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    digest = maker.manifest([maker.file("a", data)], "1").digest
    raw = maker.layout.manifest(digest, maker.deadline)
    lies: list[bool] = [False]
    cuts: list[int] = []

    def _reply(request: Request) -> None:
        name = request.path.rpartition("/")[2]
        if "/referrers/" in request.path or name.startswith("sha256-"):
            request.answer(404)
        elif "/manifests/" in request.path:
            request.answer(200, raw, Content_Type=media.MANIFEST)
        elif name == media.digest_of(data):
            first = int((request.headers.get("Range") or "bytes=0-").partition("=")[2].partition("-")[0])
            body = bytes(len(data) - first) if lies[0] else data[first:]
            told = {"Content_Range": f"bytes {first}-{len(data) - 1}/{len(data)}"} if first else {}
            if not first and not lies[0]:
                cuts.append(1)
                request.answer(200, body[:2_000_000], length=len(body))
            else:
                request.answer(206 if first else 200, body, **told)
        else:
            request.answer(200, media.EMPTY_BYTES)

    with lying(_reply) as server:
        copied = copy(f"{server.host}/a/x:1", f"{registry.host}/cut/x")
        assert (copied.digest, len(cuts)) == (digest, 1)
        lies[0] = True
        with pytest.raises(IntegrityError, match="are others"):
            copy(f"{server.host}/a/x:1", f"{registry.host}/lie/x")
        with pytest.raises(I4qError):
            copy(f"{server.host}/a/x:1", f"oci:{tmp_path}/lie")
    assert not registry.requests("PUT", "lie/x/manifests")
    assert not Layout(tmp_path / "lie").tags()
