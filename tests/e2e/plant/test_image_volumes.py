"""What `push` writes, as nodes see it: mounted from a registry, from an archive without one, and for both platforms."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from i4q_ai.deadline import Deadline
from i4q_ai.model import Model
from i4q_ai.oci.artifact import build
from i4q_ai.oci.consumers.modelcar import PROGRAMS, modelcar
from i4q_ai.oci.image import archive
from i4q_ai.oci.reference import Reference
from tests.testbed.busybox import busybox_tar

if TYPE_CHECKING:
    from pathlib import Path

    from tests.testbed.controlplane import ControlPlane
    from tests.testbed.edge import Edge
    from tests.testbed.images import EdgeImage

_SOON = "--timeout=120s"
_CONTENT = b"torque 60\n" * 1000


def _model(folder: Path, name: str) -> Model:
    (folder / "sub").mkdir(exist_ok=True)
    (folder / "sub" / "limits.txt").write_bytes(_CONTENT)
    return Model.from_dir(folder / "sub", name=name, version="1")


def _run(edge: Edge, namespace: str, name: str, spec: dict[str, Any]) -> str:
    """Run a pod to its end; gives its log."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"restartPolicy": "Never", **spec}}
    edge.kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps(pod))
    edge.kubectl("wait", "-n", namespace, "--for=jsonpath={.status.phase}=Succeeded", f"pod/{name}", _SOON)
    return edge.kubectl("logs", "-n", namespace, name)


def _reads(image: str, reference: str, **volume: str) -> dict[str, Any]:
    """A pod that tells the hash of a file of a mounted model."""
    program = (
        "import hashlib, os\n"
        "print(hashlib.sha256(open('/m/models/limits.txt', 'rb').read()).hexdigest(), os.listdir('/m/models'))\n"
    )
    mounted = {"name": "model", "mountPath": "/m", "readOnly": True}  # all of it: not every containerd heeds a subPath
    container = {"name": "main", "image": image, "command": ["python3", "-c", program], "volumeMounts": [mounted]}
    return {"containers": [container], "volumes": [{"name": "model", "image": {"reference": reference, **volume}}]}


def test_an_archive_is_imported_and_mounted_by_digest_without_a_registry(
    plant: ControlPlane, plant_namespace: str, edge_image: EdgeImage, tmp_path: Path
) -> None:
    edge, deadline = plant.edges["edge-3"], Deadline.after(60, "writing an archive")
    artifact = build(_model(tmp_path, "limits"), deadline)
    name = Reference.parse(f"registry.invalid/{plant_namespace}/limits:1")
    archive.write(tmp_path / "limits.tar", artifact, name, deadline)
    edge.import_image(tmp_path / "limits.tar")
    edge.import_image(edge_image.tar)
    reference = str(name.at(artifact.digest))
    assert reference in edge.ctr("images", "list", "--quiet").split()
    said = _run(edge, plant_namespace, "reads", _reads(edge_image.reference, reference, pullPolicy="Never"))
    assert hashlib.sha256(_CONTENT).hexdigest() in said
    assert "i4q.json" in said


def test_a_node_pulls_and_mounts_it_for_both_platforms(
    plant: ControlPlane, plant_namespace: str, registry_of_plant: str, tmp_path: Path
) -> None:
    edge = plant.edges["edge-3"]
    model = _model(tmp_path, "limits").push(f"{registry_of_plant}/{plant_namespace}/limits")
    reference = str(model.reference)
    for architecture in ("amd64", "arm64"):
        platform = f"linux/{architecture}"
        edge.ctr("images", "pull", "--plain-http", "--platform", platform, reference)
        folder = tmp_path / architecture
        folder.mkdir()
        edge.ctr("images", "mount", "--platform", platform, reference, folder)
        said = edge.room.run(["sha256sum", folder / "models" / "limits.txt"])
        edge.ctr("images", "unmount", "--rm", folder)
        assert said.split()[0] == model.files[0].sha256


def test_a_modelcar_does_what_kserve_asks_of_it(
    plant: ControlPlane, plant_namespace: str, registry_of_plant: str, edge_image: EdgeImage, tmp_path: Path
) -> None:
    """The containers that KServe makes of a modelcar: one that looks first, one that gives its files to the server."""
    edge = plant.edges["edge-3"]
    edge.import_image(edge_image.tar)
    model = _model(tmp_path, "limits").push(f"{registry_of_plant}/{plant_namespace}/car")
    car = modelcar(model, base=busybox_tar(tmp_path, PROGRAMS))
    shared = [{"name": "mnt", "mountPath": "/mnt"}]
    link = "ln -sf /proc/$$$$/root/models /mnt/models && sleep infinity"  # Kubernetes makes one of two "$"
    look = "[ -d /models ] && ls -A /models"
    read = (
        "import hashlib, pathlib, time\n"
        "path = pathlib.Path('/mnt/models/limits.txt')\n"
        "while not path.exists(): time.sleep(0.1)\n"
        "print(hashlib.sha256(path.read_bytes()).hexdigest())\n"
    )
    beside = {"name": "car", "image": car, "command": ["sh", "-c", link], "volumeMounts": shared}
    spec = {
        "shareProcessNamespace": True,
        "terminationGracePeriodSeconds": 1,
        "initContainers": [
            {"name": "look", "image": car, "command": ["sh", "-c", look]},
            {**beside, "restartPolicy": "Always"},
        ],
        "containers": [
            {"name": "main", "image": edge_image.reference, "command": ["python3", "-c", read], "volumeMounts": shared,
             "securityContext": {"runAsUser": 0}},
        ],
        "volumes": [{"name": "mnt", "emptyDir": {}}],
    }  # fmt: skip
    said = _run(edge, plant_namespace, "car", spec)
    assert said.strip() == model.files[0].sha256
    assert "limits.txt" in edge.kubectl("logs", "-n", plant_namespace, "car", "-c", "look")
