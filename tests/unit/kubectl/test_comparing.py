"""What differs, and nothing that the server writes by itself."""

from __future__ import annotations

from typing import Any

from i4q_ai_kubectl.comparing import diff

WRITTEN = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "a", "labels": {"app": "a"}},
    "spec": {"replicas": 1, "paused": False},
}
BY_THE_SERVER: dict[str, Any] = {
    "uid": "1", "resourceVersion": "7", "generation": 2, "creationTimestamp": "2026-01-01T00:00:00Z",
    "managedFields": [{"manager": "kubectl"}],
}  # fmt: skip


def test_what_the_server_writes_is_no_difference() -> None:
    kept = {**WRITTEN, "metadata": {**WRITTEN["metadata"], **BY_THE_SERVER}, "status": {"replicas": 1}}  # type: ignore[dict-item]
    assert list(diff(WRITTEN, kept)) == []
    assert list(diff(kept, WRITTEN)) == []


def test_lines_that_differ_come_with_what_is_around_them() -> None:
    changed = {**WRITTEN, "spec": {"replicas": 3, "paused": False}}
    assert list(diff(WRITTEN, changed)) == [" spec:", "-  replicas: 1", "+  replicas: 3", "   paused: false"]


def test_labels_and_annotations_count() -> None:
    changed = {**WRITTEN, "metadata": {"name": "a", "labels": {"app": "b"}, "annotations": {"by": "hand"}}}
    lines = list(diff(WRITTEN, changed))
    assert "-    app: a" in lines
    assert "+    by: hand" in lines


def test_no_headers_of_files_are_among_the_lines() -> None:
    far = {**WRITTEN, "data": {f"key-{number}": "x" for number in range(20)}}
    near = {**far, "data": {**far["data"], "key-0": "y", "key-19": "y"}}  # type: ignore[dict-item]
    lines = list(diff(far, near))
    assert not [line for line in lines if line.startswith(("---", "+++", "@@"))]
    assert [line for line in lines if line.startswith("+")] == ["+  key-0: y", "+  key-19: y"]
