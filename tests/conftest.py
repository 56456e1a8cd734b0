"""Whatever the tests start ends with them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.__main__ import PARTS
from tests.testbed.ahead import PLANT, Ahead, weight
from tests.testbed.fixtures import (
    KEPT_LOGS,
    acm,
    apiserver,
    git_server,
    hub_git,
    kube_namespace,
    ocm_namespace,
    ocm_plant,
    plant,
    plant_namespace,
    testbed_run,
)
from tests.testbed.images import edge_image

__all__ = [
    "acm",
    "apiserver",
    "edge_image",
    "git_server",
    "hub_git",
    "kube_namespace",
    "ocm_namespace",
    "ocm_plant",
    "plant",
    "plant_namespace",
    "testbed_run",
]


_AHEAD = Ahead()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--part`: for two sessions that share the tests."""
    parser.addoption("--part", choices=PARTS, help="only tests that need a plant, or only the rest")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What needs the least comes first."""
    items.sort(key=weight)
    part = config.getoption("part")
    if part is not None:
        others = [item for item in items if (weight(item) >= PLANT) != (part == "plants")]
        items[:] = [item for item in items if (weight(item) >= PLANT) == (part == "plants")]
        config.hook.pytest_deselected(items=others)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build what the last tests need while the first ones run."""
    if not session.config.option.collectonly:
        _AHEAD.start(session.items)


def pytest_unconfigure() -> None:
    """Leave no build behind when the session is broken off."""
    _AHEAD.stop()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say where the logs of foreign processes are when a test failed."""
    if (kept := config.stash.get(KEPT_LOGS, None)) and Path(kept).is_dir():
        terminalreporter.write_line(f"logs of the test bed: {kept}")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is packed, and digests that were found once, are not kept for the user of this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("I4Q_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_orphans(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fails when an agent, a server or a workload that runs under this session's folders outlives it."""
    yield
    folder, patience = tmp_path_factory.getbasetemp(), time.monotonic() + 10
    while (left := _processes_under(folder)) and time.monotonic() < patience:
        time.sleep(0.1)  # one that has ended its work still takes a moment to leave
    assert not left, f"processes were left behind: {left}"


def _processes_under(folder: Path) -> dict[int, str]:
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            environment = (process / "environ").read_bytes()
            where = (process / "cwd").readlink()
        except OSError:
            continue  # it has ended, or is somebody else's
        ours = "-m i4q_ai." in command or b"I4Q_INSTANCE=" in environment
        if ours and (str(folder) in command or where.is_relative_to(folder)):
            found[int(process.name)] = command
    return found
