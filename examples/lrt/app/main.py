"""The module at the edge: POST /best with a list of configurations, and get them back, the best first."""

from __future__ import annotations

import json
import logging
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from models import AskedModel, FileModel
from scoring import Configuration, ranked

RISK = AskedModel(os.environ["MODEL_FAILURE_RISK_URL"])
STRAIN = FileModel(Path(os.environ["MODEL_OVERSTRAIN_PATH"]))
PROBE = Configuration("probe", "M", 298.0, 308.0, 1500.0, 40.0, 0.0)


def best(data: Any) -> dict[str, Any]:
    """The answer to one request."""
    if not isinstance(data, list) or not data:
        raise ValueError("give a list of configurations")
    configurations = [Configuration.parse(each) for each in data]
    risk, risk_version = RISK.probabilities([each.row() for each in configurations])
    strain, strain_version = STRAIN.probabilities([each.load() for each in configurations])
    rows = ranked(configurations, risk, strain)
    versions = {"failure-risk": risk_version, "overstrain": strain_version}
    return {"best": rows[0]["name"], "models": versions, "configurations": rows}


class Handler(BaseHTTPRequestHandler):
    """Two routes: `/ready` and `/best`."""

    def do_GET(self) -> None:
        """Ready is who can answer with both models."""
        if self.path != "/ready":
            return self.answer(404, {"error": "there are /ready and /best"})
        RISK.probabilities([PROBE.row()])
        STRAIN.probabilities([PROBE.load()])
        return self.answer(200, {"ready": True})

    def do_POST(self) -> None:
        """Judge configurations."""
        if self.path != "/best":
            return self.answer(404, {"error": "there are /ready and /best"})
        try:
            data = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            return self.answer(200, best(data))
        except ValueError as error:
            return self.answer(400, {"error": str(error)})
        except OSError as error:
            return self.answer(503, {"error": f"a model does not answer: {error}"})

    def answer(self, status: int, document: dict[str, Any]) -> None:
        """Send JSON."""
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    ThreadingHTTPServer((os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"])), Handler).serve_forever()
