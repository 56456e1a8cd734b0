"""A hub whose clusters never come: OCM's kinds and controllers on an API server, for what needs no edge."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Self

from tests.testbed.apiserver import ApiServer
from tests.testbed.crds import hub_crds
from tests.testbed.kinds import apply, apply_crds, namespace
from tests.testbed.processes import Process, free_port
from tests.testbed.programs import control_plane
from tests.testbed.runs import Run

CLUSTERS = ("c1", "c2")
_GROUP = "cluster.open-cluster-management.io"
_NAMESPACE = "open-cluster-management-hub"
_CONTROLLERS = {
    "placement": (),
    "work-hub": ("--feature-gates=ManifestWorkReplicaSet=true", "--work-driver=kube"),
}


class LoneHub:
    """A hub with two accepted clusters, labelled `line=cnc`; its placements decide, its replica sets make works.

    What its webhooks would ask an authorizer, policies of the API server ask it: the program of the webhooks takes
    ports 8000 and 8080 of all addresses, whoever has them.

    Args:
        run: the run that it belongs to.
        server: with controllers.
    """

    def __init__(self, run: Run, server: ApiServer) -> None:
        self._run, self.server = run, server
        self._processes: dict[str, Process] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            folder = self._run.fresh_folder("lone-hub")
            apply_crds(self.server, hub_crds())
            for name, flags in _CONTROLLERS.items():
                command = [
                    *control_plane(name),
                    f"--kubeconfig={self.server.kubeconfig}",
                    f"--namespace={_NAMESPACE}",
                    "--disable-leader-election",
                    f"--listen=127.0.0.1:{free_port()}",
                    *flags,
                ]
                process = Process(command, name=name, run=self._run, folder=folder, env={"TMPDIR": str(folder)})
                stack.callback(process.kill)
                self._processes[name] = process
            apply(self.server, namespace(_NAMESPACE), *map(namespace, CLUSTERS))
            apply(self.server, _everybody(), *map(_managed_cluster, CLUSTERS), *_policies())
            for name in CLUSTERS:
                self._call_available(name)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextmanager
    def halted(self, name: str) -> Iterator[None]:
        """One of the controllers does nothing for a while."""
        process = self._processes[name].pid
        os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(process, signal.SIGCONT)

    def _call_available(self, name: str) -> None:
        """As the hub says of a cluster whose agent is there."""
        condition = {
            "type": "ManagedClusterConditionAvailable", "status": "True", "reason": "ManagedClusterAvailable",
            "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z",
        }  # fmt: skip
        patch = json.dumps({"status": {"conditions": [condition]}})
        self.server.kubectl("patch", "managedcluster", name, "--subresource=status", "--type=merge", "--patch", patch)


def _everybody() -> dict[str, Any]:
    """The set of all clusters, as a hub keeps it."""
    every = {"selectorType": "LabelSelector", "labelSelector": {}}
    about = {"apiVersion": f"{_GROUP}/v1beta2", "kind": "ManagedClusterSet", "metadata": {"name": "global"}}
    return {**about, "spec": {"clusterSelector": every}}


def _managed_cluster(name: str) -> dict[str, Any]:
    labels = {f"{_GROUP}/clusterset": "default", "line": "cnc"}
    about = {"apiVersion": f"{_GROUP}/v1", "kind": "ManagedCluster", "metadata": {"name": name, "labels": labels}}
    return {**about, "spec": {"hubAcceptsClient": True}}


def _policies() -> list[dict[str, Any]]:
    """The three questions of the hub's webhooks, in their words."""
    set_of = f"object.metadata.?labels['{_GROUP}/clusterset'].orValue('')"
    before = f"oldObject.metadata.?labels['{_GROUP}/clusterset'].orValue('')"
    return [
        *_policy(
            "managedclustersetbindings", ["CREATE"],
            f"authorizer.group('{_GROUP}').resource('managedclustersets').subresource('bind')"
            ".name(object.spec.clusterSet).check('create').allowed()",
            "'managedclustersets/bind.apps \"' + object.spec.clusterSet + '\" is forbidden: user \"' + "
            "request.userInfo.username + '\" is not allowed to bind cluster set \"' + object.spec.clusterSet + '\"'",
        ),
        *_policy(
            "managedclusters", ["CREATE"],
            "authorizer.group('register.open-cluster-management.io').resource('managedclusters')"
            ".subresource('accept').name(object.metadata.name).check('update').allowed()",
            f"'managedclusters/accept.{_GROUP} \"' + object.metadata.name + '\" is forbidden: user \"' + "
            "request.userInfo.username + '\" cannot update the HubAcceptsClient field'",
        ),
        *_policy(
            "managedclusters", ["CREATE", "UPDATE"],
            f"{set_of} == (oldObject == null ? '' : {before}) || "
            f"authorizer.group('{_GROUP}').resource('managedclustersets').subresource('join')"
            f".name({set_of}).check('create').allowed()",
            f"'managedclustersets/join.{_GROUP} \"' + {set_of} + '\" is forbidden: user \"' + "
            "request.userInfo.username + '\" cannot add/remove a ManagedCluster to/from ManagedClusterSet'",
        ),
    ]  # fmt: skip


def _policy(resource: str, operations: list[str], allowed: str, message: str) -> list[dict[str, Any]]:
    version = "v1beta2" if resource == "managedclustersetbindings" else "v1"
    name = f"{resource}-{'-'.join(operations).lower()}"
    about = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    rule = {"apiGroups": [_GROUP], "apiVersions": [version], "resources": [resource], "operations": operations}
    validation = {"expression": allowed, "messageExpression": message, "reason": "Forbidden"}
    spec = {"matchConstraints": {"resourceRules": [rule]}, "validations": [validation], "failurePolicy": "Fail"}
    return [
        {**about, "kind": "ValidatingAdmissionPolicy", "spec": spec},
        {
            **about,
            "kind": "ValidatingAdmissionPolicyBinding",
            "spec": {"policyName": name, "validationActions": ["Deny"]},
        },
    ]
