"""Signatures of what is pushed, and the guard that asks for them; in a layout folder."""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
from pathlib import Path

import pytest

from i4q_ai import oci
from i4q_ai.deadline import Deadline
from i4q_ai.errors import IntegrityError, InvalidError, UntrustedError
from i4q_ai.model import File, Model
from i4q_ai.oci import media, opening, referrers
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.signing import artifacts, folders, keys, statement
from i4q_ai.oci.signing import bundle as bundles
from i4q_ai.oci.signing.keys import SigningKey
from i4q_ai.trust import Signer, Trust, TrustRule
from i4q_ai.workload import Workload
from tests.testbed.authority import Chain


class Evil:
    def __reduce__(self) -> object:
        return os.system, ("true",)


@pytest.fixture
def us(tmp_path: Path) -> Path:
    return keys.make(tmp_path, "us")[0]


@pytest.fixture
def them(tmp_path: Path) -> Path:
    return keys.make(tmp_path, "them")[0]


def trusting(*secrets: Path, **about: object) -> Trust:
    signers = {each.stem: Signer(key=each.with_suffix(".pub").read_text()) for each in secrets}
    return Trust(signers=signers, rules=(TrustRule(**about),))


def pushed(tmp_path: Path, content: bytes = b"weights", *, name: str = "model.onnx", version: str = "1") -> Model:
    source = tmp_path / "made" / version
    (source / "deep").mkdir(parents=True)
    (source / name).write_bytes(content)
    (source / "deep" / "labels.txt").write_bytes(b"a")
    # Packing would refuse a pickle; who packs by other means does not.
    files = tuple(
        File(path=path, size=len(data), sha256=hashlib.sha256(data).hexdigest())
        for path, data in sorted({name: content, "deep/labels.txt": b"a"}.items())
    )
    return Model(name="wear", version=version, files=files, source=str(source)).push(f"oci:{tmp_path}/registry")


def bundles_of(model: Model | Workload) -> list[bytes]:
    assert model.reference
    parsed = Reference.parse(model.reference)
    return artifacts.fetched(opening.source(parsed), model.digest, Deadline.after(60))


def attach(model: Model, raw: bytes) -> None:
    assert model.reference
    repository, deadline = opening.source(Reference.parse(model.reference)), Deadline.after(60)
    subject = Descriptor(media.INDEX, model.digest, len(repository.manifest(model.digest, deadline)))
    referrers.attach(repository, subject, artifact_type=bundles.MEDIA_TYPE, data=raw, deadline=deadline)


def fetch(model: Model | Workload, tmp_path: Path, *trusts: Trust, **about: object) -> Path:
    folder = tmp_path / "fetched"
    assert model.reference
    oci.fetch([model.reference], model.digest, folder, timeout=60, trust=trusts, **about)  # type: ignore[arg-type]
    return folder


def test_both_statements_are_attached_once_and_the_digest_stays(tmp_path: Path, us: Path) -> None:
    model = pushed(tmp_path)
    assert model.sign(us) is model
    model.sign(us)
    found = [statement.parse(bundles.parse(raw, where="it").payload) for raw in bundles_of(model)]
    by_kind = {each.predicate: each for each in found}
    assert len(found) == 2
    assert by_kind[statement.COSIGN].subject == (model.digest,)
    resources = by_kind[statement.MODEL].resources
    assert {path: resources[path] for path in resources if path != "i4q.json"} == {
        file.path: file.sha256 for file in model.files
    }
    assert oci.resolve(f"oci:{tmp_path}/registry:1") == model.reference


def test_what_is_fetched_is_what_was_signed_also_as_a_folder(tmp_path: Path, us: Path) -> None:
    model = pushed(tmp_path)
    model.sign(us)
    folder = fetch(model, tmp_path, trusting(us))
    (raw,) = [
        raw
        for raw in bundles_of(model)
        if statement.parse(bundles.parse(raw, where="it").payload).predicate == statement.MODEL
    ]
    (folder / "model.sig").write_bytes(raw)
    assert folders.verify(folder, trusting(us).signers).signer == "us"


def test_unsigned_or_signed_by_others_never_appears(tmp_path: Path, us: Path, them: Path) -> None:
    model = pushed(tmp_path)
    with pytest.raises(UntrustedError, match="is not signed") as refused:
        fetch(model, tmp_path, trusting(us))
    assert "i4q sign" in refused.value.hint
    assert "'us' (key" in refused.value.what
    model.sign(them)
    with pytest.raises(UntrustedError, match="who is not trusted"):
        fetch(model, tmp_path, trusting(us))
    assert sorted(path.name for path in tmp_path.iterdir() if "fetched" in path.name and path.is_dir()) in (
        [],
        [".fetched.blobs"],
    )
    model.sign(us)
    assert (fetch(model, tmp_path, trusting(us)) / "model.onnx").read_bytes() == b"weights"


