"""An edge of a lone hub: an API server with the real work agent and no node, for what needs no pods."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.testbed.apiserver import ApiServer
from tests.testbed.crds import cluster_crds
from tests.testbed.kinds import apply, apply_crds, namespace
from tests.testbed.processes import Process, free_port
from tests.testbed.programs import control_plane
from tests.testbed.runs import Run

_AGENT = "open-cluster-management-agent"


@contextmanager
def lone_edge(run: Run, hub: ApiServer, cluster: str) -> Iterator[ApiServer]:
    """An API server with the work agent of a cluster that the hub knows.

    Args:
        run: the run that it belongs to.
        hub: whose works it carries out.
        cluster: its name there.
    """
    with ApiServer(run, cluster) as server:
        apply_crds(server, cluster_crds())
        for each in (hub, server):
            apply(each, namespace(_AGENT))
        folder = run.fresh_folder(f"{cluster}-agent")
        command = [
            *control_plane("work-agent"),
            f"--kubeconfig={server.kubeconfig}",
            f"--spoke-kubeconfig={server.kubeconfig}",
            f"--spoke-cluster-name={cluster}",
            f"--namespace={_AGENT}",
            "--workload-source-driver=kube",
            f"--workload-source-config={hub.kubeconfig}",
            "--status-sync-interval=3s",
            "--disable-leader-election",
            f"--listen=127.0.0.1:{free_port()}",
        ]
        agent = Process(command, name="work-agent", run=run, folder=folder, env={"TMPDIR": str(folder)})
        try:
            yield server
        finally:
            agent.kill()
