"""The published specification of ModelPack, out of its Go module: a judge of what we write that no one here wrote."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.testbed.building import MODULE_SOURCES, find_go
from tests.testbed.lacking import lacks

_MODULE = "github.com/modelpack/model-spec"
_TIMEOUT = 300


def model_spec() -> Path:
    """The folder of the module, pinned by `modelpack/go.mod`, in Go's own cache; without Go the test is skipped."""
    command = ["nice", find_go(), "mod", "download", "-json", _MODULE]
    done = subprocess.run(
        command, cwd=MODULE_SOURCES / "modelpack", capture_output=True, text=True, timeout=_TIMEOUT, check=False
    )
    if done.returncode:
        lacks(f"{' '.join(command)} failed: {done.stderr[-1000:] or done.stdout[-1000:]}")
    return Path(json.loads(done.stdout)["Dir"])
