"""The edge image: what it holds, that it is always the same, and that others take it."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from i4q_ai.deadline import Deadline
from i4q_ai.errors import UnsupportedError
from i4q_ai.oci import image, media, opening
from i4q_ai.oci.artifact import Artifact, Bytes
from i4q_ai.oci.image.building import LOCK
from i4q_ai.oci.image.locked import dump, parse
from i4q_ai.oci.media import Descriptor, canonical
from i4q_ai.oci.reference import Reference
from i4q_ai.progress import Silent
from tests.testbed.images import EdgeImage
from tests.testbed.registry import Crane, Registry
from tests.testbed.rootfs import rootfs_tar

MEGABYTE = 1_000_000
ELF_MACHINES = {"amd64": 62, "arm64": 183}
EDGE = "i4q-ai/edge"


@pytest.fixture
def base(registry: Registry) -> str:
    """An image for two platforms, by digest; its layer is gzip, as layers of others are."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("etc/base"))
    layer = Bytes(gzip.compress(stream.getvalue(), mtime=0))
    blobs, manifests = [layer], []
    for architecture in ELF_MACHINES:
        run = {"Env": ["PATH=/base/bin", "KEPT=yes"], "Entrypoint": ["/bin/sh"], "Cmd": ["-c"], "User": "0"}
        rootfs = {"type": "layers", "diff_ids": [media.digest_of(stream.getvalue())]}
        config = Bytes(canonical({"architecture": architecture, "os": "linux", "config": run, "rootfs": rootfs}))
        listed = [Descriptor(f"{media.IMAGE_LAYER}+gzip", layer.digest, layer.size).dump()]
        about = Descriptor(media.IMAGE_CONFIG, config.digest, config.size).dump()
        raw = canonical({"schemaVersion": 2, "mediaType": media.MANIFEST, "config": about, "layers": listed})
        platform = {"os": "linux", "architecture": architecture}
        manifests.append((Descriptor.of(media.MANIFEST, raw, platform=platform), raw))
        blobs.append(config)
    raw = canonical({"schemaVersion": 2, "mediaType": media.INDEX, "manifests": [each.dump() for each, _ in manifests]})
    artifact = Artifact("base", tuple(blobs), tuple(manifests), (Descriptor.of(media.INDEX, raw), raw))
    reference = Reference.parse(f"{registry.host}/base")
    opening.source(reference).push(artifact, "1", Deadline.after(60), Silent())
    return str(reference.at(artifact.digest))


def _members(crane: Crane, repository: str, digest: str) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    raw = crane("blob", f"{repository}@{digest}")
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        for member in tar:
            file = tar.extractfile(member)
            yield member, file.read() if file else b""


def _images(crane: Crane, reference: str) -> dict[str, dict[str, Any]]:
    """Architecture → manifest."""
    repository = reference.partition("@")[0]
    listed = json.loads(crane("manifest", reference))["manifests"]
    return {
        each["platform"]["architecture"]: json.loads(crane("manifest", f"{repository}@{each['digest']}"))
        for each in listed
    }


def test_crane_takes_it(edge_image: EdgeImage, registry: Registry, crane: Crane) -> None:
    reference = edge_image.push(registry.host)
    (manifest,) = _images(crane, reference).values()
    assert [layer["mediaType"] for layer in manifest["layers"]] == [media.IMAGE_LAYER] * 3
    config = json.loads(crane("config", reference))
    assert config["config"]["User"] == "65532:65532"
    assert config["config"]["Entrypoint"] == ["python3", "-m"]
    with tarfile.open(fileobj=io.BytesIO(crane("export", reference, "-"))) as tar:
        names = set(tar.getnames())
    assert {"usr/bin/python3.11", "opt/i4q/site-packages/i4q_ai/__init__.py"} <= names


def test_same_inputs_same_bytes_and_within_the_bound(tmp_path: Path) -> None:
    first, second = (
        image.build(rootfs_tar(), to=tmp_path / name, name="registry.example/edge:1") for name in ("a.tar", "b.tar")
    )
    assert first == second
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    (built,) = first.images
    assert 100 * MEGABYTE < built.size <= 200 * MEGABYTE
    assert sum(part.size for part in built.parts) == built.size
    assert {"i4q-ai", "onnxruntime", "numpy"} <= {part.name for part in built.parts}
    assert "kubernetes" not in {part.name for part in built.parts}


def test_two_platforms_on_a_base_of_a_registry(base: str, registry: Registry, crane: Crane) -> None:
    repository = f"{registry.host}/{EDGE}"
    built = image.build(base, to=f"{repository}:1", bytecode=False)
    assert built.reference == f"{repository}@{built.digest}"
    for architecture, manifest in _images(crane, built.reference).items():
        config = json.loads(crane("config", "--platform", f"linux/{architecture}", built.reference))
        assert config["architecture"] == architecture
        assert "KEPT=yes" in config["config"]["Env"]
        assert "PATH=/base/bin" in config["config"]["Env"]
        assert "Cmd" not in config["config"]
        _, dependencies, package = (layer["digest"] for layer in manifest["layers"])
        libraries = [raw for _, raw in _members(crane, repository, dependencies) if raw.startswith(b"\x7fELF")]
        assert {int.from_bytes(raw[18:20], "little") for raw in libraries} == {ELF_MACHINES[architecture]}
        assert len(libraries) > 10
        assert "opt/i4q/site-packages/i4q_ai/py.typed" in {m.name for m, _ in _members(crane, repository, package)}


def test_compressed_layers_are_what_they_say(base: str, registry: Registry, crane: Crane, tmp_path: Path) -> None:
    lock = tmp_path / "small.lock"
    lock.write_text(dump(each for each in parse(LOCK.read_text(), where="lock") if each.name in ("idna", "orjson")))
    built = image.build(base, to=f"{registry.host}/{EDGE}:1", lock=lock, compress=True)
    crane("validate", "--remote", built.reference)  # every digest and diff_id, for both platforms
    for each in built.images:
        assert {part.name for part in each.parts} == {"i4q-ai", "idna", "orjson"}
        assert each.stored < each.size


def test_one_platform_of_a_base_with_two(base: str, tmp_path: Path) -> None:
    built = image.build(base, to=f"oci:{tmp_path}/layout", platforms=["linux/arm64"], bytecode=False)
    assert [each.platform for each in built.images] == ["linux/arm64"]
    again = image.build(base, to=f"oci:{tmp_path}/layout", platforms=["linux/arm64"], bytecode=False)
    assert again == built


def test_a_root_file_system_is_for_one_platform(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match=r"linux/amd64.*only one platform"):
        image.build(rootfs_tar(), to=tmp_path / "x.tar", platforms=["linux/amd64", "linux/arm64"])
    assert not (tmp_path / "x.tar").exists()
