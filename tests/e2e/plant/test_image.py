"""Flavour `image`: a model in `/models` of a server that is not ours to choose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import i4q_ai as i4q
from i4q_ai.errors import SchemaError
from i4q_ai.testing.plant import on
from tests.e2e.plant.conftest import PATIENCE

if TYPE_CHECKING:
    from i4q_ai.testing.samples import Samples
    from tests.testbed.images import EdgeImage
    from tests.testbed.registry import Crane


@pytest.fixture(scope="module")
def users_image(registry_of_plant: str, edge_image: EdgeImage, crane: Crane) -> str:
    """An image whose own entry point serves what lies in /models on $PORT, as a user may have built one."""
    start = "exec python3 -m i4q_ai.serve /models --host 0.0.0.0 --port $PORT --name wear"
    base, tag = edge_image.push(registry_of_plant), f"{registry_of_plant}/plant/users:1"
    options = ["--insecure", "--platform", "linux/amd64", "--entrypoint", f"sh,-c,{start}", "--tag", tag]
    crane("mutate", base, *options)
    return f"{registry_of_plant}/plant/users@{crane('digest', '--insecure', tag).decode().strip()}"


def test_a_model_in_a_container_of_the_user(hub: i4q.Hub, samples: Samples, users_image: str) -> None:
    deployment = hub.deploy(samples.one, to=on("edge-3"), flavour="image", image=users_image).wait(timeout=PATIENCE)
    assert deployment.client("edge-3").predict([[3.0]])[0][0] == 3.0
    deployment.update(samples.two).wait(timeout=PATIENCE)
    assert deployment.client("edge-3").predict([[3.0]])[0][0] == 6.0


def test_the_image_must_be_named_by_digest(hub: i4q.Hub, samples: Samples) -> None:
    with pytest.raises(SchemaError, match="digest"):
        hub.plan(samples.one, to=on("edge-3"), flavour="image", image="users:1")
    with pytest.raises(SchemaError, match="image"):
        hub.plan(samples.one, to=on("edge-3"), flavour="image")
