"""What a cluster says of itself, as the ledger keeps it."""

from __future__ import annotations

from i4q_ai.deadline import Deadline
from i4q_ai.kube import Api
from i4q_ai.kube import facts as asking
from i4q_ai_kubectl.ledger import Facts


def read(api: Api, deadline: Deadline) -> Facts:
    """Version, allocatable resources and whether nodes mount OCI artifacts; less where a right is missing.

    Raises:
        UnreachableError: nothing answers.
    """
    found = asking.facts(api, deadline=deadline)
    return Facts(
        kube_version=found.kube_version,
        resources=dict(found.resources),
        image_volumes=found.image_volumes,
        missing=tuple(found.missing),
    )
