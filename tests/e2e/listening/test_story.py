"""`i4q listen` as a process: pushed, rung, deployed; broken, refused; approved by a person; two of them, and killed."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from i4q_ai.hub import Hub
from tests.e2e.cli.conftest import LIMIT, Background, Shell, eventually
from tests.e2e.listening.conftest import Plant

SECRET = "doorbell"
RARELY = 3600
DOOR = re.compile(r"webhooks come to 127\.0\.0\.1:(\d+)")


@pytest.fixture
def rules(plant: Plant, tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text(SECRET)
    hook = {"name": "forge", "sender": "gitea", "secret": {"file": str(tmp_path / "secret")}}
    file = tmp_path / "listen.yaml"
    file.write_text(plant.rules(hooks=[hook], hook="forge", poll=RARELY).to_yaml())
    return file


def door(process: subprocess.Popen[str]) -> str:
    """Where webhooks come to."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := DOOR.search(line):
            return f"http://127.0.0.1:{found[1]}/hooks/forge"
    raise AssertionError("it ended before it listened")


def ring(url: str, commit: str) -> int:
    body = json.dumps({"ref": "refs/heads/main", "after": commit, "repository": {"full_name": "plant/models"}}).encode()
    mac = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-Gitea-Signature": mac, "X-Gitea-Delivery": commit, "X-Gitea-Event": "push"}
    request = urllib.request.Request(url, body, headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=LIMIT) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def versions(hub: Hub) -> list[str]:
    names = [each.name for each in hub.list()]
    return [each.version for each in hub.get("wear").history()] if "wear" in names else []


def state(i4q: Shell, commit: str) -> str | None:
    found = [row for row in i4q.data("changes") if row["change"] == commit[:12]]
    return found[0]["state"] if found else None


def test_from_a_push_to_clusters(i4q: Shell, plant: Plant, rules: Path, background: Background) -> None:
    for name, line in (("edge-1", "cnc"), ("edge-2", "paint")):
        i4q("cluster", "add", name, "--label", f"line={line}")
    first = plant.push(plant.release("1"))
    listener = background(i4q.start("listen", str(rules), "--port", "0"))
    url = door(listener)
    with Hub("embedded", namespace="i4q", owner="i4q", home=str(i4q.home)) as hub:
        eventually(lambda: versions(hub) == ["1"])
        told = hub.engine.fleet.assigned(name="wear", deadline=hub.engine.deadline())
        assert [each.cluster for each in told] == ["edge-1"]

        second = plant.push(plant.release("2"))
        assert ring(url, second) == 202
        assert ring(url, second) == 409
        eventually(lambda: versions(hub) == ["1", "2"])

        broken = plant.push("kind: [")
        assert ring(url, broken) == 202
        eventually(lambda: state(i4q, broken) == "refused")
        greedy = plant.push(plant.release("3").replace("line", "site"))
        assert ring(url, greedy) == 202
        eventually(lambda: state(i4q, greedy) == "refused")
        why = {row["change"]: row["why"] for row in i4q.data("changes")}
        assert why[broken[:12]].startswith("wear.yaml: line ")
        assert "does not contain the rule: label line == cnc" in why[greedy[:12]]
        assert versions(hub) == ["1", "2"], "the version before goes on"

        # Back to a commit that was there before: only a person can mean that.
        plant.git("reset", "--quiet", "--hard", first)
        plant.git("push", "--quiet", "--force", "origin", "HEAD:main")
        ring(url, first[::-1])
        eventually(lambda: state(i4q, first) == "waiting")
        waiting = next(row["id"] for row in i4q.data("changes") if row["state"] == "waiting")
        assert "update on edge-1" in i4q("changes", waiting)
        i4q("approve", waiting, "--by", "jo")
        eventually(lambda: versions(hub) == ["1", "2", "1"])
        eventually(lambda: state(i4q, first) == "applied")
        assert i4q.run("approve", waiting).returncode == 4

    listener.send_signal(signal.SIGTERM)
    _, said = listener.communicate(timeout=LIMIT)
    assert listener.returncode == 0, said
    assert SECRET not in said


def test_one_look_and_a_person(i4q: Shell, plant: Plant, rules: Path) -> None:
    i4q("cluster", "add", "edge-1", "--label", "line=cnc")
    plant.push(plant.release("1"))
    assert i4q.data("listen", str(rules), "--once", "--approve") == [{"source": "plant", "state": "waiting"}]
    row = i4q.data("changes")[0]
    assert (row["source"], row["state"], row["by"]) == ("plant", "waiting", None)
    i4q("refuse", row["id"], "--by", "jo", "--why", "not in summer")
    assert i4q.data("listen", str(rules), "--once", "--approve") == [{"source": "plant", "state": None}]
    assert i4q.data("changes")[0]["why"] == "not in summer"
    plant.push("kind: [")
    failed = i4q.run("listen", str(rules), "--once")
    assert failed.returncode == 1
    assert "not applied: plant" in failed.stderr
    assert i4q.data("list") == []


def test_rules_that_do_not_fit_are_refused_with_their_line(i4q: Shell, tmp_path: Path, rules: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(rules.read_text().replace("names:", "name:"))
    done = i4q.run("listen", str(wrong))
    assert done.returncode == 1
    assert "did you mean 'names'" in done.stderr
    (tmp_path / "secret").unlink()
    done = i4q.run("listen", str(rules), "--port", "0")
    assert done.returncode == 1
    assert "holds a secret, cannot be read" in done.stderr


def test_two_listeners_a_storm_and_a_kill_end_in_one_revision_a_version(
    i4q: Shell, plant: Plant, tmp_path: Path, background: Background
) -> None:
    i4q("cluster", "add", "edge-1", "--label", "line=cnc")
    file = tmp_path / "listen.yaml"
    file.write_text(plant.rules(poll=1).to_yaml())
    texts = [plant.release(str(number)) for number in range(1, 9)]

    def listener() -> subprocess.Popen[str]:
        return background(i4q.start("listen", str(file), "--lease", "1"))

    with Hub("embedded", namespace="i4q", owner="i4q", home=str(i4q.home)) as hub:
        running = [listener(), listener()]
        for number, text in enumerate(texts):
            plant.push(text)
            if number % 3 == 2:
                victim = running.pop(0)
                victim.kill()
                victim.communicate(timeout=LIMIT)
                running.append(listener())
        eventually(lambda: versions(hub)[-1:] == ["8"])
        found = [int(version) for version in versions(hub)]
        assert found == sorted(set(found)), "each once, and none after a newer one"
        eventually(lambda: [row["state"] for row in i4q.data("changes")][:1] == ["applied"])
        for process in running:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=LIMIT)
        assert [int(version) for version in versions(hub)] == found
