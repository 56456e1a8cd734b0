"""The published OpenAPI document says what the server does, no more and no less."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from i4q_ai.serve.routes import METHODS, resolve

DOCUMENT: dict[str, Any] = json.loads(files("i4q_ai.serve").joinpath("openapi.json").read_text())


def test_every_path_is_a_route_with_its_method() -> None:
    kinds = set()
    for path, methods in DOCUMENT["paths"].items():
        kind = resolve(path.replace("{model}", "m").replace("{version}", "1")).kind
        kinds.add(kind)
        assert {method.upper() for method in methods} <= set(METHODS[kind])
    assert kinds == set(METHODS) - {"unknown", "openapi"}


def test_every_reference_leads_somewhere() -> None:
    text = json.dumps(DOCUMENT)
    named = {piece.partition('"')[0] for piece in text.split("#/components/schemas/")[1:]}
    assert named == set(DOCUMENT["components"]["schemas"])


def test_operations_have_names_of_their_own() -> None:
    names = [call["operationId"] for methods in DOCUMENT["paths"].values() for call in methods.values()]
    assert len(names) == len(set(names))
