"""What tests of agents that follow places by themselves ask and wait for."""

from __future__ import annotations

import subprocess

from i4q_ai.status import Observation, Phase, Report
from tests.e2e.edge.plant import DEADLINE, Plant

EVERY = "0.2"


def follow(plant: Plant, *places: str, options: tuple[str, ...] = (), **variables: str) -> subprocess.Popen[bytes]:
    """A new agent that follows these."""
    told = [word for place in places for word in ("--follow", place)]
    return plant.run(*told, "--every", EVERY, *options, **variables)


def report(plant: Plant) -> Report:
    """The last one."""
    found = plant.control.report()
    assert found is not None
    return found


def delivered(plant: Plant, name: str, version: str) -> Observation:
    """Wait until a version runs, or its files are there."""
    for seen in plant.control.watch(DEADLINE):
        for item in seen.items if seen else ():
            if (item.name, item.version) == (name, version) and item.delivered:
                return item
    raise AssertionError(f"'{name}' never came to {version}: {plant.control.report()}; log: {plant.log()}")


def rolled_back(plant: Plant, name: str, revision: int = 0) -> Observation:
    """Wait until an older version runs again."""
    for seen in plant.control.watch(DEADLINE):
        for item in seen.items if seen else ():
            if item.name == name and item.phase is Phase.ROLLED_BACK and item.revision > revision:
                return item
    raise AssertionError(f"'{name}' was never rolled back: {plant.control.report()}; log: {plant.log()}")


def says(plant: Plant, *parts: str) -> str:
    """Wait until the report's message has all of these in it; without any, until there is none."""
    for seen in plant.control.watch(DEADLINE):
        if seen and all(part in seen.message for part in parts) and bool(parts) == bool(seen.message):
            return seen.message
    raise AssertionError(f"it never said {parts}: {plant.control.report()}; log: {plant.log()}")


def gone(plant: Plant, name: str) -> None:
    """Wait until nothing of an item is left."""
    for seen in plant.control.watch(DEADLINE):
        if seen and seen.items is not None and name not in {item.name for item in seen.items} and seen.revision:
            return
    raise AssertionError(f"'{name}' never went: {plant.control.report()}; log: {plant.log()}")
