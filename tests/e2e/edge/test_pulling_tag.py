"""An agent that follows a tag by itself: in a real registry, or in a folder that something else fills."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import pytest

from i4q_ai import oci
from i4q_ai.edge import crash
from i4q_ai.oci.signing import keys
from i4q_ai.trust import Signer, Trust, TrustRule
from i4q_ai.wanting import wanted
from tests.e2e.edge.cutting import Cable
from tests.e2e.edge.plant import DEADLINE, Plant, ask, eventually
from tests.e2e.edge.pulled import delivered, follow, gone, report, says
from tests.e2e.edge.repo import document
from tests.testbed.registry import Crane, Registry, crane, registry

__all__ = ["crane", "registry"]


def tag(registry: Registry) -> str:
    return f"{registry.host}/edges/line-7:now"


def test_what_a_tag_stands_for_is_what_runs(plant: Plant, registry: Registry) -> None:
    to = tag(registry)
    oci.tell(document(plant.model("5")), to)
    agent = follow(plant, f"oci://{to}")
    address = delivered(plant, "wear", "5").address or ""
    assert ask(address, 2) == 10
    told = oci.tell(document(plant.model("200")), to)
    delivered(plant, "wear", "200")
    assert ask(address, 2) == 400
    assert report(plant).followed == {f"oci://{to}": told.rpartition("@")[2]}
    oci.tell(document(plant.model("5")), to)
    delivered(plant, "wear", "5")
    oci.tell(wanted(), to)
    gone(plant, "wear")
    assert report(plant).message == ""
    assert agent.poll() is None


def test_a_look_at_a_tag_that_stands_still_is_one_small_question(plant: Plant, registry: Registry) -> None:
    oci.tell(document(plant.model("1", flavour="files")), tag(registry))
    follow(plant, f"oci://{tag(registry)}")
    delivered(plant, "wear", "1")
    asked = len(registry.requests("HEAD", "edges/line-7/manifests/now"))
    fetched = len(registry.requests("GET", "edges/line-7"))
    eventually(lambda: len(registry.requests("HEAD", "edges/line-7/manifests/now")) > asked + 5)
    assert len(registry.requests("GET", "edges/line-7")) == fetched


def test_what_other_programs_push_counts_too(plant: Plant, registry: Registry, tmp_path: Path) -> None:
    one, two = plant.model("1", flavour="files"), plant.model("1", name="chatter", flavour="files")
    (tmp_path / "desired.json").write_text(document(one).to_json())
    (tmp_path / "more.json").write_text(document(two).to_json())
    files = {"desired.json": tmp_path / "desired.json", "chatter/desired.json": tmp_path / "more.json"}
    oci.push_files(files, tag(registry))
    follow(plant, f"oci://{tag(registry)}")
    delivered(plant, "wear", "1")
    delivered(plant, "chatter", "1")


def test_what_is_no_desired_state_changes_nothing(plant: Plant, registry: Registry, tmp_path: Path) -> None:
    to = tag(registry)
    oci.tell(document(plant.model("1", flavour="files")), to)
    follow(plant, f"oci://{to}")
    delivered(plant, "wear", "1")
    (tmp_path / "desired.json").write_text('{"cluster": "x", "sinks": []}')
    oci.push_files([tmp_path / "desired.json"], to, if_match=oci.resolve(to).rpartition("@")[2])
    says(plant, "unknown field 'sinks'", "stands")
    (tmp_path / "notes.txt").write_text("nothing of that kind")
    oci.push_files([tmp_path / "notes.txt"], to, if_match=oci.resolve(to).rpartition("@")[2])
    says(plant, "holds no desired.json", "stands")
    model = plant.model("2", flavour="files")
    oci.copy(model.references[0], to, if_match=oci.resolve(to).rpartition("@")[2])
    says(plant, "tells no desired state", "stands")
    oci.tell(document(model), to)
    delivered(plant, "wear", "2")
    says(plant)


def test_a_registry_that_is_away_or_has_forgotten_the_tag_changes_nothing(
    plant: Plant, registry: Registry, crane: Crane
) -> None:
    cable = Cable(registry.url)
    host, port = cable.address
    there = f"oci://{host}:{port}/edges/line-7:now"
    oci.tell(document(plant.model("1")), tag(registry))
    follow(plant, there)
    address = delivered(plant, "wear", "1").address or ""
    cable.cut()
    says(plant, "cannot be followed", "stands")
    oci.tell(document(plant.model("2")), tag(registry))
    assert ask(address, 2) == 2
    plant.kill()
    follow(plant, there)
    says(plant, "cannot be followed", "stands")
    cable.join()
    delivered(plant, "wear", "2")
    says(plant)
    crane("delete", "--insecure", oci.resolve(tag(registry)))
    says(plant, "has no tag 'now'", "stands")
    assert ask(address, 2) == 4
    cable.close()


@pytest.mark.parametrize("point", ["desired-read", "before-fetch", "after-state"])
def test_killed_in_the_middle_it_loses_nothing(plant: Plant, registry: Registry, point: str) -> None:
    to = tag(registry)
    oci.tell(document(plant.model("1", flavour="files")), to)
    follow(plant, f"oci://{to}")
    delivered(plant, "wear", "1")
    plant.kill()
    oci.tell(document(plant.model("2", flavour="files")), to)
    assert follow(plant, f"oci://{to}", **{crash.VARIABLE: point}).wait(DEADLINE) == -signal.SIGKILL
    follow(plant, f"oci://{to}")
    delivered(plant, "wear", "2")


def test_a_policy_of_the_machine_wants_a_signature_on_the_tag(plant: Plant, registry: Registry, tmp_path: Path) -> None:
    us, them = keys.make(tmp_path, "us")[0], keys.make(tmp_path, "them")[0]
    signers = {"us": Signer(key=us.with_suffix(".pub").read_text())}
    rules = (TrustRule(repository=f"{registry.host}/edges/*"), TrustRule(signed=False))
    policy = tmp_path / "trust.yaml"
    policy.write_text(Trust(signers=signers, rules=rules).to_yaml())
    to = tag(registry)
    oci.sign(oci.tell(document(plant.model("1", flavour="files")), to), us)
    follow(plant, f"oci://{to}", I4Q_TRUST=str(policy))
    delivered(plant, "wear", "1")
    told = oci.tell(document(plant.model("2", flavour="files")), to)
    says(plant, "is not signed", "stands")
    oci.sign(told, them)
    says(plant, "no signature that counts", "stands")
    assert {item.version for item in report(plant).items} == {"1"}
    oci.sign(told, us)
    delivered(plant, "wear", "2")
    says(plant)
    policy.write_text(Trust(signers=signers, rules=(TrustRule(signed=False, repository="elsewhere/*"),)).to_yaml())
    says(plant, "no rule says whether", "stands")


def test_behind_a_one_way_link_a_folder_is_enough(plant: Plant, tmp_path: Path) -> None:
    outside, inbox = tmp_path / "outside", tmp_path / "inbox"
    model = plant.model("5")

    def send(version: str) -> None:
        """What a sender and a receiver of a one-way link do: bring files, and let nobody answer."""
        item = plant.model(version)
        copied = oci.copy(item.references[0], f"oci:{outside}:wear-{version}")
        here = f"oci:{inbox}@{copied.digest}"
        oci.tell(document(item.replace(references=(here,))), f"oci:{outside}:now")
        for file in sorted(outside.rglob("*"), key=lambda file: file.name == "index.json"):
            if file.is_file():
                (inbox / file.relative_to(outside)).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, inbox / file.relative_to(outside))

    follow(plant, f"oci:{inbox}:now")
    says(plant, "cannot be followed")
    send(model.version)
    address = delivered(plant, "wear", "5").address or ""
    assert ask(address, 2) == 10
    send("200")
    delivered(plant, "wear", "200")
    assert ask(address, 2) == 400
    index = inbox / "index.json"
    index.write_bytes(index.read_bytes()[:100])
    says(plant, "cannot be followed", "stands")
    assert ask(address, 2) == 400
    send("5")
    delivered(plant, "wear", "5")
    status = json.loads(plant.paths.status.read_text())
    assert status["followed"][f"oci:{inbox}:now"].startswith("sha256:")
