"""What the hub's webhooks refuse, told as a right that is missing."""

from __future__ import annotations

import json

import pytest

from i4q_ai.errors import ForbiddenError, I4qError, InvalidError
from i4q_ai.kube.errors import Asked, Refused, translate
from i4q_ai.kube.kinds import KINDS
from i4q_ai_ocm import rights

_WEBHOOK = (
    'admission webhook "managedclustervalidators.admission.cluster.open-cluster-management.io" denied the request: '
)


def _refused(message: str) -> I4qError:
    asked = Asked("create", KINDS["ManagedCluster"], None, "edge-1", "https://hub")
    return translate(Refused(403, json.dumps({"kind": "Status", "message": message}).encode()), asked)


@pytest.mark.parametrize(
    ("message", "right"),
    [
        (
            'managedclustersets/bind.apps "global" is forbidden: '
            'user "anna" is not allowed to bind cluster set "global"',
            ("create", "managedclustersets/bind", "cluster.open-cluster-management.io"),
        ),
        (
            'managedclustersets/join.cluster.open-cluster-management.io "default" is forbidden: '
            'user "anna" cannot add/remove a ManagedCluster to/from ManagedClusterSet "default"',
            ("create", "managedclustersets/join", "cluster.open-cluster-management.io"),
        ),
        (
            'managedclusters/accept.cluster.open-cluster-management.io "edge-1" is forbidden: '
            'user "anna" cannot update the HubAcceptsClient field',
            ("update", "managedclusters/accept", "register.open-cluster-management.io"),
        ),
    ],
)
def test_a_right_that_a_webhook_asks_for_is_named(message: str, right: tuple[str, str, str]) -> None:
    with pytest.raises(ForbiddenError) as caught, rights.told():
        raise _refused(_WEBHOOK + message)
    error = caught.value
    assert (error.verb, error.resource, error.group) == right
    assert f"no right to {right[0]} {right[1]} in all of the cluster" in error.what
    assert "python -m i4q_ai_ocm.rbac" in error.hint


def test_any_other_refusal_is_told_as_it_is() -> None:
    with pytest.raises(InvalidError, match="format is not correct") as caught, rights.told():
        raise _refused(_WEBHOOK + "metadata.name format is not correct")
    assert caught.type is InvalidError
