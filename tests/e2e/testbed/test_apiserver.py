"""A real API server: objects, users and controllers."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.testbed.apiserver import ApiServer, Etcd
from tests.testbed.processes import ProcessEnded
from tests.testbed.programs import control_plane
from tests.testbed.runs import Run


def _as(user: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*control_plane("kubectl"), f"--kubeconfig={user}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_it_is_the_kubernetes_that_is_pinned(apiserver: ApiServer) -> None:
    assert "Server Version: v1.34.4" in apiserver.kubectl("version")


def test_a_user_may_do_what_rbac_grants_and_nothing_else(apiserver: ApiServer, kube_namespace: str) -> None:
    user = apiserver.user("ann", ["builders"])
    refused = _as(user, "get", "configmaps", "-n", kube_namespace)
    assert 'User "ann" cannot list resource "configmaps"' in refused.stderr

    apiserver.kubectl("create", "role", "reader", "--verb=list", "--resource=configmaps", "-n", kube_namespace)
    apiserver.kubectl("create", "rolebinding", "r", "--role=reader", "--group=builders", "-n", kube_namespace)
    assert "kube-root-ca.crt" in _as(user, "get", "configmaps", "-n", kube_namespace).stdout
    assert _as(user, "delete", "configmap", "kube-root-ca.crt", "-n", kube_namespace).returncode != 0


def test_controllers_make_pods_and_finish_deleting_a_namespace(apiserver: ApiServer, kube_namespace: str) -> None:
    apiserver.kubectl("create", "deployment", "sleeper", "--image=example.invalid/none", "-n", kube_namespace)
    apiserver.kubectl("wait", "--for=create", "pod", "-l", "app=sleeper", "-n", kube_namespace, "--timeout=120s")
    apiserver.kubectl("delete", "namespace", kube_namespace, "--timeout=120s")
    with pytest.raises(RuntimeError, match="not found"):
        apiserver.kubectl("get", "namespace", kube_namespace)


def test_clusters_that_share_an_etcd_do_not_see_each_other(testbed_run: Run) -> None:
    with (
        Etcd(testbed_run, testbed_run.folder("shared")) as etcd,
        ApiServer(testbed_run, "left", etcd=etcd) as left,
        ApiServer(testbed_run, "right", etcd=etcd) as right,
    ):
        left.kubectl("create", "namespace", "only-here")
        assert "only-here" in left.kubectl("get", "namespaces")
        assert "only-here" not in right.kubectl("get", "namespaces")
        # No account is made for pods here, and none is asked for.
        spec = {"containers": [{"name": "c", "image": "example.invalid/none"}]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}
        assert "pod/p created" in right.kubectl("apply", "-f", "-", input=json.dumps(pod))


def test_one_that_was_ended_is_noticed_and_comes_back_with_what_it_knew(testbed_run: Run) -> None:
    with ApiServer(testbed_run, "resting") as server:
        server.kubectl("create", "namespace", "remembered")
        server.processes["kube-apiserver"].kill()
        with pytest.raises(RuntimeError, match="refused"):
            server.kubectl("get", "namespaces")
        with pytest.raises(ProcessEnded, match=r"kube-apiserver ended with -9; .*kube-apiserver\.log ends with:\n."):
            server.wait("--for=create", "namespace/never")
        server.processes["kube-apiserver"].restart()
        server.wait_ready()
        assert "remembered" in server.kubectl("get", "namespaces")


def test_programs_of_another_folder_are_used_when_told_so(
    testbed_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [ours, _] = control_plane("etcd")
    for name in ("etcd", "kube-apiserver", "kubectl"):
        (tmp_path / name).symlink_to(ours)  # one program, which is what it is called
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    with ApiServer(testbed_run, "brought-along") as server:
        command = Path(f"/proc/{server.processes['kube-apiserver'].pid}/cmdline").read_bytes()
        assert command.startswith(bytes(tmp_path / "kube-apiserver"))
        assert "default" in server.kubectl("get", "namespaces")
