from __future__ import annotations

import json

import pytest

from i4q_ai.desired import Desired, ModelItem, Policy, WorkloadItem
from i4q_ai.errors import SchemaError

DIGEST = "sha256:" + "0" * 64
MODEL = ModelItem(namespace="i4q", name="wear", model="wear", version="1", digest=DIGEST, references=("oci:a@b",))
WORKLOAD = WorkloadItem(namespace="i4q", name="line", workload="line", version="1", digest=DIGEST)


def test_what_has_its_default_value_is_left_out() -> None:
    document = json.loads(Desired(cluster="edge-1", models=(MODEL,), workloads=(WORKLOAD,)).to_json())
    assert set(document) == {"cluster", "models", "workloads"}
    assert set(document["models"][0]) == {"namespace", "name", "model", "version", "digest", "references"}
    assert set(document["workloads"][0]) == {"namespace", "name", "workload", "version", "digest"}


@pytest.mark.parametrize(
    "desired",
    [
        Desired(cluster="edge-1"),
        Desired(cluster="edge-1", revision=3, models=(MODEL,), workloads=(WORKLOAD,)),
        Desired(cluster="edge-1", policy=Policy(settle=0)),
        Desired(
            cluster="edge-1",
            models=(MODEL.replace(flavour="files"),),
            workloads=(WORKLOAD.replace(env={"A": "b"}, uses={"wear": "path"}, command=("python", "a.py"), port=80),),
        ),
    ],
)
def test_it_reads_what_it_wrote(desired: Desired) -> None:
    assert Desired.from_json(desired.to_json()) == desired


def test_a_field_that_is_not_known_is_refused() -> None:
    document = json.loads(Desired(cluster="edge-1", models=(MODEL,)).to_json())
    document["models"][0]["hasten"] = True
    with pytest.raises(SchemaError, match="hasten"):
        Desired.from_json(json.dumps(document))
