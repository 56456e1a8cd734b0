"""A modelcar in a real registry: a real shell, and not one byte of the model sent again."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

from i4q_ai.model import Model
from i4q_ai.oci.consumers.modelcar import PROGRAMS, modelcar
from tests.testbed.busybox import busybox_tar
from tests.testbed.registry import Crane, Registry


def test_it_is_beside_the_model_and_shares_its_layers(registry: Registry, crane: Crane, tmp_path: Path) -> None:
    (tmp_path / "limits.txt").write_text("torque 60\n" * 100)
    model = Model.from_files([tmp_path / "limits.txt"], name="limits", version="1").push(f"{registry.host}/m/limits")
    base = busybox_tar(tmp_path, PROGRAMS)
    sent = len(registry.requests("PUT", "/blobs/uploads/"))
    made = modelcar(model, base=base)
    assert len(registry.requests("PUT", "/blobs/uploads/")) - sent == 2, "the base and the config"
    assert crane("digest", f"{registry.host}/m/limits:1-modelcar").decode().strip() == made.rpartition("@")[2]
    with tarfile.open(fileobj=io.BytesIO(crane("export", made, "-"))) as tar:
        names = set(tar.getnames())
        content = tar.extractfile("models/limits.txt")
        assert content is not None
        assert content.read() == (tmp_path / "limits.txt").read_bytes()
    assert {"bin/sh", "bin/busybox", "models/i4q.json"} <= names


def test_it_goes_to_another_repository_and_registry(registry: Registry, crane: Crane, tmp_path: Path) -> None:
    (tmp_path / "limits.txt").write_text("torque 60\n" * 100_000)
    model = Model.from_files([tmp_path / "limits.txt"], name="limits", version="1").push(f"oci:{tmp_path / 'layout'}")
    made = modelcar(model, base=busybox_tar(tmp_path, PROGRAMS), to=f"{registry.host}/cars/limits:1")
    (listed,) = json.loads(crane("manifest", made))["manifests"]
    repository = f"{registry.host}/cars/limits"
    layers = json.loads(crane("manifest", f"{repository}@{listed['digest']}"))["layers"]
    assert [len(crane("blob", f"{repository}@{layer['digest']}")) for layer in layers] == [
        layer["size"] for layer in layers
    ]
