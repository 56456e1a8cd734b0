"""Whose objects are touched, and whose are not."""

from __future__ import annotations

import pytest

from i4q_ai.errors import OwnedError
from i4q_ai.manifests import objects
from i4q_ai_kubectl.delivering import refuse_foreign
from tests.unit.kubectl.things import SITE, model

WANTED = objects(model(), SITE)[0]
LABELS = WANTED["metadata"]["labels"]


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (None, r"Service 'factory/model-wear' is there already, and not ours .*take another name="),
        ({}, "not ours"),
        ({"app": "theirs"}, "not ours"),
        ({**LABELS, "app.kubernetes.io/managed-by": "Helm"}, "not ours"),
        ({**LABELS, "i4q.ai/hub": "another"}, "belongs to another hub"),
        ({**LABELS, "i4q.ai/namespace": "north"}, "is of namespace 'north', which lands here too"),
    ],
)
def test_what_belongs_to_others_is_refused(labels: dict[str, str] | None, reason: str) -> None:
    metadata = {"name": "model-wear"} if labels is None else {"name": "model-wear", "labels": labels}
    with pytest.raises(OwnedError, match=reason):
        refuse_foreign({"metadata": metadata}, WANTED)


def test_labels_that_are_null_are_none() -> None:
    with pytest.raises(OwnedError, match="not ours"):
        refuse_foreign({"metadata": {"labels": None}}, WANTED)


def test_what_is_ours_is_not_refused_whoever_owned_it() -> None:
    refuse_foreign({"metadata": {"labels": {**LABELS, "i4q.ai/owner": "team-b", "more": "labels"}}}, WANTED)
