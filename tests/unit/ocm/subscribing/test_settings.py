"""Settings for delivery from Git fit together, or are refused."""

from __future__ import annotations

from typing import Any

import pytest

from i4q_ai.errors import SchemaError
from i4q_ai_ocm.settings import OcmHub

REPO = "https://git.factory/plant.git"
NIGHT = {"windowtype": "active", "hours": [{"start": "10:00PM", "end": "6:00AM"}]}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"delivery": "subscription"}, "needs git.repo"),
        ({"delivery": "subscription", "git": {}}, "needs git.repo"),
        ({"delivery": "subscription", "git": {"repo": REPO, "placementRules": True}}, "needs Placements"),
        ({"delivery": "subscription", "git": {"repo": REPO}, "replicaSets": False}, "ManifestWorkReplicaSets"),
        ({"delivery": "git"}, "delivery"),
        ({"git": {"window": NIGHT}}, "over midnight"),
        ({"git": {"path": "../up"}}, "no folder"),
        ({"git": {"secret": "Not a name"}}, "no name"),
        ({"git": {"acessToken": "hunter2"}}, "unknown field"),
    ],
)
def test_what_does_not_fit_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(SchemaError, match=words) as caught:
        OcmHub.parse(settings)
    assert "hunter2" not in str(caught.value)


def test_they_go_to_yaml_and_back() -> None:
    settings = OcmHub.parse({
        "delivery": "subscription",
        "git": {
            "repo": REPO, "path": "edge/", "secret": "git-auth", "rate": "high", "depth": 500,
            "window": {"windowtype": "blocked", "location": "Europe/Madrid", "daysofweek": ["Sunday"]},
            "overrides": [{"clusterName": "edge-1", "clusterOverrides": [{"path": "spec.replicas", "value": 2}]}],
        },
    })  # fmt: skip
    assert OcmHub.from_yaml(settings.to_yaml()) == settings
    assert settings.git is not None
    assert settings.git.path == "edge"
