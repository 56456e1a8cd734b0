"""The agent beside a workload, with a real API server that knows its least rights."""

from __future__ import annotations

import os
import signal
import stat

import pytest

from i4q_ai.edge import crash
from i4q_ai.status import Phase
from tests.e2e.edge.plant import DEADLINE, eventually
from tests.e2e.edge.pod import Pod, rights, versions


def test_a_changed_configmap_swaps_the_files(pod: Pod) -> None:
    pod.want(pod.model("1"))
    agent = pod.run()
    pod.until("wear", Phase.READY, version="1")
    assert pod.content() == "wear 1"
    pod.want(pod.model("2"))
    pod.until("wear", Phase.READY, version="2")
    assert pod.content() == "wear 2"
    pod.until_published(lambda report: versions(report) == {"wear": "2"})
    assert agent.poll() is None


def test_what_it_brings_can_be_read_by_others_whatever_the_umask(pod: Pod) -> None:
    pod.want(pod.model("1"))
    before = os.umask(0o077)
    try:
        pod.run()
    finally:
        os.umask(before)
    pod.until("wear", Phase.READY)
    home = pod.paths.home("model", "i4q", "wear")
    shown = (home / "current").resolve()
    for folder in (shown, *shown.relative_to(pod.paths.folder).parents):
        assert stat.S_IMODE((pod.paths.folder / folder).stat().st_mode) & 0o755 == 0o755
    assert {stat.S_IMODE(file.stat().st_mode) for file in shown.iterdir()} == {0o644}
    assert not (home / "current").readlink().is_absolute(), "it holds in another container too"


def test_a_configmap_that_is_not_there_yet_is_waited_for(pod: Pod) -> None:
    pod.run()
    missing = "waiting for its model: ConfigMap 'model-wear' is not there yet"
    pod.until_published(lambda report: report.message == missing)
    pod.want(pod.model("1"))
    pod.until("wear", Phase.READY)
    pod.until_published(lambda report: report.message == "")


def test_a_deleted_configmap_takes_its_model_away_and_a_new_one_brings_it_again(pod: Pod) -> None:
    pod.want(pod.model("1").replace(revision=8))
    pod.run()
    pod.until("wear", Phase.READY)
    pod.apiserver.kubectl("delete", "configmap", "model-wear", "-n", pod.namespace)
    eventually(lambda: not pod.paths.home("model", "i4q", "wear").exists())
    pod.want(pod.model("1"))
    pod.until("wear", Phase.READY)


def test_it_works_on_while_the_api_is_away_and_catches_up(pod: Pod) -> None:
    pod.want(pod.model("1"))
    agent = pod.run()
    pod.until("wear", Phase.READY, version="1")
    pod.until_published(lambda report: versions(report) == {"wear": "1"})
    pod.cable.cut()
    pod.want(pod.model("2"))
    eventually(lambda: "cannot be followed" in pod.report().message)
    assert pod.content() == "wear 1"
    assert agent.poll() is None
    pod.cable.join()
    pod.until("wear", Phase.READY, version="2")
    assert pod.content() == "wear 2"
    pod.until_published(lambda report: (report.message, versions(report)) == ("", {"wear": "2"}))


def test_a_mounted_copy_does_while_the_api_is_away(pod: Pod) -> None:
    pod.cable.cut()
    mounted = pod.base / "mounted" / "model-wear"
    mounted.mkdir(parents=True)
    (mounted / "desired.json").write_text(pod.configmap(pod.model("1"))["data"]["desired.json"])
    pod.run("--mounted", str(pod.base / "mounted"))
    pod.until("wear", Phase.READY, version="1")
    pod.want(pod.model("2"))
    pod.cable.join()
    pod.until("wear", Phase.READY, version="2")


