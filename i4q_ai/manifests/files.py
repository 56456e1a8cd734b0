"""Flavour `files`: one ConfigMap says which version; the edge agent beside each workload that reads it obeys."""

from __future__ import annotations

from i4q_ai.desired import Desired, ModelItem
from i4q_ai.manifests import pods
from i4q_ai.manifests.order import Object
from i4q_ai.manifests.site import Site

DOCUMENT = "desired.json"


def objects(item: ModelItem, site: Site) -> list[Object]:
    """The ConfigMap with the desired state of one model."""
    desired = Desired(cluster=site.cluster, revision=item.revision, models=(item,))
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": pods.metadata(item, site),
            "data": {DOCUMENT: desired.to_json()},
        }
    ]
