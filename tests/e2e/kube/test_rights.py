"""Rights that are missing, on a real API server: the error names the rule, and the rule is enough."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from i4q_ai.errors import ForbiddenError, NotFoundError
from i4q_ai.kube import Api
from i4q_ai.kube.facts import facts
from tests.e2e.kube.conftest import Soon
from tests.e2e.kube.test_objects import config_map
from tests.testbed.apiserver import ApiServer

Verb = Callable[[Api, str, Any], object]

VERBS: dict[str, Verb] = {
    "get": lambda api, namespace, until: api.get("ConfigMap", namespace, "a", deadline=until),
    "list": lambda api, namespace, until: api.list("Deployment", namespace, deadline=until),
    "create": lambda api, namespace, until: api.create(config_map(namespace), deadline=until),
    "update": lambda api, namespace, until: api.replace(config_map(namespace), deadline=until),
    "delete": lambda api, namespace, until: api.delete("Lease", namespace, "a", deadline=until),
    # From revision 0 on, what is there comes at once: every namespace has a ConfigMap.
    "watch": lambda api, namespace, until: next(api.watch("ConfigMap", namespace, revision="0", deadline=until)),
    "get log": lambda api, namespace, until: next(api.logs(namespace, "a", deadline=until)),
}


def _role(namespace: str, user: str, rule: dict[str, Any]) -> list[dict[str, Any]]:
    group = "rbac.authorization.k8s.io"
    about = {"name": user, "namespace": namespace}
    return [
        {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": about, "rules": [rule]},
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": about,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": user},
            "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
        },
    ]


@pytest.mark.parametrize("verb", VERBS)
def test_the_rule_in_the_hint_is_what_is_missing(
    verb: str, api: Api, apiserver: ApiServer, kube_namespace: str, soon: Soon
) -> None:
    user = f"{kube_namespace}-{verb.replace(' ', '-')}"
    with Api.open(kubeconfig=apiserver.user(user)) as theirs:
        with pytest.raises(ForbiddenError) as caught:
            VERBS[verb](theirs, kube_namespace, soon())
        error = caught.value
        assert (error.verb, error.namespace) == (verb.split()[0], kube_namespace)
        rule = re.search(r"\{.*\}", error.hint)
        assert rule is not None
        for obj in _role(kube_namespace, user, json.loads(rule[0])):
            api.create(obj, deadline=soon())
        until = soon()
        while not theirs.allowed(error.verb, error.resource, kube_namespace, group=error.group, deadline=until):
            until.pause(0.05)  # the server's authorizer learns of a new rule a moment later, and tells nobody
        with contextlib.suppress(NotFoundError):  # what is asked for may not be there: the right is
            VERBS[verb](theirs, kube_namespace, soon())


def test_reading_all_namespaces_takes_a_cluster_role(apiserver: ApiServer, soon: Soon) -> None:
    with Api.open(kubeconfig=apiserver.user("nobody")) as theirs, pytest.raises(ForbiddenError) as caught:
        theirs.list("Pod", None, deadline=soon())
    assert (caught.value.resource, caught.value.namespace) == ("pods", None)
    assert "ClusterRole" in caught.value.hint


def test_what_one_may_do_can_be_asked(api: Api, apiserver: ApiServer, kube_namespace: str, soon: Soon) -> None:
    assert api.allowed("patch", "deployments", kube_namespace, group="apps", deadline=soon())
    with Api.open(kubeconfig=apiserver.user("nobody")) as theirs:
        assert not theirs.allowed("get", "pods/log", kube_namespace, deadline=soon())


def test_facts_that_may_not_be_read_are_only_missing(api: Api, apiserver: ApiServer, soon: Soon) -> None:
    with Api.open(kubeconfig=apiserver.user("nobody")) as theirs:
        told = facts(theirs, deadline=soon())
    assert told.kube_version == api.version(deadline=soon())
    assert (told.missing, told.image_volumes, told.nodes) == (("list nodes",), None, 0)
    assert facts(api, deadline=soon()).missing == ()
