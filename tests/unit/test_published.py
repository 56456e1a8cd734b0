"""What a publication's record says, what its commits say, and what others have changed."""

from __future__ import annotations

import pytest

from i4q_ai.errors import InvalidError
from i4q_ai.gitops import Source
from i4q_ai.model import Model
from i4q_ai.placement import Group, Placement
from i4q_ai.placing.builders import Label
from i4q_ai.published import Published, Rendering, content_id, digests, edit, files, folder, groups, message
from i4q_ai.spec import Spec
from tests.unit import things
from tests.unit.manifests.cases import EDGE_IMAGE

WEAR = Spec(model=things.model(), placement=Placement("cnc"))
NEXT = WEAR.replace(model=things.model(version="2"))
LINES = Placement("lines", groups=(Group(name="cnc", rule=Label("line") == "cnc"),))
GROUPED = Spec(model=things.model(), placement=LINES, versions={"cnc": things.model(version="2")})
RENDERING = Rendering(edge_image=EDGE_IMAGE)


def title(before: Spec | None, after: Spec | None) -> str:
    return message({"wear": before}, {"wear": after}).splitlines()[0]


def test_titles() -> None:
    elsewhere = WEAR.replace(placement=Placement("paint"))
    assert title(None, WEAR) == "Publish wear 1 to cnc"
    assert title(WEAR, NEXT) == "wear: 1 → 2"
    assert title(WEAR, None) == "Remove wear"
    assert title(WEAR, elsewhere) == "wear 1: to paint"
    assert title(WEAR, WEAR.replace(flavour="files")) == "wear 1: written in another way"
    assert title(WEAR, WEAR) == "Write anew: wear"
    assert title(WEAR, GROUPED) == "wear: 1 → 2, 1"


def test_several_are_listed() -> None:
    told = message({"a": WEAR}, {"a": NEXT, "b": WEAR, "c": None})
    assert told.split("\n\n")[:2] == ["Publish 3 deployments", "* a: 1 → 2\n* Publish b 1 to cnc\n* Remove c"]
    assert told.splitlines()[-1] == f"I4q-Version: b 1 {WEAR.object.digest}"


def test_folders_of_groups() -> None:
    assert groups(WEAR) == {"*": ""}
    assert groups(GROUPED) == {"cnc": "cnc", "*": "_rest"}
    record = Published(spec=GROUPED, source=Source(repo="/r", path="edges"), commit="0" * 40, branch="main")
    assert record.folders("wear") == {"cnc": "edges/wear/cnc", "*": "edges/wear/_rest"}
    assert record.folder("wear") == "edges/wear"
    assert folder(Source(repo="/r"), "wear") == "wear"
    assert set(files(GROUPED, "i4q", "wear", form="agent", rendering=RENDERING)) == {
        "cnc/desired.json", "_rest/desired.json"
    }  # fmt: skip
    assert len(digests(GROUPED, "i4q", "wear")) == 2


def test_a_record_is_read_again() -> None:
    record = Published(
        spec=GROUPED, source=Source(repo="https://git.example/x.git", path="edges"), form="chart",
        rendering=RENDERING, commit="1" * 40, branch="i4q/wear", files={"a.yaml": "2" * 40},
    )  # fmt: skip
    assert Published.parse(record.dump()) == record
    assert record.proposed
    assert not record.replace(branch="main").proposed


def test_what_is_not_pushed_is_refused() -> None:
    spec = Spec(model=Model(name="wear", version="1"), placement=Placement("cnc"))
    with pytest.raises(InvalidError, match="push it first"):
        files(spec, "i4q", "wear", form="agent", rendering=RENDERING)


def test_the_edge_image_is_asked_for_where_it_is_needed() -> None:
    with pytest.raises(InvalidError, match="I4Q_EDGE_IMAGE"):
        files(WEAR, "i4q", "wear", form="manifests", rendering=Rendering())
    assert files(WEAR.replace(flavour="files"), "i4q", "wear", form="manifests", rendering=Rendering())
    assert files(WEAR, "i4q", "wear", form="agent", rendering=Rendering())


def test_edits() -> None:
    gone = edit("wear/a.yaml", b"x\n", None)
    assert (gone.deleted, gone.diff.splitlines()[-1]) == (True, "-x")
    assert "+\ufffd" in edit("wear/a.yaml", b"x\n", b"\xff\n").diff
    assert str(gone) == gone.diff


def test_ids_are_those_of_git() -> None:
    assert content_id(b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
