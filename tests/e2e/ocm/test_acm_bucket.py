"""An object bucket in place of Git: the objects that stand for it, by the real controllers and a small S3 server."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

import i4q_ai as i4q
from i4q_ai import yamls
from i4q_ai_ocm.subscribing.things import AppSub, Channel, Reference, Where
from i4q_ai_ocm.subscribing.translating import write
from i4q_ai_ocm.translate import placements
from tests.e2e.ocm.acm_things import config_map, until, version
from tests.testbed import network
from tests.testbed.kinds import apply, namespace

if TYPE_CHECKING:
    from tests.testbed.subscriptions import Subscriptions

boto3 = pytest.importorskip("boto3")
moto = pytest.importorskip("moto.server")


@pytest.fixture
def bucket(acm: Subscriptions) -> Iterator[Any]:
    """A bucket that hub and edges reach."""
    server = moto.ThreadedMotoServer(ip_address=network.HUB, port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=f"http://{host}:{port}", **keys)
    client.create_bucket(Bucket="models")
    yield client
    client.close()
    server.stop()


def told(space: str, bucket: Any, edge: str, moment: str) -> list[dict[str, Any]]:
    """The objects by which a hub has one edge take a folder of the bucket."""
    ref = Reference(kind="Placement", name="bucket")
    channel = Channel(
        namespace=space, name="bucket", type="ObjectBucket", pathname=f"{bucket.meta.endpoint_url}/models",
        secret=Reference(name="bucket-auth"), rate="medium",
    )  # fmt: skip
    taken = AppSub(
        namespace=space, name="bucket", labels={"app": "bucket"}, channel=f"{space}/bucket", bucket_path="edge",
        where=Where(ref=ref), refreshed=moment,
    )  # fmt: skip
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "bucket-auth", "namespace": space}}
    data = {"AccessKeyID": "test", "SecretAccessKey": "test", "Region": "us-east-1"}
    return [
        namespace(space),
        {**secret, "stringData": data},
        write(channel),
        placements.binding(space, "global"),
        placements.placement(space, "bucket", i4q.Placement("one", i4q.Name(edge)), sets=("global",)),
        write(taken),
    ]


def test_what_lies_in_a_bucket_is_taken_and_goes(acm: Subscriptions, bucket: Any, ocm_namespace: str) -> None:
    edge = min(acm.agents)

    def put(version: str, moment: str) -> None:
        text = yamls.dump(config_map("line", version)).encode()
        bucket.put_object(Bucket="models", Key="edge/line.yaml", Body=text)
        apply(acm.hub, *told(ocm_namespace, bucket, edge, moment))

    there = partial(version, acm, edge, ocm_namespace)
    put("5", "2026-01-01T00:00:00Z")
    until(there, lambda found: found == "5")
    put("200", "2026-01-01T00:00:01Z")
    until(there, lambda found: found == "200")
    acm.hub.kubectl("delete", "subscriptions.apps.open-cluster-management.io", "bucket", "-n", ocm_namespace)
    until(there, lambda found: not found)
