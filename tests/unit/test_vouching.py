"""The hub asks its trust policy before it pins a version, and tells clusters what they must ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from i4q_ai import Hub, Model, Placement, Trust
from i4q_ai.errors import UntrustedError
from i4q_ai.oci.signing import keys
from i4q_ai.trust import Signer, TrustRule
from tests.unit.memory import MemoryBackend

EVERYWHERE = Placement("all")


@pytest.fixture
def us(tmp_path: Path) -> Path:
    return keys.make(tmp_path, "us")[0]


def trusting(*secrets: Path, edge: bool = False, **about: object) -> Trust:
    signers = {each.stem: Signer(key=each.with_suffix(".pub").read_text()) for each in secrets}
    return Trust(signers=signers, rules=(TrustRule(**about),), edge=edge)


def pushed(tmp_path: Path, version: str = "1") -> Model:
    file = tmp_path / f"{version}.onnx"
    file.write_text(version)
    packed = Model.from_files({"model.txt": file}, name="wear", version=version, format="files")
    return packed.push(f"oci:{tmp_path}/registry")


def test_what_nobody_trusted_has_signed_is_not_pinned(memory: MemoryBackend, tmp_path: Path, us: Path) -> None:
    model, hub = pushed(tmp_path), Hub(trust=trusting(us))
    for job in (hub.plan, hub.deploy):
        with pytest.raises(UntrustedError, match="is not signed"):
            job(model, to=EVERYWHERE)
    assert hub.list() == []
    model.sign(us)
    deployment = hub.deploy(model, to=EVERYWHERE)
    assert [each.name for each in hub.list()] == ["wear"]
    assert deployment.spec.item("i4q", "wear", "*").trust is None


def test_every_way_to_another_version_is_asked(memory: MemoryBackend, tmp_path: Path, us: Path) -> None:
    old, new = pushed(tmp_path).sign(us), pushed(tmp_path, "2")
    hub = Hub(trust=trusting(us))
    deployment = hub.deploy(old, to=EVERYWHERE)
    with pytest.raises(UntrustedError):
        deployment.update(new)
    with pytest.raises(UntrustedError):
        hub.deploy(old, to=EVERYWHERE, versions={"*": new})
    assert deployment.spec.version_text() == "1"
    deployment.update(new.sign(us))
    strict = Hub(trust=trusting(keys.make(tmp_path, "other")[0]))
    with pytest.raises(UntrustedError, match="who is not trusted"):
        strict.get("wear").rollback()
    strict.refresh()  # what runs goes on, whatever the policy is by now
    strict.get("wear").delete()


def test_clusters_are_told_their_part_of_a_policy_for_the_edge(memory: MemoryBackend, tmp_path: Path, us: Path) -> None:
    them = keys.make(tmp_path, "them")[0]
    whole = trusting(us, them, edge=True, by=("us",))
    model = pushed(tmp_path).sign(us)
    deployment = Hub(trust=whole).deploy(model, to=EVERYWHERE)
    assert deployment.spec.trust == whole
    part = deployment.spec.item("i4q", "wear", "*").trust
    assert part is not None
    assert list(part.signers) == ["us"]
    again = Hub().deploy(model, to=EVERYWHERE)  # somebody without a policy does not take it away
    assert again.spec.trust == whole
    Hub(trust=trusting(us)).deploy(model, to=EVERYWHERE)
    assert deployment.spec.trust is None


def test_a_policy_out_of_a_file_or_the_environment(
    memory: MemoryBackend, tmp_path: Path, us: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "trust.yaml"
    file.write_text(trusting(us).to_yaml())
    model = pushed(tmp_path)
    monkeypatch.setenv("I4Q_TRUST", str(file))
    for hub in (Hub(), Hub(trust=file), Hub(trust=str(file))):
        with pytest.raises(UntrustedError):
            hub.deploy(model, to=EVERYWHERE)


def test_a_reference_that_no_rule_is_about(memory: MemoryBackend, tmp_path: Path, us: Path) -> None:
    hub = Hub(trust=trusting(us, repository="registry.factory:5000/*"))
    with pytest.raises(UntrustedError, match="no rule says"):
        hub.deploy(pushed(tmp_path).sign(us), to=EVERYWHERE)
