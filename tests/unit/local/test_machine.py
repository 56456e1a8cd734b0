from __future__ import annotations

from i4q_ai.cluster import Cluster
from i4q_ai.local import machine


def test_what_is_measured_fits_a_cluster() -> None:
    cluster = Cluster(name="here", claims=machine.claims(), resources=machine.resources())
    assert int(cluster.resources["cpu"]) >= 1
    assert cluster.claims["platform"] == f"{cluster.claims['os']}/{cluster.claims['arch']}"
