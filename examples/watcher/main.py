"""A workload: tells an operator whether the machine may go on, by asking the model that the edge has placed beside it.

GET /ready → 204. POST /judge with [[type, air K, process K, rpm, Nm, min], …]
→ {"model": …, "risk": […], "advice": "…"}.
Only the standard library: whatever runs at the edge can have this shape, in any language.
"""

import json
import os
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODEL = os.environ["MODEL_TOOL_WEAR_URL"]
LIMIT = float(os.environ.get("LIMIT", "0.5"))


def ask(rows: list[list[float]]) -> tuple[str, list[float]]:
    """The model's version, and its risk of failure for each row."""
    tensor = {"name": "X", "datatype": "FP32", "shape": [len(rows), len(rows[0])], "data": rows}
    body = json.dumps({"inputs": [tensor], "outputs": [{"name": "probabilities"}]}).encode()
    request = urllib.request.Request(f"{MODEL}/infer", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as response:
        answer = json.load(response)
    return answer["model_version"], answer["outputs"][0]["data"][1::2]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.answer(204 if self.path == "/ready" else 404)

    def do_POST(self) -> None:
        rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        version, risk = ask(rows)
        advice = "change the tool" if max(risk) >= LIMIT else "go on"
        self.answer(200, {"model": version, "risk": risk, "advice": advice})

    def answer(self, status: int, document: object = None) -> None:
        body = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer((os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT"])), Handler).serve_forever()