def test_nothing_travels_before_the_signature_is_checked(tmp_path: Path, us: Path) -> None:
    model = pushed(tmp_path, os.urandom(500_000))
    with pytest.raises(UntrustedError):
        fetch(model, tmp_path, trusting(us), blobs=tmp_path / "blobs")
    assert sum(path.stat().st_size for path in (tmp_path / "blobs").rglob("*") if path.is_file()) < 100_000


def test_two_keys_while_one_is_exchanged(tmp_path: Path, us: Path, them: Path) -> None:
    old, new, both = pushed(tmp_path), pushed(tmp_path, b"other", version="2"), trusting(us, them)
    old.sign(us)
    new.sign(them)
    for model in (old, new):
        assert model.verify(both) is not None
    old.sign(them)  # signed again: the old key can go
    found = old.verify(trusting(them))
    assert found is not None
    assert found.signer == "them"
    with pytest.raises(UntrustedError):
        new.verify(trusting(us))


def test_the_signature_of_another_version_does_not_count(tmp_path: Path, us: Path) -> None:
    old, new = pushed(tmp_path), pushed(tmp_path, b"other", version="2")
    old.sign(us)
    for raw in bundles_of(old):
        attach(new, raw)
    with pytest.raises(UntrustedError, match="about something else"):
        new.verify(trusting(us))
    with pytest.raises(UntrustedError, match="has changed"):
        fetch(new, tmp_path, trusting(us))


def test_rubbish_beside_a_good_signature_does_no_harm(tmp_path: Path, us: Path) -> None:
    model = pushed(tmp_path)
    attach(model, b"rubbish")
    attach(model, b'{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"}')
    with pytest.raises(UntrustedError, match="no signature that counts"):
        model.verify(trusting(us))
    model.sign(us)
    assert model.verify(trusting(us)) is not None


def test_by_certificate(tmp_path: Path) -> None:
    key, leaf, between, root = Chain.make("plant", "trainer@factory").write(tmp_path)
    model = pushed(tmp_path).sign(key, chain=(leaf, between))
    signer = Signer(root=root.read_text(), identities=("*@factory",))
    found = model.verify(Trust(signers={"plant": signer}, rules=(TrustRule(),)))
    assert found is not None
    assert "trainer@factory" in found.identity


def test_formats(tmp_path: Path, us: Path) -> None:
    model = pushed(tmp_path).sign(us)
    with pytest.raises(UntrustedError, match="format 'files' are not trusted") as refused:
        model.verify(trusting(us, formats=("onnx", "safetensors")))
    assert "onnx, safetensors" in refused.value.hint
    assert model.verify(trusting(us, formats=("files",))) is not None


def test_pickles_only_if_allowed_and_signed(tmp_path: Path, us: Path) -> None:
    model = pushed(tmp_path, pickle.dumps(Evil()), name="model.pkl")
    with pytest.raises(UntrustedError, match="can run code") as refused:
        fetch(model, tmp_path, Trust(rules=(TrustRule(signed=False),)))
    assert "posix.system" in refused.value.what
    assert not (tmp_path / "fetched").exists()
    with pytest.raises(UntrustedError, match="is not signed"):
        fetch(model, tmp_path, trusting(us, pickle=True))
    model.sign(us)
    with pytest.raises(UntrustedError, match="can run code"):
        fetch(model, tmp_path, trusting(us))
    assert (fetch(model, tmp_path, trusting(us, pickle=True)) / "model.pkl").exists()
    with pytest.raises(UntrustedError, match="can run code"):  # it is there, and still is not let in
        fetch(model, tmp_path, trusting(us))


def test_harmless_pickles_need_no_permission(tmp_path: Path) -> None:
    model = pushed(tmp_path, pickle.dumps({"threshold": 0.5}), name="model.pkl")
    assert fetch(model, tmp_path, Trust(rules=(TrustRule(signed=False),))).is_dir()


def test_what_no_rule_is_about_is_refused(tmp_path: Path, us: Path) -> None:
    model = pushed(tmp_path).sign(us)
    with pytest.raises(UntrustedError, match="no rule says"):
        fetch(model, tmp_path, trusting(us, repository="registry.factory:5000/*"))


