"""Flavour `files`: the agent beside the workload brings a new version into the running pod."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING

import i4q_ai as i4q
from i4q_ai.testing.plant import on
from tests.e2e.plant.conftest import PATIENCE

if TYPE_CHECKING:
    from i4q_ai.testing.samples import Samples


def _asked(line: i4q.Deployment, cluster: str) -> dict[str, str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{line.address(cluster)}/", timeout=30) as answer:
        said: dict[str, str] = json.loads(answer.read())
    return said


def test_a_new_version_comes_into_a_running_pod(hub: i4q.Hub, samples: Samples) -> None:
    model = hub.deploy(samples.one, to=on("edge-2"), flavour="files")
    line = hub.deploy(samples.by_path, to=on("edge-2")).wait(timeout=PATIENCE)
    model.wait(timeout=PATIENCE)
    before = _asked(line, "edge-2")
    model.update(samples.two).wait(timeout=PATIENCE)
    after = _asked(line, "edge-2")
    assert before["pid"] == after["pid"]
    assert [before["sha256"], after["sha256"]] == [each.files[0].sha256 for each in (samples.one, samples.two)]
    assert {row.restarts for row in line.status().clusters} == {0}


def test_a_version_that_cannot_be_fetched_leaves_the_last_one(hub: i4q.Hub, samples: Samples) -> None:
    model = hub.deploy(samples.one, to=on("edge-2"), flavour="files")
    line = hub.deploy(samples.by_path, to=on("edge-2")).wait(timeout=PATIENCE)
    model.wait(timeout=PATIENCE)
    host, _, _ = str(samples.two.reference).partition("/")
    lost = samples.two.replace(version="7", reference=f"{host}/plant/nowhere@sha256:{'0' * 64}")
    model.update(lost)
    for status in model.watch(timeout=PATIENCE):
        row = status.clusters[0]
        if row.desired == lost.digest and row.message and row.running == samples.one.digest:
            break
    assert _asked(line, "edge-2")["sha256"] == samples.one.files[0].sha256
    model.rollback().wait(timeout=PATIENCE)
