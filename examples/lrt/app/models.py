"""The two models as this program meets them: one behind a URL, one as a folder whose `current` link is switched."""

from __future__ import annotations

import json
import logging
import threading
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

log = logging.getLogger(__name__)


class AskedModel:
    """A classifier behind the Open Inference Protocol.

    Args:
        url: `http://…/v2/models/NAME`.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        # The model is beside us: no proxy of this machine's environment leads there.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def probabilities(self, rows: list[list[float]]) -> tuple[list[float], str]:
        """Of class 1 for each row, and the version that said so."""
        tensor = {"name": "X", "datatype": "FP32", "shape": [len(rows), len(rows[0])], "data": rows}
        body = json.dumps({"inputs": [tensor], "outputs": [{"name": "probabilities"}]}).encode()
        request = urllib.request.Request(f"{self._url}/infer", body, {"Content-Type": "application/json"})
        with self._opener.open(request, timeout=5) as response:
            answer = json.load(response)
        return answer["outputs"][0]["data"][1::2], answer["model_version"]


class FileModel:
    """A classifier in a folder: `current` names the version, and may be switched at any time.

    Args:
        folder: holds `current`.
    """

    def __init__(self, folder: Path) -> None:
        self._current = folder / "current"
        self._lock = threading.Lock()
        self._tree: Path | None = None
        self._session: Any = None
        self._version = ""

    def probabilities(self, rows: list[list[float]]) -> tuple[list[float], str]:
        """Of class 1 for each row, and the version that said so."""
        session, version = self._loaded()
        (answer,) = session.run(["probabilities"], {"X": np.array(rows, dtype=np.float32)})
        return [float(row[1]) for row in answer], version

    def _loaded(self) -> tuple[Any, str]:
        """What `current` names now; one look at a link per call is all that noticing a switch takes."""
        tree = self._current.resolve()
        with self._lock:
            if tree != self._tree:
                about = json.loads((tree / "i4q.json").read_text(encoding="utf-8"))
                weights = next(file["path"] for file in about["files"] if file["path"].endswith(".onnx"))
                self._session = onnxruntime.InferenceSession(tree / weights, providers=["CPUExecutionProvider"])
                self._tree, self._version = tree, about["version"]
                log.info("reading version %s from %s", self._version, tree.name)
            return self._session, self._version
