from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from i4q_ai.hub import Hub
from i4q_ai.testing import BackendContract, Connection
from tests.testbed.inventory import write_hub

if TYPE_CHECKING:
    from tests.testbed.images import EdgeImage
    from tests.testbed.ocm import Management


class TestOcm(BackendContract):
    """On a hub with the real controllers, and three edges with the real agents and a node each."""

    _plant: Management

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _plain_http(cls, ocm_plant: Management) -> Iterator[None]:
        cls._plant = ocm_plant
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(os.environ, "I4Q_PLAIN_HTTP", ocm_plant.registry.host)
            yield

    @pytest.fixture(scope="class")
    @classmethod
    def connection(
        cls, ocm_plant: Management, edge_image: EdgeImage, tmp_path_factory: pytest.TempPathFactory
    ) -> Connection:
        return Connection(f"ocm://{write_hub(tmp_path_factory.mktemp('ocm'), ocm_plant.plant, edge_image)}")

    @pytest.fixture(scope="class")
    @classmethod
    def repository(cls, ocm_plant: Management) -> str:
        return f"{ocm_plant.registry.host}/contract-ocm/"

    def cut(self, hub: Hub, cluster: str) -> None:
        self._plant.cut(cluster)

    def join(self, hub: Hub, cluster: str) -> None:
        self._plant.join(cluster)
