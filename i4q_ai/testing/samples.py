"""What the suite deploys: versions of one small model, one that is broken, and a program that uses models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from i4q_ai.model import Model
from i4q_ai.testing.onnx_bytes import multiplier
from i4q_ai.workload import Workload

MODEL = "wear"
WORKLOAD = "line"

_PROGRAM = """
import hashlib, json, os, pathlib, urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer


def ask(url):
    tensor = {"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [1.0]}
    request = urllib.request.Request(url + "/infer", json.dumps({"inputs": [tensor]}).encode())
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
        return json.loads(answer.read())["outputs"][0]["data"][0]


def sha256(folder):
    return hashlib.sha256((pathlib.Path(folder) / "current" / "model.onnx").read_bytes()).hexdigest()


class Line(BaseHTTPRequestHandler):
    def do_GET(self):
        said = {"pid": os.getpid()}
        if "MODEL_WEAR_URL" in os.environ and self.path == "/":
            said["factor"] = ask(os.environ["MODEL_WEAR_URL"])
        if "MODEL_WEAR_PATH" in os.environ and self.path == "/":
            said["sha256"] = sha256(os.environ["MODEL_WEAR_PATH"])
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, form, *args):
        print(form % args, flush=True)


print("the line begins", flush=True)
HTTPServer((os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"])), Line).serve_forever()
"""


@dataclass(frozen=True)
class Samples:
    """Pushed things. The model of version n multiplies its input `x` by n.

    Args:
        one, two, three: versions of one model.
        broken: version 9 of it, which no server can load.
        by_url: a workload that asks the model and tells the factor it has seen, at `/`.
        by_path: a workload that reads the model's file and tells its sha256, at `/`.
    """

    one: Model
    two: Model
    three: Model
    broken: Model
    by_url: Workload
    by_path: Workload


def push(folder: Path, repository: str) -> Samples:
    """Make the samples and push them.

    Args:
        folder: to make them in.
        repository: prefix of where to push: "oci:FOLDER/" or "host:port/path/".
    """
    return Samples(
        one=_model("1", repository),
        two=_model("2", repository),
        three=_model("3", repository),
        broken=_broken(folder, repository),
        by_url=_workload(folder, repository, "1", "url"),
        by_path=_workload(folder, repository, "2", "path"),
    )


def _model(version: str, repository: str) -> Model:
    made = Model.from_onnx(multiplier(float(version)), name=MODEL, version=version)
    return made.push(f"{repository}{MODEL}")


def _broken(folder: Path, repository: str) -> Model:
    file = folder / "broken.onnx"
    file.write_bytes(b"this is no ONNX model")
    # Packing would refuse it as ONNX; the suite wants to see what an edge does with it.
    made = Model.from_files({"model.onnx": file}, name=MODEL, version="9", format="files").replace(format="onnx")
    return made.push(f"{repository}{MODEL}")


def _workload(folder: Path, repository: str, version: str, want: str) -> Workload:
    code = folder / f"{WORKLOAD}-{version}"
    code.mkdir()
    (code / "main.py").write_text(_PROGRAM)
    made = Workload.from_dir(
        code,
        name=WORKLOAD,
        version=version,
        command=["python", "main.py"],
        uses={MODEL: want},
        port=8000,
        ready="/health",
    )
    return made.push(f"{repository}{WORKLOAD}")
