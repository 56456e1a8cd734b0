from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from i4q_ai.testing import samples as making
from i4q_ai.testing.samples import Samples
from tests.e2e.local.site import Site


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    return making.push(tmp_path_factory.mktemp("samples"), f"oci:{tmp_path_factory.mktemp('registry')}/")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path / "home")
    yield site
    site.end()
