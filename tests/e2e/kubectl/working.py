"""A user at work beside another: deploys, updates and deletes: `python -m tests.e2e.kubectl.working`."""

from __future__ import annotations

import json
import random
import sys

from i4q_ai.errors import ConflictError, NotFoundError
from i4q_ai.hub import Hub
from i4q_ai.model import Model
from i4q_ai.placement import Placement
from i4q_ai.placing.builders import Name
from tests.e2e.kubectl.crowd import LIMIT, open_hub


def work(hub: Hub, models: list[Model], name: str, clusters: list[str], chance: random.Random) -> None:
    """Do one thing or another to a deployment that somebody else works on too.

    What somebody else has done in between is an answer, not a failure: it is gone, or he was faster again and again.
    """
    where = Placement("where", Name(*sorted(chance.sample(clusters, chance.randrange(1, len(clusters) + 1)))))
    try:
        if chance.random() < 0.2:
            hub.get(name).delete(timeout=LIMIT)
        elif chance.random() < 0.3:
            hub.get(name).update(chance.choice(models))
        else:
            hub.deploy(chance.choice(models), to=where, name=name, flavour="files", allow_eviction=True)
    except (ConflictError, NotFoundError) as error:
        sys.stderr.write(f"{name}: {error}\n")


def main() -> int:
    """Read what to do, and do it."""
    given = json.loads(sys.stdin.read())
    chance = random.Random(given["seed"])
    models = [Model.from_yaml(text) for text in given["models"]]
    with open_hub(given["address"]) as hub:
        for _ in range(given["times"]):
            work(hub, models, chance.choice(given["names"]), given["clusters"], chance)
    return 0


if __name__ == "__main__":
    sys.exit(main())
