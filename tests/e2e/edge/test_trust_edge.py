"""An edge with a trust policy: what is not signed as it must be is never seen there."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
from pathlib import Path

import pytest

from i4q_ai.desired import ModelItem
from i4q_ai.edge.paths import tree_name
from i4q_ai.model import File, Model
from i4q_ai.oci.signing import keys
from i4q_ai.status import Observation, Phase
from i4q_ai.trust import Signer, Trust, TrustRule
from tests.e2e.edge.plant import Plant, ask, eventually


@pytest.fixture
def us(tmp_path: Path) -> Path:
    return keys.make(tmp_path, "us")[0]


def trusting(*secrets: Path, **about: object) -> Trust:
    signers = {each.stem: Signer(key=each.with_suffix(".pub").read_text()) for each in secrets}
    return Trust(signers=signers, rules=(TrustRule(**about),), edge=True)


def sign(item: ModelItem, secret: Path) -> ModelItem:
    Model.from_oci(item.references[0]).sign(secret)
    return item


def untrusted(seen: Observation) -> bool:
    return seen.reason == "Untrusted"


def seen_trees(plant: Plant, item: ModelItem) -> list[str]:
    """Names of what anybody can see of a model."""
    home = plant.paths.home(item.kind, item.namespace, item.name)
    return sorted(path.name for path in home.iterdir()) if home.is_dir() else []


def test_unsigned_is_never_visible_and_comes_once_it_is_signed(plant: Plant, us: Path) -> None:
    item = plant.model("2").replace(trust=trusting(us))
    plant.want(item)
    plant.control.start()
    seen = plant.until("wear", untrusted)
    assert "is not signed" in seen.message
    assert "'us' (key" in seen.message
    assert seen_trees(plant, item) == []
    assert not seen.address
    plant.want(sign(item, us))
    assert ask(plant.until("wear", Phase.READY).address or "", 4) == 8


def test_a_new_version_by_somebody_else_leaves_the_old_one(plant: Plant, us: Path, tmp_path: Path) -> None:
    them = keys.make(tmp_path, "them")[0]
    old = sign(plant.model("2"), us).replace(trust=trusting(us))
    plant.want(old)
    plant.control.start()
    address = plant.until("wear", Phase.READY).address or ""
    new = sign(plant.model("3"), them).replace(trust=trusting(us))
    plant.want(new)
    seen = plant.until("wear", untrusted)
    assert "who is not trusted" in seen.message
    assert ask(address, 1) == 2
    assert plant.current(old) == tree_name(old.digest)
    assert tree_name(new.digest) not in seen_trees(plant, new)
    plant.want(new.replace(trust=trusting(us, them)))  # both keys while one is exchanged
    plant.until("wear", lambda seen: seen.phase is Phase.READY and seen.running == new.digest)
    assert ask(address, 1) == 3


def test_a_tampered_signature_does_not_count(plant: Plant, us: Path) -> None:
    item = sign(plant.model("2"), us).replace(trust=trusting(us))
    registry = plant.base / "registry" / "wear" / "blobs" / "sha256"
    for path in registry.iterdir():
        raw = path.read_bytes()
        if b"dsseEnvelope" in raw:
            told = json.loads(raw)
            told["dsseEnvelope"]["payload"] = told["dsseEnvelope"]["payload"][:-4] + "AAAA"
            path.write_bytes(json.dumps(told).encode())
    plant.want(item)
    plant.control.start()
    plant.until("wear", lambda seen: seen.reason in ("Untrusted", "IntegrityError"))
    assert seen_trees(plant, item) == []


def test_the_edge_goes_back_and_starts_again_without_a_registry(plant: Plant, us: Path) -> None:
    first, second = (sign(plant.model(version), us).replace(trust=trusting(us)) for version in ("2", "3"))
    plant.want(first)
    plant.control.start()
    plant.until("wear", Phase.READY)
    plant.want(second)
    plant.until("wear", lambda seen: seen.phase is Phase.READY and seen.running == second.digest)
    shutil.rmtree(plant.base / "registry")
    plant.want(first)
    seen = plant.until("wear", lambda seen: seen.phase is Phase.READY and seen.running == first.digest)
    assert ask(seen.address or "", 1) == 2
    (pid,) = plant.pids()
    os.kill(pid, 9)
    eventually(lambda: plant.pids() not in ([], [pid]))
    plant.until("wear", lambda seen: seen.phase is Phase.READY and seen.restarts > 0)


def test_a_policy_that_has_become_stricter_keeps_an_old_version_from_coming_back(
    plant: Plant, us: Path, tmp_path: Path
) -> None:
    new_key = keys.make(tmp_path, "new")[0]
    first = sign(plant.model("2"), us).replace(trust=trusting(us))
    second = sign(plant.model("3"), new_key).replace(trust=trusting(us, new_key))
    plant.want(first)
    plant.control.start()
    plant.until("wear", Phase.READY)
    plant.want(second)
    plant.until("wear", lambda seen: seen.phase is Phase.READY and seen.running == second.digest)
    plant.want(first.replace(trust=trusting(new_key)))
    seen = plant.until("wear", lambda seen: "who is not trusted" in seen.message)
    assert plant.current(second) == tree_name(second.digest)
    assert seen.running == second.digest


def test_the_machines_own_policy_counts_whatever_the_hub_says(
    plant: Plant, us: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "trust.yaml"
    policy.write_text(trusting(us).to_yaml())
    monkeypatch.setenv("I4Q_TRUST", str(policy))
    item = plant.model("2")
    plant.want(item)
    plant.control.start()
    plant.until("wear", untrusted)
    assert seen_trees(plant, item) == []
    plant.want(sign(item, us))
    plant.until("wear", Phase.READY)


class Evil:
    def __reduce__(self) -> object:
        return os.system, ("true",)


def test_what_can_run_code_is_never_visible(plant: Plant, us: Path) -> None:
    source = plant.base / "made" / "evil"
    source.mkdir(parents=True)
    data = pickle.dumps(Evil())
    (source / "model.pkl").write_bytes(data)
    files = (File(path="model.pkl", size=len(data), sha256=hashlib.sha256(data).hexdigest()),)
    made = Model(name="evil", version="1", files=files, source=str(source))
    model = made.push(f"oci:{plant.base / 'registry' / 'evil'}").sign(us)
    assert model.reference
    item = ModelItem(
        namespace="i4q", name="evil", model="evil", version="1", digest=model.digest,
        references=(model.reference,), flavour="files", trust=trusting(us),
    )  # fmt: skip
    plant.want(item)
    plant.control.start()
    assert "posix.system" in plant.until("evil", untrusted).message
    assert seen_trees(plant, item) == []
    plant.want(item.replace(trust=trusting(us, pickle=True)))
    eventually(lambda: plant.current(item) == tree_name(item.digest))