def test_all_policies_must_agree(tmp_path: Path, us: Path, them: Path) -> None:
    model = pushed(tmp_path).sign(us)
    with pytest.raises(UntrustedError):
        fetch(model, tmp_path, trusting(us), trusting(them))
    model.sign(them)
    assert fetch(model, tmp_path, trusting(us), trusting(them)).is_dir()


def test_signatures_are_kept_for_when_nobody_answers(tmp_path: Path, us: Path, them: Path) -> None:
    model = pushed(tmp_path).sign(us)
    blobs = tmp_path / "blobs"
    folder = fetch(model, tmp_path, trusting(us), blobs=blobs)
    shutil.rmtree(tmp_path / "registry")
    shutil.rmtree(folder)
    assert fetch(model, tmp_path, trusting(us), blobs=blobs).is_dir()
    shutil.rmtree(folder)
    with pytest.raises((UntrustedError, IntegrityError)):
        fetch(model, tmp_path, trusting(them), blobs=blobs)
    assert not folder.exists()
    for kept in (blobs / "signatures").rglob("*.json"):
        kept.write_bytes(kept.read_bytes().replace(b'"sig":"', b'"sig":"AAAA'))
    with pytest.raises((UntrustedError, IntegrityError)):
        fetch(model, tmp_path, trusting(us), blobs=blobs)


def test_only_signatures_that_count_are_kept(tmp_path: Path, us: Path, them: Path) -> None:
    model = pushed(tmp_path).sign(them).sign(us)
    attach(model, b"rubbish")
    fetch(model, tmp_path, trusting(us), blobs=tmp_path / "blobs")
    assert len(list((tmp_path / "blobs" / "signatures").rglob("*.json"))) == 1


def test_workloads_are_signed_too_and_may_run_code(tmp_path: Path, us: Path) -> None:
    source = tmp_path / "code"
    source.mkdir()
    (source / "main.py").write_text("print(1)")
    (source / "state.pkl").write_bytes(pickle.dumps(Evil()))
    command = ("python", "main.py")
    work = Workload.from_dir(source, name="line", version="1", command=command).push(f"oci:{tmp_path}/registry")
    with pytest.raises(UntrustedError):
        fetch(work, tmp_path, trusting(us))
    work.sign(us)
    assert work.verify(trusting(us)) is not None
    assert (fetch(work, tmp_path, trusting(us)) / "main.py").exists()


def test_what_is_not_pushed_cannot_be_signed(tmp_path: Path, us: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"x")
    model = Model.from_files([tmp_path / "model.onnx"], name="wear", version="1", format="files")
    for job in (lambda: model.sign(us), lambda: model.verify(trusting(us))):
        with pytest.raises(InvalidError, match="not pushed"):
            job()


def test_an_image_of_others_is_signed_by_its_digest(tmp_path: Path, us: Path) -> None:
    model = pushed(tmp_path)
    assert model.reference
    parsed = Reference.parse(model.reference)
    repository = opening.source(parsed)
    raw = media.canonical({"schemaVersion": 2, "mediaType": media.INDEX, "manifests": []})
    image = Descriptor.of(media.INDEX, raw)
    repository.put_manifest(image.digest, image, raw, Deadline.after(60))
    reference = f"{parsed.name}@{image.digest}"
    key = SigningKey.read(us)
    artifacts.sign(reference, key)
    found = artifacts.verify(reference, trusting(us))
    assert found is not None
    assert found.statement.predicate == statement.COSIGN
    with pytest.raises(UntrustedError):
        artifacts.verify(reference, trusting(keys.make(tmp_path, "other")[0]))


def test_pull_asks_the_policy_too(tmp_path: Path, us: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = pushed(tmp_path, pickle.dumps(Evil()), name="model.pkl")
    into = tmp_path / "pulled"
    with pytest.raises(UntrustedError, match="is not signed"):
        oci.pull(model.reference or "", into, trust=trusting(us))
    model.sign(us)
    with pytest.raises(UntrustedError, match="can run code"):
        oci.pull(model.reference or "", into, trust=trusting(us))
    policy = tmp_path / "trust.yaml"
    policy.write_text(trusting(us).to_yaml())
    monkeypatch.setenv("I4Q_TRUST", str(policy))
    with pytest.raises(UntrustedError, match="can run code"):
        oci.pull(model.reference or "", into)
    assert not into.exists()
    assert "models/model.pkl" in oci.pull(model.reference or "", into, trust=trusting(us, pickle=True)).files
