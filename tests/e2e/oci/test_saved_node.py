"""What `save` writes on a real node: containerd imports it without a registry, under the names that pods use."""

from __future__ import annotations

import os
from pathlib import Path

from i4q_ai import oci
from i4q_ai.model import Model
from tests.testbed.controlplane import ControlPlane


def test_a_node_imports_a_saved_model_with_what_refers_to_it(plant: ControlPlane, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights.dat").write_bytes(os.urandom(100_000))
    pushed = Model.from_dir(tmp_path / "model", name="tool-wear", version="1").push(f"oci:{tmp_path / 'cloud'}")
    (tmp_path / "note.txt").write_text("fine")
    oci.attach(str(pushed.reference), tmp_path / "note.txt", artifact_type="application/vnd.test.note")
    name = f"registry.factory:5000/models/{tmp_path.name.lower().replace('_', '-')}"
    oci.save(f"oci:{tmp_path / 'cloud'}:1", tmp_path / "models.tar", name=name)
    edge = plant.edges["edge-1"]
    edge.import_image(tmp_path / "models.tar")
    names = edge.ctr("images", "list", "--quiet").split()
    assert {f"{name}:1", f"{name}@{pushed.digest}"} <= set(names)
    edge.ctr("images", "rm", f"{name}:1", f"{name}@{pushed.digest}")
