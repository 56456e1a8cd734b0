"""What is in the edge image runs there: unpacked into a folder, as nobody, with the environment of its config."""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from i4q_ai.testing.onnx_bytes import multiplier
from tests.testbed.images import EdgeImage
from tests.testbed.lacking import need_root

_TIMEOUT = 300
_NOBODY = "65532:65532"
_MODULES = """
import importlib, pkgutil
optional = {"i4q_ai.serve.uvicorn_front", "i4q_ai.oci.registry"}  # of extras that the image does not have
for name in ("i4q_ai.serve", "i4q_ai.edge", "i4q_ai.oci"):
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, name + "."):
        if module.name not in optional and not module.name.endswith("__main__"):
            print(importlib.import_module(module.name).__name__)
"""
_INFER = """
import pathlib, sys, numpy
from i4q_ai.serve.loaders import loader
runner = loader("onnx")(pathlib.Path("/model"), 1)
print(runner.run({"x": numpy.array([[1], [2]], numpy.float32)}, ["y"])["y"].tolist())
print(*sorted(name for name in ("google.protobuf", "flatbuffers", "packaging", "sympy") if name in sys.modules))
"""


@pytest.fixture(scope="module")
def root(edge_image: EdgeImage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image as a folder, by the layers of its manifest."""
    need_root("running what is in an image")
    folder = tmp_path_factory.mktemp("image")
    for layer in _blob(edge_image, _manifest(edge_image)["digest"])["layers"]:
        with tarfile.open(_path(edge_image, layer["digest"])) as tar:
            tar.extractall(folder, filter="fully_trusted")
    return folder


def _path(image: EdgeImage, digest: str) -> Path:
    return image.layout / "blobs" / digest.replace(":", "/")


def _blob(image: EdgeImage, digest: str) -> Any:
    return json.loads(_path(image, digest).read_bytes())


def _manifest(image: EdgeImage) -> Any:
    (manifest,) = _blob(image, image.digest)["manifests"]
    return manifest


def _run(root: Path, image: EdgeImage, *arguments: str) -> subprocess.CompletedProcess[str]:
    manifest = _blob(image, _manifest(image)["digest"])
    environment = _blob(image, manifest["config"]["digest"])["config"]["Env"]
    command = ["chroot", f"--userspec={_NOBODY}", str(root), "env", "-i", *environment, "python3", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    assert done.returncode == 0, done.stderr
    return done


def test_the_programs_begin(root: Path, edge_image: EdgeImage) -> None:
    assert "Open Inference Protocol" in _run(root, edge_image, "-m", "i4q_ai.serve", "--help").stdout
    assert "agent of one edge cluster" in _run(root, edge_image, "-m", "i4q_ai.edge", "--help").stdout


def test_every_module_of_the_server_and_the_agent_is_there(root: Path, edge_image: EdgeImage) -> None:
    imported = _run(root, edge_image, "-c", _MODULES).stdout.split()
    assert {"i4q_ai.serve.http_front", "i4q_ai.edge.agent", "i4q_ai.oci.fetching"} <= set(imported)


def test_the_package_tells_its_version(root: Path, edge_image: EdgeImage) -> None:
    ask = "from importlib.metadata import version; print(version('i4q-ai'))"
    manifest = _blob(edge_image, _manifest(edge_image)["digest"])
    told = manifest["annotations"]["org.opencontainers.image.version"]
    assert _run(root, edge_image, "-c", ask).stdout.strip() == told


def test_a_model_answers_without_the_packages_left_out(root: Path, edge_image: EdgeImage) -> None:
    (root / "model").mkdir()
    (root / "model" / "model.onnx").write_bytes(multiplier(2.0))
    answer, modules = _run(root, edge_image, "-c", _INFER).stdout.splitlines()
    assert json.loads(answer) == [[2.0], [4.0]]
    assert modules == ""


def test_nothing_of_ours_is_compiled_at_start(root: Path, edge_image: EdgeImage) -> None:
    told = _run(root, edge_image, "-v", "-c", "import i4q_ai.edge.agent, i4q_ai.serve.server, onnxruntime").stderr
    assert re.search(r"code object from '/opt/i4q/site-packages/.*\.pyc'", told)
    assert not re.findall(r"code object from '/opt/i4q/site-packages/.*\.py'", told)


def test_nobody_can_change_it(root: Path, edge_image: EdgeImage) -> None:
    ask = "import os; print(os.getuid(), os.access('/opt/i4q/site-packages/i4q_ai', os.W_OK))"
    assert _run(root, edge_image, "-c", ask).stdout.split() == ["65532", "False"]
