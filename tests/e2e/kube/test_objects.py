"""Objects of a real API server."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from i4q_ai.errors import ConflictError, InvalidError, NotFoundError, SchemaError
from i4q_ai.kube import Api, FieldConflict, FieldConflictError, listing
from tests.e2e.kube.conftest import Soon


def config_map(namespace: str, name: str = "a", **data: str) -> dict[str, Any]:
    """A ConfigMap."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "data": data,
    }


def _deployment(namespace: str, *, replicas: int = 0, image: str = "none") -> dict[str, Any]:
    labels = {"app": "d"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": image}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "namespace": namespace},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": pod},
    }


def test_an_object_is_made_read_replaced_and_deleted(api: Api, kube_namespace: str, soon: Soon) -> None:
    made = api.create(config_map(kube_namespace, k="1"), deadline=soon())
    read = api.get("ConfigMap", kube_namespace, "a", deadline=soon())
    assert read is not None
    assert read["metadata"]["uid"] == made["metadata"]["uid"]
    replaced = api.replace({**made, "data": {"k": "2"}}, deadline=soon())
    assert replaced["data"] == {"k": "2"}
    assert api.delete("ConfigMap", kube_namespace, "a", deadline=soon())
    assert not api.delete("ConfigMap", kube_namespace, "a", deadline=soon())
    assert api.get("ConfigMap", kube_namespace, "a", deadline=soon()) is None


def test_what_is_there_cannot_be_made(api: Api, kube_namespace: str, soon: Soon) -> None:
    api.create(config_map(kube_namespace), deadline=soon())
    with pytest.raises(ConflictError, match="already exists"):
        api.create(config_map(kube_namespace), deadline=soon())


def test_replace_compares_and_sets(api: Api, kube_namespace: str, soon: Soon) -> None:
    first = api.create(config_map(kube_namespace, k="1"), deadline=soon())
    api.replace({**first, "data": {"k": "2"}}, deadline=soon())
    with pytest.raises(ConflictError, match="modified"):
        api.replace({**first, "data": {"k": "3"}}, deadline=soon())
    api.delete("ConfigMap", kube_namespace, "a", deadline=soon())
    with pytest.raises((NotFoundError, ConflictError)):
        api.replace({**first, "data": {"k": "4"}}, deadline=soon())


def test_deleting_by_uid_spares_another_object_of_the_name(api: Api, kube_namespace: str, soon: Soon) -> None:
    first = api.create(config_map(kube_namespace), deadline=soon())
    api.delete("ConfigMap", kube_namespace, "a", deadline=soon())
    second = api.create(config_map(kube_namespace), deadline=soon())
    assert not api.delete("ConfigMap", kube_namespace, "a", uid=first["metadata"]["uid"], deadline=soon())
    assert api.delete("ConfigMap", kube_namespace, "a", uid=second["metadata"]["uid"], deadline=soon())


def test_a_dry_run_changes_nothing(api: Api, kube_namespace: str, soon: Soon) -> None:
    would = api.apply(config_map(kube_namespace, k="1"), manager="i4q", dry_run=True, deadline=soon())
    assert would["data"] == {"k": "1"}
    assert api.get("ConfigMap", kube_namespace, "a", deadline=soon()) is None


def test_fields_of_another_manager_are_told_one_by_one_and_taken_only_by_force(
    api: Api, kube_namespace: str, soon: Soon
) -> None:
    api.apply(_deployment(kube_namespace), manager="first", deadline=soon())
    wanted = _deployment(kube_namespace, replicas=1, image="other")
    with pytest.raises(FieldConflictError) as caught:
        api.apply(wanted, manager="second", deadline=soon())
    assert set(caught.value.fields) == {
        FieldConflict(".spec.replicas", "first"),
        FieldConflict('.spec.template.spec.containers[name="c"].image', "first"),
    }
    forced = api.apply(wanted, manager="second", force=True, deadline=soon())
    assert forced["spec"]["replicas"] == 1


def test_a_field_that_is_no_longer_applied_goes(api: Api, kube_namespace: str, soon: Soon) -> None:
    api.apply(config_map(kube_namespace, k="1", more="2"), manager="i4q", deadline=soon())
    assert api.apply(config_map(kube_namespace, k="1"), manager="i4q", deadline=soon())["data"] == {"k": "1"}


def test_a_manifest_that_is_rejected_says_which_fields(api: Api, kube_namespace: str, soon: Soon) -> None:
    wrong = _deployment(kube_namespace, image="")
    wrong["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    with pytest.raises(SchemaError) as caught:
        api.apply(wrong, manager="i4q", deadline=soon())
    fields = {field for field, _ in caught.value.findings}
    assert fields == {"spec.template.metadata.labels", "spec.template.spec.containers[0].image"}


def test_a_field_that_nobody_knows_is_refused(api: Api, kube_namespace: str, soon: Soon) -> None:
    wrong = {**config_map(kube_namespace), "dota": {}}
    with pytest.raises(InvalidError, match="dota"):
        api.apply(wrong, manager="i4q", deadline=soon())
    with pytest.raises(InvalidError, match="dota"):
        api.create(wrong, deadline=soon())


def test_a_namespace_that_is_not_there(api: Api, soon: Soon) -> None:
    with pytest.raises(NotFoundError, match='namespaces "nowhere" not found'):
        api.apply(config_map("nowhere"), manager="i4q", deadline=soon())
    assert api.get("ConfigMap", "nowhere", "a", deadline=soon()) is None
    assert api.list("ConfigMap", "nowhere", deadline=soon()).items == ()


def test_a_list_comes_in_pages_and_is_whole(
    api: Api, kube_namespace: str, soon: Soon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE", 2)
    names = [f"m{number}" for number in range(5)]
    for name in names:
        api.create(config_map(kube_namespace, name), deadline=soon())
    found = api.list("ConfigMap", kube_namespace, labels="app in (m0,m1,m2,m3,m4)", deadline=soon())
    assert [item["metadata"]["name"] for item in found.items] == names
    assert {(item["apiVersion"], item["kind"]) for item in found.items} == {("v1", "ConfigMap")}
    assert int(found.revision) > 0
    assert len(api.list("ConfigMap", kube_namespace, labels={"app": "m3"}, deadline=soon()).items) == 1
    assert len(api.list("ConfigMap", kube_namespace, fields="metadata.name=m3", deadline=soon()).items) == 1


def test_a_kind_outside_the_table_is_asked_of_the_server_once(
    api: Api, kube_namespace: str, soon: Soon, tmp_path: Path
) -> None:
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j", "namespace": kube_namespace},
        "spec": {"suspend": True, "template": _deployment("")["spec"]["template"]},
    }
    job["spec"]["template"]["spec"]["restartPolicy"] = "Never"
    api.apply(job, manager="i4q", deadline=soon())
    assert api.get("Job", kube_namespace, "j", deadline=soon()) is not None
    assert api.delete("batch/v1/Job", kube_namespace, "j", deadline=soon())
    (file,) = (tmp_path / "kinds").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_kind_that_nobody_has_suggests_the_nearest(api: Api, soon: Soon) -> None:
    with pytest.raises(NotFoundError, match=r"no kind 'CronJbo'.*did you mean 'CronJob'"):
        api.list("CronJbo", None, deadline=soon())
    with pytest.raises(NotFoundError, match=r"no kind 'batch/v7/Job'"):
        api.list("batch/v7/Job", None, deadline=soon())


def test_the_version_of_the_server(api: Api, soon: Soon) -> None:
    assert api.version(deadline=soon()).startswith("v1.")
