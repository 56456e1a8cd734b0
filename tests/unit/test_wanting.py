"""What a machine without a hub should have."""

from __future__ import annotations

import pytest

from i4q_ai.errors import InvalidError, SchemaError, UntrustedError
from i4q_ai.trust import Trust, TrustRule
from i4q_ai.wanting import wanted
from tests.unit import things


def test_models_and_workloads_by_digest() -> None:
    model, work = things.model(), things.workload()
    desired = wanted(model, work, namespace="line", flavour="files")
    assert [(item.namespace, item.name, item.version, item.digest) for item in desired.items] == [
        ("line", model.name, model.version, model.digest),
        ("line", work.name, work.version, work.digest),
    ]
    assert (desired.models[0].flavour, desired.revision) == ("files", 0)


def test_nothing_is_wanted_too() -> None:
    assert wanted().items == ()


def test_the_edge_may_fetch_it_elsewhere() -> None:
    model = things.model()
    item = wanted(model, at=["oci:/srv/inbox", "registry.edge/all"]).models[0]
    assert item.references == (f"oci:/srv/inbox@{model.digest}", f"registry.edge/all@{model.digest}")
    with pytest.raises(InvalidError, match="no repository"):
        wanted(model, at=[str(model.reference)])


def test_a_policy_rides_along_for_what_it_is_about() -> None:
    model = things.model()
    trust = Trust(rules=(TrustRule(signed=False, name=model.name),), edge=True)
    told = wanted(model, trust=trust).models[0].trust
    assert told is not None
    assert [(rule.repository, rule.name) for rule in told.rules] == [("*", "*")]
    with pytest.raises(UntrustedError, match="no rule"):
        wanted(model, trust=Trust(rules=(TrustRule(signed=False, name="other"),)))


def test_what_cannot_be_meant_is_refused() -> None:
    model = things.model()
    with pytest.raises(InvalidError, match="not pushed yet"):
        wanted(model.replace(reference=None))
    with pytest.raises(InvalidError, match="server or files"):
        wanted(model, flavour="image")
    with pytest.raises(SchemaError, match="stands twice"):
        wanted(model, model)
