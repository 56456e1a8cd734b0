"""Once a deployment is told, the hub follows labels by itself; when it is deleted, nothing is left anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import i4q_ai as i4q
from i4q_ai.status import Phase
from tests.e2e.ocm.conftest import PATIENCE

if TYPE_CHECKING:
    from i4q_ai.testing.samples import Samples
    from tests.e2e.ocm.conftest import Label
    from tests.testbed.ocm import Management


def test_a_label_moves_a_model_with_nothing_of_ours_running(
    hub: i4q.Hub, ocm_plant: Management, samples: Samples, line: Label, cnc: i4q.Placement
) -> None:
    line("edge-1", "cnc")
    hub.deploy(samples.one, to=cnc).wait(timeout=PATIENCE)
    hub_kubectl, namespace, name = ocm_plant.hub.kubectl, hub.namespace, "deployment/model-wear"
    key = f"{namespace}/line"
    hub_kubectl("label", "managedcluster", "edge-3", f"{key}=cnc")
    hub_kubectl("label", "managedcluster", "edge-1", f"{key}-")
    edge_1, edge_3 = ocm_plant.edges["edge-1"], ocm_plant.edges["edge-3"]
    edge_3.kubectl("wait", "--for=create", name, "-n", namespace, f"--timeout={PATIENCE:.0f}s")
    edge_3.kubectl("wait", "--for=condition=Available", name, "-n", namespace, f"--timeout={PATIENCE:.0f}s")
    edge_1.kubectl("wait", "--for=delete", name, "-n", namespace, f"--timeout={PATIENCE:.0f}s")
    line("edge-3", "cnc")
    for status in hub.get(samples.one.name).watch(timeout=PATIENCE):
        if [(row.cluster, row.phase, row.version) for row in status.clusters] == [("edge-3", Phase.READY, "1")]:
            break
    else:
        raise AssertionError(str(hub.get(samples.one.name).status()))
    assert hub.get(samples.one.name).diff().endswith("nothing to change"), "the hub decided as the plan would have"


def test_a_workload_meets_its_model_and_nothing_is_left(
    hub: i4q.Hub, ocm_plant: Management, samples: Samples, line: Label, cnc: i4q.Placement
) -> None:
    line("edge-1", "cnc")
    line("edge-2", "canary")
    model, workload = hub.deploy(samples.one, to=cnc), hub.deploy(samples.by_url, to=cnc)
    for deployment in (model, workload):
        deployment.wait(timeout=PATIENCE)
    rows = {(row.cluster, row.phase) for row in workload.status().clusters}
    assert rows == {("edge-1", Phase.READY), ("edge-2", Phase.READY)}
    workload.delete(timeout=PATIENCE)
    model.delete(timeout=PATIENCE)
    mark = f"app.kubernetes.io/managed-by=i4q-ai,i4q.ai/namespace={hub.namespace}"
    kinds = "manifestworks,manifestworkreplicasets,placements,deployments,services,configmaps,poddisruptionbudgets"
    assert ocm_plant.hub.kubectl("get", kinds, "-A", "-l", mark, "-o", "name") == ""
    record = f"i4q.ai/record-namespace={hub.namespace}"
    assert ocm_plant.hub.kubectl("get", "configmaps,controllerrevisions", "-A", "-l", record, "-o", "name") == ""
    for edge in ocm_plant.edges.values():
        edge.kubectl("wait", "pod", "-n", hub.namespace, "-l", mark, "--for=delete", f"--timeout={PATIENCE:.0f}s")
        left = edge.kubectl(
            "get", "deployments,services,configmaps,pods,poddisruptionbudgets", "-A", "-l", mark, "-o", "name"
        )
        assert left == ""
