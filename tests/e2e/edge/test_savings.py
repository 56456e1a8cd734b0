"""An agent that has an older version fetches only the difference, by itself, and says so."""

from __future__ import annotations

import random

from i4q_ai.desired import ModelItem
from i4q_ai.edge.paths import tree_name
from i4q_ai.model import Model
from i4q_ai.status import NO_CONSUMER, Observation
from tests.e2e.edge.plant import Plant
from tests.testbed.registry import Registry

_SIZE = 8 * 1024 * 1024


def pushed(plant: Plant, registry: Registry, version: str, content: bytes) -> ModelItem:
    file = plant.base / "made" / version / "weights.bin"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    model = Model.from_files({"weights.bin": file}, name="wear", version=version, format="files")
    model = model.push(f"{registry.host}/models/wear")
    assert model.reference
    return ModelItem(
        namespace="i4q", name="wear", model="wear", version=version, digest=model.digest,
        references=(model.reference,), flavour="files",
    )  # fmt: skip


def arrived(plant: Plant, item: ModelItem) -> Observation:
    return plant.until("wear", lambda seen: seen.reason == NO_CONSUMER and seen.running == item.digest)


def test_a_new_version_saves_what_the_old_one_has(plant: Plant, registry: Registry) -> None:
    before = random.Random(1).randbytes(_SIZE)
    after = before[: _SIZE // 2] + b"a few more" + before[_SIZE // 2 :]
    first, second = pushed(plant, registry, "1", before), pushed(plant, registry, "2", after)
    plant.want(first)
    plant.control.start()
    assert arrived(plant, first).saved == 0

    plant.want(second)
    assert arrived(plant, second).saved > 0.9 * _SIZE
    assert "of its bytes were here already" in plant.log()
    home = plant.paths.home("model", "i4q", "wear")
    assert (home / tree_name(second.digest) / "weights.bin").read_bytes() == after

    plant.control.stop()
    plant.control.start()
    plant.want(second)
    assert arrived(plant, second).saved > 0.9 * _SIZE
