"""Nobody who asks a model notices how it is told: by an order, by a work, by the order of another group."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import i4q_ai as i4q
from i4q_ai import yamls
from i4q_ai.status import Phase
from i4q_ai.testing.onnx_bytes import multiplier
from tests.e2e.ocm.conftest import PATIENCE
from tests.e2e.plant.load import asking

if TYPE_CHECKING:
    from tests.e2e.ocm.conftest import Label
    from tests.testbed.ocm import Management

NAME = "bolts"


@pytest.fixture(scope="module")
def bolts(registry_of_ocm: str) -> tuple[i4q.Model, i4q.Model]:
    """Versions 5 and 200 of one model."""
    five, two_hundred = (
        i4q.Model.from_onnx(multiplier(float(version)), name=NAME, version=version).push(f"{registry_of_ocm}/ocm/bolts")
        for version in ("5", "200")
    )
    return five, two_hundred


def test_no_request_is_lost_whatever_tells_the_cluster(
    hub: i4q.Hub, ocm_plant: Management, hub_settings: Path, bolts: tuple[i4q.Model, i4q.Model], line: Label,
    cnc: i4q.Placement,
) -> None:  # fmt: skip
    five, two_hundred = bolts
    line("edge-1", "cnc")
    line("edge-2", "cnc")
    deployment = hub.deploy(five, to=cnc, versions={"canary": two_hundred}).wait(timeout=PATIENCE)
    edge, image = ocm_plant.edges["edge-1"], yamls.load(yamls.read(hub_settings), where="hub")["image"]
    about = ("get", f"deployment/model-{NAME}", "-n", hub.namespace, "-o", "jsonpath={.metadata.uid}")
    uid = edge.kubectl(*about)
    address = deployment.status().clusters[0].address
    with asking(edge, hub.namespace, image, f"{address}/v2/models/{NAME}", [3.0], tensor="x") as load:
        load.until("5")
        # a roll-out finer than groups: order, works, order
        hub.deploy(two_hundred, to=cnc, rollout=i4q.Rollout(max_concurrency=1)).wait(timeout=PATIENCE)
        load.until("200")
        deployment.rollback().wait(timeout=PATIENCE)
        load.until("5")
        # from group to group by a label
        hub.clusters.label("edge-1", {f"{hub.namespace}/line": "canary"})
        deployment.wait(timeout=PATIENCE)
        load.until("200")
        # from group to group by other groups
        hub.deploy(five, to=i4q.Placement("cnc", cnc.rule)).wait(timeout=PATIENCE)
        told = load.until("5")
    assert told["failed"] == [], f"{len(told['failed'])} of {told['asked']} requests"
    assert edge.kubectl(*about) == uid, "its objects were kept all the time"
    assert {(row.cluster, row.phase, row.version) for row in deployment.status().clusters} == {
        ("edge-1", Phase.READY, "5"), ("edge-2", Phase.READY, "5"),
    }  # fmt: skip
