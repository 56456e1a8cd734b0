from __future__ import annotations

from i4q_ai.edge.paths import tree_name
from i4q_ai.status import Phase
from tests.e2e.edge.plant import Plant, ask


def test_first_version_is_fetched_and_answers(plant: Plant) -> None:
    item = plant.model("2")
    plant.want(item)
    plant.control.start()
    seen = plant.until("wear", Phase.READY)
    assert seen.running == seen.desired == item.digest
    assert seen.version == "2"
    assert seen.address
    assert ask(seen.address, 4) == 8
    assert plant.current(item) == tree_name(item.digest)
