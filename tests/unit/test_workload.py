"""Workload."""

from typing import Any

import pytest

from i4q_ai.errors import InvalidError, SchemaError
from i4q_ai.workload import Workload, variable
from tests.unit import things


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "needs a command, or an image"),
        ({"image": "a@sha256:0", "files": [{"path": "a", "size": 0, "sha256": "0" * 64}]}, "not both"),
        ({"command": ["a"], "ready": "/"}, "'ready' needs a 'port'"),
        ({"command": ["a"], "ready": "ready", "port": 80}, "ready: "),
        ({"command": ["a"], "port": 0}, "port: "),
        ({"command": ["a"], "uses": {"a": "file"}}, "uses.a: "),
        ({"command": ["a"], "env": {"1A": "b"}}, "'1A' is no name of a variable"),
        ({"command": ["a"], "uses": {"a": "url"}, "env": {"MODEL_A_URL": "x"}}, "MODEL_A_URL is told by the edge"),
    ],
)
def test_what_does_not_fit_together_is_refused(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(SchemaError) as told:
        Workload(name="monitor", version="1", **fields)
    assert reason in str(told.value)


def test_a_variable_is_in_capitals() -> None:
    assert variable("tool-wear", "path") == "MODEL_TOOL_WEAR_PATH"


def test_two_models_never_share_a_variable() -> None:
    # With today's grammar of names ('-' only) no two names clash: 'a-url' as a path is not 'a' as a url.
    uses = {"a": "url", "a-url": "path", "a-url-b": "url"}
    assert len({variable(name, want) for name, want in uses.items()}) == 3
    assert Workload(name="b", version="1", command=["x"], uses=uses).uses == uses


def test_the_digest_is_that_of_the_code_or_the_image() -> None:
    assert things.workload().digest == things.digest("monitor1")
    image = f"registry.example/app@{things.digest('app')}"
    assert Workload(name="a", version="1", image=image).digest == things.digest("app")


def test_an_image_by_tag_has_no_digest() -> None:
    with pytest.raises(InvalidError, match="image@sha256"):
        _ = Workload(name="a", version="1", image="app:1").digest
    with pytest.raises(InvalidError, match=r"workload\.push"):
        _ = Workload(name="a", version="1", command=["x"]).digest
