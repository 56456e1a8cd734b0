"""Signatures in a real registry, which knows no referrers: carried along, replaced, asked for by programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from i4q_ai import oci
from i4q_ai.deadline import Deadline
from i4q_ai.errors import UntrustedError
from i4q_ai.model import Model
from i4q_ai.oci import media, opening, referrers
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.signing import bundle, keys
from i4q_ai.oci.transfers.copying import copy
from i4q_ai.oci.transfers.saving import load, save
from i4q_ai.trust import Signer, Trust, TrustRule
from tests.testbed.registry import Crane, Registry

TIMEOUT = 120


@pytest.fixture
def us(tmp_path: Path) -> Path:
    return keys.make(tmp_path, "us")[0]


@pytest.fixture
def model(tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Model:
    monkeypatch.setenv("I4Q_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "weights.bin"
    file.write_bytes(os.urandom(300_000))
    return Model.from_files([file], name="wear", version="1", format="files").push(f"{registry.host}/models/wear")


def trusting(secret: Path) -> Trust:
    signer = Signer(key=secret.with_suffix(".pub").read_text())
    return Trust(signers={secret.stem: signer}, rules=(TrustRule(),))


def fetch(reference: str, into: Path, *options: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "i4q_ai.edge.fetch", reference, str(into), *options]
    return subprocess.run(program, capture_output=True, text=True, timeout=TIMEOUT, check=False)


def test_the_init_container_shows_nothing_that_is_not_signed(model: Model, us: Path, tmp_path: Path) -> None:
    assert model.reference
    told = trusting(us).to_json()
    last = tmp_path / "termination"
    last.touch()
    refused = fetch(model.reference, tmp_path / "into", "--trust", told, "--termination-log", str(last))
    assert refused.returncode == 1
    assert "is not signed" in last.read_text()
    assert not (tmp_path / "into" / "models").exists()
    model.sign(us)
    done = fetch(model.reference, tmp_path / "into", "--trust", told)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "into" / "models" / "weights.bin").stat().st_size == 300_000
    broken = fetch(model.reference, tmp_path / "other", "--trust", "{}x")
    assert broken.returncode == 1
    assert "not JSON" in broken.stderr


def test_others_see_what_the_specification_says(model: Model, us: Path, crane: Crane) -> None:
    model.sign(us)
    repository = (model.reference or "").partition("@")[0]
    index = json.loads(crane("manifest", f"{repository}:{model.digest.replace(':', '-')}"))
    assert len(index["manifests"]) == 2
    for listed in index["manifests"]:
        assert listed["artifactType"] == bundle.MEDIA_TYPE
        assert listed["annotations"]["dev.sigstore.bundle.content"] == "dsse-envelope"
        manifest = json.loads(crane("manifest", f"{repository}@{listed['digest']}"))
        assert manifest["subject"]["digest"] == model.digest
        assert manifest["config"]["mediaType"] == media.EMPTY
        (layer,) = manifest["layers"]
        assert layer["mediaType"] == bundle.MEDIA_TYPE
        assert json.loads(crane("blob", f"{repository}@{layer['digest']}"))["mediaType"] == bundle.MEDIA_TYPE
    assert crane("digest", f"{repository}:1").decode().strip() == model.digest


def test_copy_and_save_carry_signatures_along(model: Model, us: Path, tmp_path: Path, registry: Registry) -> None:
    model.sign(us)
    assert model.reference
    for place in (f"{registry.host}/elsewhere/wear:1", f"oci:{tmp_path}/layout:1"):
        copy(model.reference, place)
        assert Model.from_oci(place).verify(trusting(us)) is not None
    archive = tmp_path / "wear.tar"
    save(f"{registry.host}/models/wear:1", archive)
    load(archive, f"{registry.host}/loaded/wear")
    loaded = Model.from_oci(f"{registry.host}/loaded/wear:1")
    assert loaded.digest == model.digest
    assert loaded.verify(trusting(us)) is not None


def test_replaced_signatures_do_not_count_and_kept_ones_do(
    model: Model, us: Path, tmp_path: Path, crane: Crane
) -> None:
    model.sign(us)
    assert model.reference
    blobs, folder = tmp_path / "blobs", tmp_path / "fetched"
    oci.fetch([model.reference], model.digest, folder, timeout=TIMEOUT, blobs=blobs, trust=[trusting(us)])
    repository, deadline = opening.source(Reference.parse(model.reference)), Deadline.after(TIMEOUT)
    raw = media.canonical({"schemaVersion": 2, "mediaType": media.INDEX, "manifests": []})
    repository.put_manifest(referrers.tag_of(model.digest), Descriptor.of(media.INDEX, raw), raw, deadline)
    model.sign(keys.make(tmp_path, "them")[0])
    with pytest.raises(UntrustedError, match="who is not trusted"):
        oci.fetch([model.reference], model.digest, tmp_path / "new", timeout=TIMEOUT, trust=[trusting(us)])
    assert not (tmp_path / "new").exists()
    oci.fetch([model.reference], model.digest, folder, timeout=TIMEOUT, blobs=blobs, trust=[trusting(us)])


def test_a_mirror_that_lost_the_signatures_is_helped_by_another(
    model: Model, us: Path, tmp_path: Path, registry: Registry
) -> None:
    model.sign(us)
    assert model.reference
    bare = copy(model.reference, f"{registry.host}/mirror/wear:1", with_referrers=False).reference
    with pytest.raises(UntrustedError):
        oci.fetch([bare], model.digest, tmp_path / "a", timeout=TIMEOUT, trust=[trusting(us)])
    references = [bare, model.reference]
    oci.fetch(references, model.digest, tmp_path / "a", timeout=TIMEOUT, trust=[trusting(us)])


def test_two_sign_at_the_same_time(model: Model, us: Path, tmp_path: Path) -> None:
    them = keys.make(tmp_path, "them")[0]
    assert model.reference
    program = [str(Path(sys.executable).with_name("i4q")), "sign", model.reference, "--key"]
    running = [subprocess.Popen([*program, str(secret)], stdout=subprocess.DEVNULL) for secret in (us, them)]
    assert [each.wait(TIMEOUT) for each in running] == [0, 0]
    for secret in (us, them):
        assert model.verify(trusting(secret)) is not None
