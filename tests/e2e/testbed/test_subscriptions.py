"""Delivery from Git as it is: what ACM's console makes, and the real controllers make of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.e2e.gitops.people import Person
from tests.e2e.ocm import console
from tests.testbed.kinds import apply
from tests.testbed.processes import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.testbed.gitserver import GitServer
    from tests.testbed.subscriptions import Subscriptions


def test_what_lies_in_git_comes_changes_and_goes(
    acm: Subscriptions, hub_git: GitServer, ocm_namespace: str, tmp_path: Path
) -> None:
    edge = acm.management.edges["edge-1"]
    person = Person(tmp_path / "clone", hub_git.create("plant"))
    person.write_all({"limits/limits.yaml": _config_map("5")})
    person.push()
    made = console.application(
        ocm_namespace, "demo", hub_git.url("plant"), paths={"limits": ocm_namespace}, branch="main"
    )
    acm.hub.kubectl("label", "managedcluster", "edge-1", f"line={ocm_namespace}", "--overwrite")
    try:
        apply(acm.hub, *made)
        where = ["get", "configmap/limits", "-n", ocm_namespace, "-o", "jsonpath={.data.torque}", "--ignore-not-found"]
        processes = [*acm.processes.values(), *acm.agents.values()]
        wait_until(lambda: edge.kubectl(*where) == "5", what="the object is on the edge", of=processes)
        person.write_all({"limits/limits.yaml": _config_map("200")})
        person.push()
        about = ("subscriptions.apps.open-cluster-management.io/demo-subscription-1", "-n", ocm_namespace)
        refreshed = f"{console.APPS}/manual-refresh-time=2026-01-01T00:00:00Z"
        acm.hub.kubectl("annotate", *about, refreshed, "--overwrite")
        wait_until(lambda: edge.kubectl(*where) == "200", what="the change is on the edge", of=processes)
        status = json.loads(acm.hub.kubectl("get", *about, "-o", "json"))["status"]
        assert status["phase"] == "Propagated"
        acm.hub.kubectl("delete", *about)
        wait_until(lambda: edge.kubectl(*where) == "", what="the object is gone", of=processes)
    finally:
        acm.hub.kubectl("label", "managedcluster", "edge-1", "line-")
        acm.hub.kubectl("delete", "namespace", f"{ocm_namespace}-channel-ns", "--ignore-not-found", "--wait=false")


def _config_map(torque: str) -> str:
    return f'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: limits\ndata:\n  torque: "{torque}"\n'
