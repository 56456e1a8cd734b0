"""Bills of materials and provenance beside a model in a real registry, which keeps no list of referrers."""

from __future__ import annotations

import json
from pathlib import Path

from i4q_ai.deadline import Deadline
from i4q_ai.model import Model
from i4q_ai.oci import opening, referrers
from i4q_ai.oci.consumers import bom, papers, provenance
from i4q_ai.oci.reference import Reference
from tests.testbed.registry import Crane, Registry


def _pushed(folder: Path, to: str) -> Model:
    (folder / "limits.txt").write_text("torque 60\n")
    return Model.from_files([folder / "limits.txt"], name="limits", version="1", metrics={"f1": 0.5}).push(to)


def test_papers_stand_beside_the_model_and_change_nothing(registry: Registry, crane: Crane, tmp_path: Path) -> None:
    model = _pushed(tmp_path, f"{registry.host}/models/limits")
    first = papers.attach_bom(model)
    assert papers.attach_bom(Model.from_oci(str(model.reference))) == first, "twice is as once"
    second = papers.attach_provenance(model, builder="https://ci.example/7")
    assert Model.from_oci(f"{registry.host}/models/limits:1").digest == model.digest
    deadline = Deadline.after(60, "listing")
    repository = opening.source(Reference.parse(str(model.reference)))
    listed = {each.artifact_type: each for each in referrers.referrers(repository, model.digest, deadline=deadline)}
    assert set(listed) == {bom.TYPE, provenance.TYPE}
    for reference, kind, made in ((first, bom.TYPE, bom.bom(model)), (second, provenance.TYPE, None)):
        assert reference == f"{registry.host}/models/limits@{listed[kind].digest}"
        manifest = json.loads(crane("manifest", reference))
        assert manifest["subject"]["digest"] == model.digest
        (layer,) = manifest["layers"]
        assert layer["mediaType"] == kind
        content = crane("blob", f"{registry.host}/models/limits@{layer['digest']}")
        assert content == made or json.loads(content)["predicate"]["runDetails"]["builder"]["id"]


def test_papers_in_a_layout_folder(tmp_path: Path) -> None:
    model = _pushed(tmp_path, f"oci:{tmp_path / 'layout'}")
    reference = Reference.parse(papers.attach_bom(model))
    repository, deadline = opening.source(reference), Deadline.after(60, "reading")
    (listed,) = referrers.referrers(repository, model.digest, bom.TYPE, deadline=deadline)
    ((_, content),) = referrers.read(repository, listed, model.digest, deadline=deadline)
    assert content == bom.bom(model)