@pytest.mark.parametrize("point", ["after-fetch", "between-links", "before-state"])
def test_killed_at_any_point_it_loses_nothing(pod: Pod, point: str) -> None:
    pod.want(pod.model("1"))
    first = pod.run()
    pod.until("wear", Phase.READY, version="1")
    first.kill()
    first.wait(DEADLINE)
    pod.want(pod.model("2"))
    assert pod.run(**{crash.VARIABLE: point}).wait(DEADLINE) == -signal.SIGKILL
    assert pod.content() in ("wear 1", "wear 2")
    pod.run()
    pod.until("wear", Phase.READY, version="2")
    assert pod.content() == "wear 2"


def test_killed_while_the_api_is_away_it_still_knows(pod: Pod) -> None:
    pod.want(pod.model("1"))
    first = pod.run()
    pod.until("wear", Phase.READY, version="1")
    first.kill()
    first.wait(DEADLINE)
    pod.cable.cut()
    pod.run()
    eventually(lambda: "cannot be followed" in pod.report().message)
    assert pod.until("wear", Phase.READY).version == "1"
    assert pod.content() == "wear 1"


def test_a_pod_that_goes_takes_its_report_along(pod: Pod) -> None:
    pod.want(pod.model("1"))
    agent = pod.run()
    pod.until_published(lambda report: versions(report) == {"wear": "1"})
    agent.terminate()
    assert agent.wait(DEADLINE) == 0
    assert pod.published() is None


def test_another_flavour_is_refused_with_a_reason(pod: Pod) -> None:
    pod.want(pod.model("1", flavour="server"))
    pod.run()
    seen = pod.until("wear", Phase.FAILED)
    assert seen.reason == "FlavourNotSupported"
    pod.want(pod.model("1"))
    pod.until("wear", Phase.READY)


def test_a_document_that_cannot_be_read_changes_nothing(pod: Pod) -> None:
    pod.want(pod.model("1"))
    pod.run()
    pod.until("wear", Phase.READY)
    broken = pod.configmap(pod.model("1"))
    broken["data"] = {"desired.json": "{"}
    pod.apply(broken)
    pod.until_published(lambda report: "not JSON" in report.message)
    assert pod.content() == "wear 1"


def test_several_configmaps_are_one_desired_state(pod: Pod) -> None:
    pod.maps = ("model-wear", "model-chatter")
    pod.apply(*rights(pod.namespace, pod.maps))
    pod.want(pod.model("1"))
    pod.want(pod.model("1", name="chatter"))
    pod.run()
    pod.until("wear", Phase.READY)
    pod.until("chatter", Phase.READY)
    pod.want(pod.model("2", name="chatter"))
    pod.until("chatter", Phase.READY, version="2")
    assert (pod.content("wear"), pod.content("chatter")) == ("wear 1", "chatter 2")


@pytest.mark.parametrize(
    ("verb", "told"), [("list", "list of ConfigMap 'model-wear'"), ("watch", "watch of ConfigMap")]
)
def test_a_missing_right_is_told_by_name(pod: Pod, verb: str, told: str) -> None:
    pod.apply(*rights(pod.namespace, pod.maps, without=verb))
    pod.want(pod.model("1"))
    pod.run()
    pod.until_published(lambda report: told in report.message and "hint: a Role" in report.message)
    pod.apply(*rights(pod.namespace, pod.maps))
    pod.until("wear", Phase.READY)
    pod.until_published(lambda report: report.message == "")


def test_a_report_that_may_not_be_published_is_published_once_it_may(pod: Pod) -> None:
    pod.apply(*rights(pod.namespace, pod.maps, without="patch"))
    pod.want(pod.model("1"))
    pod.run()
    pod.until("wear", Phase.READY)
    assert pod.published() is None
    pod.apply(*rights(pod.namespace, pod.maps))
    pod.until_published(lambda report: versions(report) == {"wear": "1"})


def test_the_token_is_read_again_when_it_has_changed(pod: Pod) -> None:
    pod.want(pod.model("1"))
    token = pod.base / "account" / "token"
    good = token.read_text()
    token.write_text("a token that has run out")
    pod.run()
    eventually(lambda: "not allowed" in pod.report().message)
    token.write_text(good)
    pod.until("wear", Phase.READY)
