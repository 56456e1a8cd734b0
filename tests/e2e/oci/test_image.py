"""The edge image: what it holds, that it is always the same, and that others take it."""

from __future__ import annotations

import json

from tests.testbed.images import EdgeImage
from tests.testbed.registry import Crane, Registry


def test_crane_takes_it(edge_image: EdgeImage, registry: Registry, crane: Crane) -> None:
    reference = edge_image.push(registry.host)
    listed = json.loads(crane("manifest", reference))["manifests"]
    assert [each["platform"] for each in listed] == [{"architecture": "amd64", "os": "linux"}]
    config = json.loads(crane("config", reference))
    assert config["config"]["User"] == "65532:65532"
    assert config["config"]["Entrypoint"] == ["python3", "-m"]
