"""Holds any server against the Open Inference Protocol v2, rule by rule, from outside."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any, Literal
from urllib.parse import quote, urlsplit

import requests

from i4q_ai.errors import InvalidError, UnreachableError

_SIZES = {
    "BOOL": 1, "UINT8": 1, "UINT16": 2, "UINT32": 4, "UINT64": 8, "INT8": 1, "INT16": 2, "INT32": 4, "INT64": 8,
    "FP16": 2, "FP32": 4, "FP64": 8,
}  # fmt: skip
_HEADER = "Inference-Header-Content-Length"


@dataclass(frozen=True)
class Finding:
    """How one rule fared.

    Args:
        rule: what the protocol asks, in a few words.
        result: "ok", "failed", or "skipped" where the server does not offer what the rule is about.
        seen: what the server did.
    """

    rule: str
    result: Literal["ok", "failed", "skipped"]
    seen: str


class _Broken(Exception):
    """The rule is broken; says what was seen."""


class _Skipped(Exception):
    """The rule does not apply; says why."""


def check(url: str, model: str | None = None, *, timeout: float = 10) -> list[Finding]:
    """Hold a server against the protocol.

    Args:
        url: of the server, as `http://host:port`.
        model: to ask; None: the first that the server's repository says is ready.
        timeout: seconds that any call may take.

    Returns:
        One finding for each rule, in a fixed order.

    Raises:
        InvalidError: it is no URL.
        UnreachableError: no server answers there.
    """
    probe = _Probe(url.rstrip("/").removesuffix("/v2"), model, timeout)
    with probe.session:
        probe.get("/v2/health/live")
        return [_try(rule, judge, probe) for rule, judge in RULES]


def _try(rule: str, judge: Callable[[_Probe], str], probe: _Probe) -> Finding:
    try:
        return Finding(rule, "ok", judge(probe))
    except _Broken as seen:
        return Finding(rule, "failed", str(seen))
    except _Skipped as why:
        return Finding(rule, "skipped", str(why))
    except UnreachableError as error:
        return Finding(rule, "failed", error.what)


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname if parts.scheme in ("http", "https") else None
    except ValueError:
        host = None
    if not host:
        raise InvalidError(f"'{url}' is no URL of a server", hint="http://host:port")
    return host


class _Probe:
    """Asks the server; remembers what later rules need."""

    def __init__(self, url: str, model: str | None, timeout: float) -> None:
        self.url = url
        self.timeout = timeout
        self.session = requests.Session()
        self.session.trust_env = _host(url) not in ("127.0.0.1", "localhost", "::1")
        self._model = model
        self._metadata: dict[str, Any] | None = None

    def get(self, path: str) -> Any:
        return self._send("GET", path)

    def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> Any:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._send("POST", path, data=content, headers=headers or {"Content-Type": "application/json"})

    def infer(self, body: Any, headers: dict[str, str] | None = None) -> Any:
        return self.post(f"{self.path()}/infer", body, headers)

    def _send(self, method: str, path: str, **more: Any) -> Any:
        try:
            return self.session.request(method, self.url + path, timeout=self.timeout, **more)
        except requests.RequestException as error:
            raise UnreachableError(f"no answer from {self.url}{path}: {type(error).__name__}") from error

    def extensions(self) -> list[str]:
        found = document(self.get("/v2")).get("extensions", [])
        return [str(one).partition("(")[0] for one in found]

    def path(self) -> str:
        """Of the model, in URLs."""
        if self._model is None:
            self._model = self._first_model()
        return f"/v2/models/{quote(self._model, safe='')}"

    def _first_model(self) -> str:
        rows = self.post("/v2/repository/index", {}) if "model_repository" in self.extensions() else None
        if rows is not None and rows.status_code == 200:
            for row in rows.json():
                if row.get("state") == "READY":
                    return str(row["name"])
        raise _Skipped("no model is named, and the server lists none that is ready")

    def metadata(self) -> dict[str, Any]:
        if self._metadata is None:
            self._metadata = document(self.get(self.path()))
        return self._metadata

    def request(self, *, nested: bool = False) -> dict[str, Any]:
        """A request that fits the model, as JSON."""
        return {"inputs": [_tensor(spec, nested=nested) for spec in self.metadata().get("inputs", [])]}


def document(response: Any, *statuses: int) -> dict[str, Any]:
    """The JSON object of an answer with one of these statuses (200 if none are given)."""
    if response.status_code not in (statuses or (200,)):
        raise _Broken(f"status {response.status_code}: {response.text[:120]}")
    try:
        found = response.json()
    except ValueError:
        raise _Broken(f"status {response.status_code}, no JSON: {response.text[:120]}") from None
    if not isinstance(found, dict):
        raise _Broken(f"a JSON {type(found).__name__}, not an object")
    return found


def _tensor(spec: dict[str, Any], *, nested: bool) -> dict[str, Any]:
    shape = [1 if size == -1 else size for size in spec["shape"]]
    datatype = spec["datatype"]
    if datatype == "FP16":
        raise _Skipped(f"input '{spec['name']}' is FP16, which has no form in JSON")
    element: Any = {"BOOL": False, "BYTES": "", "FP32": 1.0, "FP64": 1.0}.get(datatype, 0)
    data: Any = [element] * prod(shape)
    if nested:
        for size in reversed(shape[1:]):
            data = [data[at : at + size] for at in range(0, len(data), size)]
    return {"name": spec["name"], "shape": shape, "datatype": datatype, "data": data}


def _lives(probe: _Probe) -> str:
    return _status(probe.get("/v2/health/live"), 200)


def _is_ready(probe: _Probe) -> str:
    return _status(probe.get("/v2/health/ready"), 200)


def _status(response: Any, *wanted: int) -> str:
    seen = f"status {response.status_code}"
    if response.status_code not in wanted:
        raise _Broken(seen)
    return seen


def _names_itself(probe: _Probe) -> str:
    found = document(probe.get("/v2"))
    extensions = found.get("extensions")
    if not all(isinstance(found.get(key), str) for key in ("name", "version")):
        raise _Broken(f"name or version is no string: {found}")
    if not isinstance(extensions, list) or not all(isinstance(one, str) for one in extensions):
        raise _Broken(f"extensions is {extensions!r}, no list of strings")
    return f"{found['name']} {found['version']}: {', '.join(extensions) or 'no extensions'}"


def _describes_the_model(probe: _Probe) -> str:
    found = probe.metadata()
    for key in ("name", "platform"):
        if not isinstance(found.get(key), str):
            raise _Broken(f"{key} is {found.get(key)!r}, no string")
    for side in ("inputs", "outputs"):
        for spec in found.get(side, [None]):
            if not isinstance(spec, dict) or spec.get("datatype") not in (*_SIZES, "BYTES"):
                raise _Broken(f"{side} has {spec!r}, no tensor")
            if not isinstance(spec.get("shape"), list) or not all(type(size) is int for size in spec["shape"]):
                raise _Broken(f"shape of '{spec.get('name')}' is {spec.get('shape')!r}, no list of whole numbers")
    return f"{found['name']} on {found['platform']}, {len(found['inputs'])} inputs, {len(found['outputs'])} outputs"


def _model_is_ready(probe: _Probe) -> str:
    return _status(probe.get(f"{probe.path()}/ready"), 200)


def _takes_versions(probe: _Probe) -> str:
    versions = probe.metadata().get("versions")
    if not versions:
        raise _Skipped("the model names no versions")
    path = f"{probe.path()}/versions/{quote(str(versions[-1]), safe='')}"
    document(probe.get(path))
    _status(probe.get(f"{path}/ready"), 200)
    document(probe.post(f"{path}/infer", probe.request()))
    return f"version {versions[-1]} answers"


def _infers(probe: _Probe, *, nested: bool = False) -> str:
    found = document(probe.infer(probe.request(nested=nested)))
    if not isinstance(found.get("model_name"), str):
        raise _Broken("model_name is missing")
    outputs = found.get("outputs")
    if not isinstance(outputs, list) or not outputs:
        raise _Broken(f"outputs is {outputs!r}")
    for output in outputs:
        count = _count(output.get("data"))
        if prod(output.get("shape", [-1])) != count:
            raise _Broken(f"output '{output.get('name')}' has shape {output.get('shape')} and {count} elements")
    return ", ".join(f"{output['name']} {output['datatype']} {output['shape']}" for output in outputs)


def _count(data: Any) -> int:
    return sum(_count(one) for one in data) if isinstance(data, list) else 1


def _infers_nested(probe: _Probe) -> str:
    return _infers(probe, nested=True)


def _gives_the_id_back(probe: _Probe) -> str:
    found = document(probe.infer({"id": "i4q-42", **probe.request()}))
    if found.get("id") != "i4q-42":
        raise _Broken(f"id is {found.get('id')!r}, sent was 'i4q-42'")
    return "the id comes back"


def _answers_only_what_is_asked(probe: _Probe) -> str:
    wanted = probe.metadata()["outputs"][-1]["name"]
    found = document(probe.infer({**probe.request(), "outputs": [{"name": wanted}]}))
    names = [output.get("name") for output in found.get("outputs", [])]
    if names != [wanted]:
        raise _Broken(f"asked for {[wanted]}, got {names}")
    return f"only {wanted}"


def _refused(response: Any, *statuses: int) -> str:
    found = document(response, *(statuses or range(400, 500)))
    if not isinstance(found.get("error"), str):
        raise _Broken(f"status {response.status_code} without an 'error': {response.text[:120]}")
    return f"status {response.status_code}: {found['error'][:80]}"


def _refuses_unknown_models(probe: _Probe) -> str:
    return _refused(probe.get("/v2/models/i4q-no-such-model"), 404)


def _refuses_broken_json(probe: _Probe) -> str:
    return _refused(probe.infer(b'{"inputs": ['))


def _refuses_no_inputs(probe: _Probe) -> str:
    return _refused(probe.infer({}))


def _refuses_unknown_inputs(probe: _Probe) -> str:
    request = probe.request()
    request["inputs"][0]["name"] = "i4q-no-such-input"
    return _refused(probe.infer(request))


def _refuses_a_count_that_does_not_fit(probe: _Probe) -> str:
    request = probe.request()
    request["inputs"][0]["data"] = request["inputs"][0]["data"] * 2 + [request["inputs"][0]["data"][0]]
    return _refused(probe.infer(request))


def _refuses_a_shape_that_does_not_fit(probe: _Probe) -> str:
    request = probe.request()
    request["inputs"][0]["shape"] = [*request["inputs"][0]["shape"], 1, 1]
    return _refused(probe.infer(request))


def _refuses_strings_for_numbers(probe: _Probe) -> str:
    request = probe.request()
    first = request["inputs"][0]
    if first["datatype"] == "BYTES":
        raise _Skipped("the first input takes strings")
    first["data"] = ["a"] * len(first["data"])
    return _refused(probe.infer(request))


def _takes_binary(probe: _Probe) -> str:
    if "binary_tensor_data" not in probe.extensions():
        raise _Skipped("binary_tensor_data is not among the extensions")
    rows, tail = [], b""
    for spec in probe.metadata()["inputs"]:
        shape = [1 if size == -1 else size for size in spec["shape"]]
        chunk = bytes(_SIZES.get(spec["datatype"], 4) * prod(shape))
        row = {"name": spec["name"], "shape": shape, "datatype": spec["datatype"]}
        rows.append({**row, "parameters": {"binary_data_size": len(chunk)}})
        tail += chunk
    head = json.dumps({"inputs": rows, "parameters": {"binary_data_output": True}}).encode()
    headers = {"Content-Type": "application/octet-stream", _HEADER: str(len(head))}
    response = probe.infer(head + tail, headers)
    _status(response, 200)
    return _sizes_add_up(response)


def _sizes_add_up(response: Any) -> str:
    length = response.headers.get(_HEADER)
    if length is None:
        raise _Broken(f"no header {_HEADER}")
    outputs = json.loads(response.content[: int(length)])["outputs"]
    sizes = [(output.get("parameters") or {}).get("binary_data_size", 0) for output in outputs]
    rest = len(response.content) - int(length)
    if sum(sizes) != rest:
        raise _Broken(f"the outputs say {sum(sizes)} bytes, the body has {rest}")
    for output, size in zip(outputs, sizes, strict=True):
        want = _SIZES.get(output["datatype"], 0) * prod(output["shape"])
        if want and size != want:
            raise _Broken(f"output '{output['name']}' has {size} bytes, its shape {output['shape']} has {want}")
    return f"{rest} bytes of binary outputs"


def _lists_its_models(probe: _Probe) -> str:
    if "model_repository" not in probe.extensions():
        raise _Skipped("model_repository is not among the extensions")
    response = probe.post("/v2/repository/index", {})
    _status(response, 200)
    rows = response.json()
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "name" in row for row in rows):
        raise _Broken("no array of objects with a name")
    return ", ".join(f"{row['name']} {row.get('state', '')}".strip() for row in rows) or "no models"


RULES: tuple[tuple[str, Callable[[_Probe], str]], ...] = (
    ("live answers 200", _lives),
    ("ready answers 200", _is_ready),
    ("the server says name, version and extensions", _names_itself),
    ("unknown models are refused: 404 and an error", _refuses_unknown_models),
    ("the model says name, platform and tensors", _describes_the_model),
    ("the model's ready answers 200", _model_is_ready),
    ("versions may stand in the URL", _takes_versions),
    ("infer takes flat data", _infers),
    ("infer takes nested data", _infers_nested),
    ("the id is given back", _gives_the_id_back),
    ("only requested outputs are answered", _answers_only_what_is_asked),
    ("broken JSON is refused: 4xx and an error", _refuses_broken_json),
    ("no inputs are refused: 4xx and an error", _refuses_no_inputs),
    ("unknown inputs are refused: 4xx and an error", _refuses_unknown_inputs),
    ("too many elements are refused: 4xx and an error", _refuses_a_count_that_does_not_fit),
    ("a wrong shape is refused: 4xx and an error", _refuses_a_shape_that_does_not_fit),
    ("strings for numbers are refused: 4xx and an error", _refuses_strings_for_numbers),
    ("binary tensors are taken and answered", _takes_binary),
    ("the repository lists its models", _lists_its_models),
)
"""What is checked, in this order."""
