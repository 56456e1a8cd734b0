"""Writes and reads over a link that loses answers, stalls, or leads nowhere."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from i4q_ai import yamls
from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError, DeadlineError, UnreachableError
from i4q_ai.kube import Api
from tests.e2e.kube.conftest import Soon
from tests.e2e.kube.link import Link
from tests.e2e.kube.test_objects import config_map
from tests.testbed.apiserver import ApiServer


def test_a_create_whose_answer_is_lost_has_happened_once(far: Api, link: Link, kube_namespace: str, soon: Soon) -> None:
    far.version(deadline=soon())  # the connection is there: what is lost next is no handshake
    link.lose_next_answer()
    made = far.create(config_map(kube_namespace, k="1"), deadline=soon())
    assert made["data"] == {"k": "1"}
    assert link.lost == 1


def test_a_create_whose_answer_is_lost_does_not_take_what_is_anothers(
    far: Api, api: Api, link: Link, kube_namespace: str, soon: Soon
) -> None:
    api.create(config_map(kube_namespace, k="theirs"), deadline=soon())
    far.version(deadline=soon())
    link.lose_next_answer()
    with pytest.raises(ConflictError, match="already exists"):
        far.create(config_map(kube_namespace, k="ours"), deadline=soon())


def test_a_replace_whose_answer_is_lost_is_no_conflict(far: Api, link: Link, kube_namespace: str, soon: Soon) -> None:
    first = far.create(config_map(kube_namespace, k="1"), deadline=soon())
    link.lose_next_answer()
    replaced = far.replace({**first, "data": {"k": "2"}}, deadline=soon())
    assert replaced["data"] == {"k": "2"}
    assert link.lost == 1
    with pytest.raises(ConflictError):
        far.replace({**first, "data": {"k": "3"}}, deadline=soon())


def test_a_delete_whose_answer_is_lost_was_there(far: Api, link: Link, kube_namespace: str, soon: Soon) -> None:
    far.create(config_map(kube_namespace), deadline=soon())
    link.lose_next_answer()
    assert far.delete("ConfigMap", kube_namespace, "a", deadline=soon())
    assert link.lost == 1


def test_reading_goes_on_when_the_link_is_cut(far: Api, link: Link, soon: Soon) -> None:
    for _ in range(3):
        far.version(deadline=soon())
        link.cut()
    assert far.version(deadline=soon())
    assert link.made >= 3


def test_a_server_that_says_nothing_is_left_at_the_deadline(far: Api, link: Link, soon: Soon) -> None:
    far.version(deadline=soon())
    link.stall()
    with pytest.raises(DeadlineError, match="reading it took longer"):
        far.version(deadline=Deadline.after(1, "reading it"))
    link.flow()
    assert far.version(deadline=soon())


def test_nobody_there(far: Api, link: Link, soon: Soon) -> None:
    link.refuse()
    with pytest.raises(UnreachableError, match=f"{link.url} cannot be reached: Connection refused"):
        far.version(deadline=soon())


def test_that_nobody_is_there_is_told_even_when_time_is_short(far: Api, link: Link) -> None:
    link.refuse()
    with pytest.raises(UnreachableError, match="Connection refused"):
        far.version(deadline=Deadline.after(0.5))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"server": "https://name.invalid:6443"}, "Name or service not known|No address associated|Temporary failure"),
        ({"tls-server-name": "somebody.else"}, "certificate is not trusted: Hostname mismatch"),
        ({"certificate-authority-data": None}, "certificate is not trusted"),
    ],
)
def test_the_wrong_server(
    apiserver: ApiServer, tmp_path: Path, soon: Soon, change: dict[str, str | None], reason: str
) -> None:
    config = yamls.load(apiserver.kubeconfig.read_text())
    cluster = config["clusters"][0]["cluster"]
    cluster.update(change)
    if change.get("certificate-authority-data", "") is None:
        del cluster["certificate-authority-data"]
    path = tmp_path / "config"
    path.write_text(yamls.dump(config))
    with Api.open(kubeconfig=path) as wrong, pytest.raises(UnreachableError, match=reason):
        wrong.version(deadline=soon())


def test_closing_leaves_no_connection(far: Api, link: Link, soon: Soon) -> None:
    far.version(deadline=soon())
    assert link.open == 1
    far.close()
    gc.collect()
    until = soon()
    while link.open:
        until.pause(0.02)
