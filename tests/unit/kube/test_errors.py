"""Answers of an API server in our words; the bodies are what a real one answered."""

import json
import socket
import ssl
from typing import Any

import pytest
import urllib3

from i4q_ai.errors import (
    ConflictError,
    FieldConflict,
    FieldConflictError,
    ForbiddenError,
    I4qError,
    InvalidError,
    NotFoundError,
    SchemaError,
    UnreachableError,
)
from i4q_ai.kube.errors import Asked, ExpiredError, Refused, translate
from i4q_ai.kube.kinds import KINDS

SERVER = "https://edge-1:6443"
ASKED = Asked("patch", KINDS["Deployment"], "i4q", "tool-wear", SERVER)


def _told(status: int, **about: Any) -> I4qError:
    body = json.dumps({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status, **about}).encode()
    return translate(Refused(status, body), ASKED)


def test_a_missing_right_is_named_with_the_rule_that_gives_it() -> None:
    error = _told(
        403,
        reason="Forbidden",
        message='deployments.apps "tool-wear" is forbidden: User "eve" cannot create resource "deployments" '
        'in API group "apps" in the namespace "i4q"',
    )
    assert isinstance(error, ForbiddenError)
    assert (error.verb, error.resource, error.group, error.namespace) == ("create", "deployments", "apps", "i4q")
    assert error.hint == (
        'the rule {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["create"]} '
        "in a Role in namespace i4q is missing"
    )


def test_a_right_in_all_of_the_cluster() -> None:
    error = _told(
        403,
        reason="Forbidden",
        message='nodes is forbidden: User "eve" cannot list resource "nodes" in API group "" at the cluster scope',
    )
    assert isinstance(error, ForbiddenError)
    assert (error.verb, error.resource, error.group, error.namespace) == ("list", "nodes", "", None)
    assert "in a ClusterRole is missing" in error.hint


def test_credentials_that_are_not_accepted() -> None:
    error = _told(401, reason="Unauthorized", message="Unauthorized")
    assert isinstance(error, ForbiddenError)
    assert error.what == f"patch Deployment i4q/tool-wear on {SERVER}: the credentials are not accepted"


def test_a_policy_is_no_missing_right() -> None:
    error = _told(403, reason="Forbidden", message='pods "a" is forbidden: violates PodSecurity "restricted:latest"')
    assert isinstance(error, InvalidError)
    assert 'violates PodSecurity "restricted:latest"' in error.what


def test_a_namespace_on_its_way_out_is_a_conflict() -> None:
    cause = {
        "reason": "NamespaceTerminating",
        "message": "namespace i4q is being terminated",
        "field": "metadata.namespace",
    }
    message = "unable to create new content in namespace i4q because it is being terminated"
    assert isinstance(_told(403, reason="Forbidden", message=message, details={"causes": [cause]}), ConflictError)


def test_every_conflicting_field_is_told_with_its_manager() -> None:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "kubectl" using apps/v1',
            "field": ".spec.replicas",
        },
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "hpa" with subresource "scale" using apps/v1 at 2026-01-01T00:00:00Z',
            "field": '.spec.template.spec.containers[name="a"].image',
        },
    ]
    error = _told(409, reason="Conflict", message="Apply failed with 2 conflicts", details={"causes": causes})
    assert isinstance(error, FieldConflictError)
    assert error.fields == (
        FieldConflict(".spec.replicas", "kubectl"),
        FieldConflict('.spec.template.spec.containers[name="a"].image', "hpa"),
    )
    assert ".spec.replicas is set by 'kubectl'; .spec.template" in error.what


def test_invalid_fields_are_told_one_by_one() -> None:
    causes = [
        {
            "reason": "FieldValueRequired",
            "message": "Required value",
            "field": "spec.template.spec.containers[0].image",
        },
        {"reason": "FieldValueInvalid", "message": "Invalid value: -1", "field": "spec.replicas"},
    ]
    error = _told(422, reason="Invalid", message="is invalid", details={"causes": causes})
    assert isinstance(error, SchemaError)
    assert error.findings == (
        ("spec.template.spec.containers[0].image", "Required value"),
        ("spec.replicas", "Invalid value: -1"),
    )


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, 'strict decoding error: unknown field "spec.foo"', InvalidError),
        (404, 'namespaces "i4q" not found', NotFoundError),
        (409, "the object has been modified", ConflictError),
        (410, "too old resource version", ExpiredError),
        (429, "too many requests", UnreachableError),
        (500, "failed to create typed patch object: .spec.foo: field not declared in schema", InvalidError),
        (500, "Internal error occurred: failed calling webhook", UnreachableError),
        (503, "the server is currently unable to handle the request", UnreachableError),
    ],
)
def test_other_answers(status: int, message: str, kind: type[I4qError]) -> None:
    error = _told(status, message=message)
    assert type(error) is kind
    assert message in error.what
    assert SERVER in error.what


def test_only_the_first_line_of_a_body_is_told() -> None:
    error = translate(Refused(502, b"<html>bad gateway\nset-cookie: secret</html>"), ASKED)
    assert "bad gateway" in error.what
    assert "secret" not in str(error)


def test_a_long_line_is_cut() -> None:
    assert len(str(translate(Refused(502, b"x" * 100_000), ASKED))) < 1000


def _connecting(cause: Exception) -> Exception:
    error = urllib3.exceptions.NewConnectionError(None, "no")  # type: ignore[arg-type]
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (_connecting(ConnectionRefusedError(111, "Connection refused")), "Connection refused"),
        (_connecting(socket.gaierror(-2, "Name or service not known")), "Name or service not known"),
        (
            urllib3.exceptions.ProtocolError("aborted", ConnectionResetError(104, "Connection reset by peer")),
            "reset by peer",
        ),
        (urllib3.exceptions.SSLError(ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong")), "WRONG_VERSION_NUMBER"),
        (TimeoutError("timed out"), "timed out"),
    ],
)
def test_a_connection_that_failed_says_to_whom_and_why(error: Exception, reason: str) -> None:
    told = translate(error, ASKED)
    assert isinstance(told, UnreachableError)
    assert told.what.startswith(f"{SERVER} cannot be reached: ")
    assert reason in told.what


def test_absence_is_of_an_object_not_of_a_path() -> None:
    body = {
        "kind": "Status",
        "reason": "NotFound",
        "message": 'pods "a" not found',
        "details": {"name": "a", "kind": "pods"},
    }
    assert Refused(404, json.dumps(body).encode()).tells_absence()
    assert not Refused(404, b"404 page not found\n").tells_absence()


def test_another_object_of_the_name_is_absence_of_the_one_that_is_meant() -> None:
    message = "the UID in the precondition (a) does not match the UID in record (b)"
    refused = Refused(409, json.dumps({"kind": "Status", "message": message}).encode())
    assert refused.tells_absence("a")
    assert not refused.tells_absence()
