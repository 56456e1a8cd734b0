"""How a cluster is found: it answers, it is away, or it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest

from i4q_ai import yamls
from i4q_ai.backends.away import Away
from i4q_ai.deadline import Deadline
from i4q_ai.errors import DeadlineError, ForbiddenError, I4qError, InvalidError, NotFoundError, UnreachableError
from i4q_ai.kube import Api
from i4q_ai_kubectl.contacts import Contacts
from i4q_ai_kubectl.inventory import Entry

ENTRY = Entry(name="edge-1", kubeconfig="edge-1.kubeconfig")
Question = Callable[[Api, Deadline], str]


@pytest.fixture
def contacts(tmp_path: Path) -> Contacts:
    """Contacts whose one kubeconfig names a server that nobody calls: questions are answered by the test."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "https://edge-1.example:6443"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "c",
    }
    (tmp_path / "edge-1.kubeconfig").write_text(yamls.dump(config))
    return Contacts(tmp_path)


def raising(error: I4qError) -> Question:
    def question(_api: Api, _deadline: Deadline) -> str:
        raise error

    return question


def test_an_answer_is_given_and_remembered(contacts: Contacts) -> None:
    assert contacts.heard("edge-1", within=60) == (False, None)
    assert contacts.ask(ENTRY, lambda _api, _deadline: "v1", Deadline.after(60)) == "v1"
    assert contacts.heard("edge-1", within=60) == (True, None)
    assert contacts.heard("edge-2", within=60) == (False, None)


def test_who_cannot_be_reached_is_away(contacts: Contacts) -> None:
    away = contacts.ask(ENTRY, raising(UnreachableError("no route to host", hint="x")), Deadline.after(60))
    assert away == Away("Unreachable", "no route to host")
    assert contacts.heard("edge-1", within=60) == (True, away)


def test_who_does_not_answer_in_time_is_away(contacts: Contacts) -> None:
    away = contacts.ask(ENTRY, raising(DeadlineError("too long")), Deadline.after(60), patience=7)
    assert away == Away("Timeout", "it does not answer within 7 s")


def test_when_the_callers_own_time_is_over_nobody_is_to_blame(contacts: Contacts) -> None:
    over = Deadline(monotonic() - 1, "status")
    with pytest.raises(DeadlineError, match="status took longer"):
        contacts.ask(ENTRY, raising(DeadlineError("too long")), over)
    assert contacts.heard("edge-1", within=60) == (False, None)


def test_a_question_has_no_more_time_than_its_caller(contacts: Contacts) -> None:
    left: list[float] = []

    def question(_api: Api, deadline: Deadline) -> str:
        left.append(deadline.left())
        return ""

    contacts.ask(ENTRY, question, Deadline.after(2), patience=1000)
    contacts.ask(ENTRY, question, Deadline.after(1000), patience=2)
    assert max(left) <= 2


@pytest.mark.parametrize(
    "error",
    [
        InvalidError("spec.replicas: no number"),
        NotFoundError('namespaces "a" not found'),
        ForbiddenError("no right", verb="get", resource="pods", namespace="a"),
    ],
)
def test_what_a_cluster_refuses_is_raised(contacts: Contacts, error: I4qError) -> None:
    with pytest.raises(type(error)) as caught:
        contacts.ask(ENTRY, raising(error), Deadline.after(60))
    assert caught.value is error


def test_a_kubeconfig_that_is_not_there_is_nobodys_absence(contacts: Contacts) -> None:
    entry = Entry(name="edge-2", kubeconfig="nowhere.kubeconfig")
    with pytest.raises(NotFoundError, match=r"nowhere\.kubeconfig"):
        contacts.ask(entry, raising(InvalidError("")), Deadline.after(60))


def test_files_are_relative_to_the_inventory_and_clients_are_kept(contacts: Contacts) -> None:
    first = contacts.api(ENTRY)
    assert first.server == "https://edge-1.example:6443"
    assert contacts.api(ENTRY) is first
    contacts.close()
    assert contacts.api(ENTRY) is not first
    contacts.close()
