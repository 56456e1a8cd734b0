from __future__ import annotations

import pytest

from i4q_ai.testing import BackendContract, Connection


class TestEmbedded(BackendContract):
    @pytest.fixture(scope="class")
    @classmethod
    def connection(cls, tmp_path_factory: pytest.TempPathFactory) -> Connection:
        return Connection("embedded", {"home": str(tmp_path_factory.mktemp("home"))})
