"""A hub that is killed half-way through telling twenty clusters, at any point: the next one finishes what it began."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from itertools import cycle
from typing import NamedTuple

from i4q_ai.hub import Hub
from i4q_ai.model import Model
from i4q_ai.placement import Placement
from i4q_ai.testing.samples import MODEL, Samples
from tests.e2e.kubectl.crowd import LIMIT, Crowd, open_hub

CLUSTERS = 20
EVERYWHERE = Placement("everywhere")
WRITES = 3 * CLUSTERS
"""How many writes an update makes at least: two of the ledger and one of the object, for each cluster."""


class Point(NamedTuple):
    """Where a process dies.

    Args:
        at: the number of the write, from 1.
        behind: whether the server has answered it by then.
        burial: counted from the write that empties the record of something deleted.
    """

    at: int
    behind: bool
    burial: bool = False


def die(address: str, model: Model | None, point: Point) -> None:
    """Let another process deploy, and die by SIGKILL on its way.

    Args:
        address: of the hub.
        model: to deploy; None deletes the deployment instead.
        point: where.
    """
    given = {"address": address, "model": model.to_yaml() if model else "", "name": MODEL, **point._asdict()}
    command = [sys.executable, "-m", "tests.e2e.kubectl.dying"]
    done = subprocess.run(command, input=json.dumps(given), text=True, timeout=LIMIT, check=False)
    assert done.returncode == -signal.SIGKILL, f"it was not killed at {point}"


def settled(hub: Hub, crowd: Crowd, model: Model, revision: int) -> None:
    """Everything is as the record says, everywhere, and nothing else is there."""
    told = {(MODEL, model.digest, True)}
    for cluster in crowd.names:
        rows = crowd.ledger(cluster)["rows"]
        assert {(row["name"], row["item"]["digest"], row["delivered"]) for row in rows} == told, cluster
        objects = crowd.objects(cluster)
        assert set(objects) == {("ConfigMap", f"model-{MODEL}")}, cluster
        assert {each["metadata"]["annotations"]["i4q.ai/digest"] for each in objects.values()} == {model.digest}
    assert [each.revision for each in hub.get(MODEL).history()] == list(range(1, revision + 1))
    assert hub.refresh().empty


def test_an_update_that_was_begun_is_finished(crowd: Crowd, samples: Samples) -> None:
    address, chance = crowd.make(CLUSTERS), _chance()
    with open_hub(address) as hub:
        hub.deploy(samples.one, to=EVERYWHERE, flavour="files")
        revision = 1
        for model, point in zip(cycle([samples.two, samples.one]), _points(chance, WRITES), strict=False):
            die(address, model, point)
            written = hub.get(MODEL).history()[-1].revision > revision
            if written and chance.random() < 0.5:
                hub.refresh()
            else:
                hub.deploy(model, to=EVERYWHERE, flavour="files")
            revision += 1
            settled(hub, crowd, model, revision)


def test_a_first_deployment_that_was_begun_is_finished(crowd: Crowd, samples: Samples) -> None:
    address, chance = crowd.make(CLUSTERS), _chance()
    with open_hub(address) as hub:
        assert len(hub.clusters) == CLUSTERS  # their facts are written now, not where the other process counts
        for point in _points(chance, WRITES)[::2]:
            die(address, samples.one, point)
            hub.deploy(samples.one, to=EVERYWHERE, flavour="files")
            settled(hub, crowd, samples.one, 1)
            hub.get(MODEL).delete(timeout=LIMIT)
            empty(hub, crowd)


def test_a_deletion_that_was_begun_is_finished(crowd: Crowd, samples: Samples) -> None:
    address, chance = crowd.make(CLUSTERS), _chance()
    with open_hub(address) as hub:
        for point in (
            Point(chance.randrange(1, WRITES), chance.random() < 0.5),
            Point(1, behind=True, burial=True),
            Point(chance.randrange(2, CLUSTERS), chance.random() < 0.5, burial=True),
            Point(CLUSTERS + 2, chance.random() < 0.5, burial=True),
        ):
            hub.deploy(samples.one, to=EVERYWHERE, flavour="files")
            settled(hub, crowd, samples.one, 1)
            die(address, None, point)
            if hub.list():
                hub.get(MODEL).delete(timeout=LIMIT)
            empty(hub, crowd)
        hub.deploy(samples.one, to=EVERYWHERE, flavour="files")
        settled(hub, crowd, samples.one, 1)  # the name begins anew, whatever its last life left


def empty(hub: Hub, crowd: Crowd) -> None:
    """Nothing is left on any cluster, and no record."""
    assert hub.list() == []
    assert {cluster: set(crowd.objects(cluster)) for cluster in crowd.names} == {each: set() for each in crowd.names}


def _chance() -> random.Random:
    seed = random.randrange(1 << 32)
    sys.stdout.write(f"seed {seed}\n")  # shown when the test fails
    return random.Random(seed)


def _points(chance: random.Random, writes: int) -> list[Point]:
    """Around the record, its history, the first ledger and the first object; then anywhere among the rest."""
    numbers = [1, 2, 3, *sorted(chance.sample(range(4, writes), 3))]
    return [Point(number, chance.random() < 0.5) for number in numbers]
