from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from i4q_ai.hub import Hub
from i4q_ai.testing import BackendContract, Connection
from tests.testbed.inventory import write_inventory

if TYPE_CHECKING:
    from tests.testbed.controlplane import ControlPlane
    from tests.testbed.images import EdgeImage


class TestKubectl(BackendContract):
    """On real API servers, with real pods: a hub without nodes for home, three edges with a node each."""

    _plant: ControlPlane

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _plain_http(cls, plant: ControlPlane) -> Iterator[None]:
        cls._plant = plant
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(os.environ, "I4Q_PLAIN_HTTP", plant.registry.host)
            yield

    @pytest.fixture(scope="class")
    @classmethod
    def connection(
        cls, plant: ControlPlane, edge_image: EdgeImage, tmp_path_factory: pytest.TempPathFactory
    ) -> Connection:
        return Connection(f"kubectl://{write_inventory(tmp_path_factory.mktemp('inventory'), plant, edge_image)}")

    @pytest.fixture(scope="class")
    @classmethod
    def repository(cls, plant: ControlPlane) -> str:
        return f"{plant.registry.host}/contract/"

    def cut(self, hub: Hub, cluster: str) -> None:
        self._plant.edges[cluster].cut()

    def join(self, hub: Hub, cluster: str) -> None:
        self._plant.edges[cluster].join()
