"""Every example in a docstring is run, in a home of its own."""

from __future__ import annotations

import doctest
import importlib
import os
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import i4q_ai
from i4q_ai import Hub
from tests.docs.pages import environment

MODULES = sorted(
    module.name for module in pkgutil.walk_packages(i4q_ai.__path__, "i4q_ai.") if not module.name.endswith("__main__")
)
_FINDER = doctest.DocTestFinder(exclude_empty=True)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home; clusters that examples have added are removed afterwards."""
    for name, value in environment(tmp_path).items():
        if name.startswith("I4Q_"):
            monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "home"
    yield folder
    with Hub(home=folder) as hub:
        for cluster in hub.clusters:
            hub.clusters.remove(cluster.name, refresh=False)


def examples(module: str) -> list[doctest.DocTest]:
    """The docstrings of a module that hold examples."""
    return [test for test in _FINDER.find(importlib.import_module(module)) if test.examples]


@pytest.mark.parametrize("test", [test for name in MODULES for test in examples(name)], ids=lambda test: test.name)
def test_an_example_does_what_it_says(test: doctest.DocTest, home: Path) -> None:
    test.globs = {**test.globs, "home": os.fspath(home)}
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    said: list[str] = []
    assert runner.run(test, out=said.append).failed == 0, "".join(said)
