"""A Helm repository in place of Git: what edges have of a chart, by the real controllers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import i4q_ai as i4q
from i4q_ai import yamls
from i4q_ai_ocm.subscribing.things import AppSub, Channel, Filter, Reference, Where
from i4q_ai_ocm.subscribing.translating import write
from i4q_ai_ocm.translate import placements
from tests.e2e.ocm.acm_things import config_map, until, version
from tests.testbed import network
from tests.testbed.helm import Helm, helm
from tests.testbed.kinds import apply, namespace

if TYPE_CHECKING:
    from tests.testbed.subscriptions import Subscriptions

__all__ = ["helm"]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def charts(acm: Subscriptions, tmp_path: Path, helm: Helm) -> Iterator[str]:
    """The URL of a repository with versions 5 and 200 of a chart."""
    assert acm.agents  # whose network it is in
    folder = tmp_path / "repository"
    for number in ("5.0.0", "200.0.0"):
        chart = tmp_path / number / "line"
        (chart / "templates").mkdir(parents=True)
        about = {"apiVersion": "v2", "name": "line", "version": number}
        (chart / "Chart.yaml").write_text(yamls.dump(about), encoding="utf-8")
        (chart / "templates" / "line.yaml").write_text(yamls.dump(config_map("line", number)), encoding="utf-8")
        helm("package", chart, "--destination", folder)
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer((network.HUB, 0), handler) as server:
        url = f"http://{network.HUB}:{server.server_address[1]}"
        helm("repo", "index", folder, "--url", url)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield url
        server.shutdown()
        thread.join()


def told(space: str, url: str, edge: str, version: str, moment: str) -> list[dict[str, Any]]:
    """The objects by which a hub has one edge take a chart."""
    ref = Reference(kind="Placement", name="charts")
    channel = Channel(namespace=space, name="charts", type="HelmRepo", pathname=url, rate="high")
    taken = AppSub(
        namespace=space, name="charts", labels={"app": "charts"}, channel=f"{space}/charts", package="line",
        filter=Filter(version=version), where=Where(ref=ref), refreshed=moment,
    )  # fmt: skip
    return [
        namespace(space),
        write(channel),
        placements.binding(space, "global"),
        placements.placement(space, "charts", i4q.Placement("one", i4q.Name(edge)), sets=("global",)),
        write(taken),
    ]


def test_a_chart_is_installed_upgraded_and_taken_away(acm: Subscriptions, charts: str, ocm_namespace: str) -> None:
    edge = min(acm.agents)

    there = partial(version, acm, edge, ocm_namespace)
    apply(acm.hub, *told(ocm_namespace, charts, edge, "5.0.0", "2026-01-01T00:00:00Z"))
    until(there, lambda found: found == "5.0.0")
    apply(acm.hub, *told(ocm_namespace, charts, edge, "200.0.0", "2026-01-01T00:00:01Z"))
    until(there, lambda found: found == "200.0.0")
    acm.hub.kubectl("delete", "subscriptions.apps.open-cluster-management.io", "charts", "-n", ocm_namespace)
    until(there, lambda found: not found)
