"""Workloads: they wait for their models, and outlive their updates."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from i4q_ai.deadline import Deadline
from i4q_ai.deployment import Deployment
from i4q_ai.hub import Hub
from i4q_ai.status import Phase
from i4q_ai.testing.plant import LIMIT, Plant, on, rows, until
from i4q_ai.testing.samples import Samples


class WorkloadCases(Plant):
    """Programs that use models, by URL and by path."""

    def test_a_workload_waits_for_its_model_and_outlives_its_updates(self, hub: Hub, samples: Samples) -> None:
        cluster = self.clusters[0]
        line = hub.deploy(samples.by_url, to=on(cluster))
        assert "wear" in until(line, cluster, Phase.WAITING).message
        wear = hub.deploy(samples.one, to=on(cluster)).wait(timeout=LIMIT)
        line.wait(timeout=LIMIT)
        before = _ask(hub, line, cluster)
        wear.update(samples.two).wait(timeout=LIMIT)
        after, soon = _ask(hub, line, cluster), Deadline.after(LIMIT, "waiting for answers of the new version")
        while hub.capabilities.reach and after["factor"] == before["factor"]:
            soon.pause(0.1)  # a network may lead to the process before it for a moment, while that ends
            after = _ask(hub, line, cluster)
        assert rows(line)[cluster].restarts == 0
        if hub.capabilities.reach:
            assert (before["factor"], after["factor"]) == (1.0, 2.0)
            assert before["pid"] == after["pid"], "a new model does not restart the workload"

    def test_files_are_switched_under_a_running_workload(self, hub: Hub, samples: Samples) -> None:
        cluster = self.clusters[0]
        wear = hub.deploy(samples.one, to=on(cluster), flavour="files")
        line = hub.deploy(samples.by_path, to=on(cluster)).wait(timeout=LIMIT)
        wear.wait(timeout=LIMIT)
        before = _ask(hub, line, cluster)
        wear.update(samples.two).wait(timeout=LIMIT)
        after = _ask(hub, line, cluster)
        assert rows(line)[cluster].restarts == 0
        if hub.capabilities.reach:
            digests = (samples.one.files[0].sha256, samples.two.files[0].sha256)
            assert (before["sha256"], after["sha256"]) == digests
            assert before["pid"] == after["pid"], "new files do not restart the workload"

    def test_a_workload_says_what_it_does_in_its_log(self, hub: Hub, samples: Samples) -> None:
        cluster = self.clusters[0]
        hub.deploy(samples.one, to=on(cluster))
        line = hub.deploy(samples.by_url, to=on(cluster)).wait(timeout=LIMIT)
        if hub.capabilities.logs:
            assert "the line begins" in list(line.logs(cluster, lines=1000))
            assert len(list(line.logs(cluster, lines=1))) == 1


def _ask(hub: Hub, workload: Deployment, cluster: str) -> dict[str, Any]:
    if not hub.capabilities.reach:
        return {}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{workload.address(cluster)}/", timeout=30) as answer:
        said: dict[str, Any] = json.loads(answer.read())
    return said
