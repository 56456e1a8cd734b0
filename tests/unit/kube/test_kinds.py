"""Kinds and their paths."""

import pytest

from i4q_ai.errors import InvalidError
from i4q_ai.kube.kinds import KINDS, key_of, known


@pytest.mark.parametrize(
    ("kind", "namespace", "name", "path"),
    [
        ("Pod", "a", "b", "/api/v1/namespaces/a/pods/b"),
        ("Pod", "a", "", "/api/v1/namespaces/a/pods"),
        ("Pod", None, "", "/api/v1/pods"),
        ("Deployment", "a", "b", "/apis/apps/v1/namespaces/a/deployments/b"),
        ("Node", None, "b", "/api/v1/nodes/b"),
        ("Namespace", "a", "b", "/api/v1/namespaces/b"),
        ("PodDisruptionBudget", "a", "", "/apis/policy/v1/namespaces/a/poddisruptionbudgets"),
    ],
)
def test_paths(kind: str, namespace: str | None, name: str, path: str) -> None:
    assert KINDS[kind].path(namespace, name) == path


def test_a_name_cannot_leave_its_place_in_the_path() -> None:
    assert KINDS["Pod"].path("a", "../b?c") == "/api/v1/namespaces/a/pods/..%2Fb%3Fc"


def test_one_object_of_a_namespaced_kind_needs_its_namespace() -> None:
    with pytest.raises(InvalidError, match="Pod 'a' needs its namespace"):
        KINDS["Pod"].path(None, "a")


def test_known_by_short_name_and_by_key() -> None:
    assert known("Deployment") is known("apps/v1/Deployment") is KINDS["Deployment"]
    assert known("v1/Pod") is KINDS["Pod"]
    assert known("Pods") is known("apps/v1/Pod") is None


def test_every_kind_of_the_table_has_a_key_of_its_own() -> None:
    assert len({kind.key for kind in KINDS.values()}) == len(KINDS)


def test_the_key_of_an_object() -> None:
    assert key_of({"apiVersion": "apps/v1", "kind": "Deployment"}) == "apps/v1/Deployment"


@pytest.mark.parametrize("obj", [{}, {"apiVersion": "v1"}, {"apiVersion": 1, "kind": "Pod"}])
def test_an_object_without_a_kind_is_refused(obj: dict[str, object]) -> None:
    with pytest.raises(InvalidError, match="apiVersion and kind"):
        key_of(obj)
