"""Two users at once, two processes on one home: whatever they do in whatever order, it ends as the records say."""

from __future__ import annotations

import json
import random
import subprocess
import sys

from i4q_ai.hub import Hub
from i4q_ai.placement import Placement
from i4q_ai.testing.samples import Samples
from tests.e2e.kubectl.crowd import LIMIT, Crowd, open_hub

NAMES = ("wear", "chatter")
TIMES = 12


def _start(address: str, crowd: Crowd, samples: Samples, seed: int) -> subprocess.Popen[str]:
    models = [model.to_yaml() for model in (samples.one, samples.two, samples.three)]
    given = {
        "address": address, "models": models, "names": NAMES, "clusters": crowd.names, "seed": seed, "times": TIMES
    }  # fmt: skip
    command = [sys.executable, "-m", "tests.e2e.kubectl.working"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)
    assert process.stdin is not None
    process.stdin.write(json.dumps(given))
    process.stdin.close()
    process.stdin = None
    return process


def _wanted(hub: Hub) -> dict[str, dict[str, str]]:
    """Cluster → name of a deployment → digest, as the records say."""
    wanted: dict[str, dict[str, str]] = {cluster.name: {} for cluster in hub.clusters}
    for deployment in hub.list():
        spec = deployment.spec
        for cluster in deployment.explain().selected if not spec.deleted else ():
            wanted[cluster][deployment.name] = spec.object.digest
    return wanted


def _told(crowd: Crowd) -> dict[str, dict[str, str]]:
    return {
        cluster: {row["name"]: row["item"]["digest"] for row in crowd.ledger(cluster)["rows"] if row.get("item")}
        for cluster in crowd.names
    }


def _there(crowd: Crowd) -> dict[str, dict[str, str]]:
    """The same, as the objects on the clusters say."""
    found: dict[str, dict[str, str]] = {}
    for cluster in crowd.names:
        stamps = [each["metadata"] for each in crowd.objects(cluster).values()]
        found[cluster] = {each["labels"]["i4q.ai/deployment"]: each["annotations"]["i4q.ai/digest"] for each in stamps}
    return found


def test_two_users_at_once_end_as_the_records_say(crowd: Crowd, samples: Samples) -> None:
    seed = random.randrange(1 << 32)
    sys.stdout.write(f"seed {seed}\n")  # shown when the test fails
    address = crowd.make(6)
    with open_hub(address) as hub:
        hub.deploy(samples.one, to=Placement("everywhere"), name="wear", flavour="files")
        users = [_start(address, crowd, samples, seed + number) for number in range(2)]
        assert [user.wait(LIMIT) for user in users] == [0, 0]
        hub.refresh()
        wanted = _wanted(hub)
        assert _told(crowd) == wanted
        assert _there(crowd) == wanted
        for deployment in hub.list():
            revisions = [revision.revision for revision in deployment.history()]
            assert revisions == list(range(revisions[0], revisions[0] + len(revisions))), "a revision is lost"
        assert hub.refresh().empty
