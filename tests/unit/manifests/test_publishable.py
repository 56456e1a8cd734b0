"""What stands in Git: as in the golden folder, and a new version changes one line of it."""

from __future__ import annotations

import difflib
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from i4q_ai import yamls
from i4q_ai.desired import Desired, Item
from i4q_ai.errors import InvalidError
from i4q_ai.manifests import Site, rendered
from i4q_ai.manifests.naming import MANAGED_BY, MANAGER
from tests.unit import things
from tests.unit.manifests.cases import CASES, SITE, USERS_IMAGE, model, workload

GOLDEN = Path(__file__).parents[2] / "golden" / "publishable"
FORMS = ("manifests", "kustomize", "chart", "agent")
SHOWN = ("server-init-container", "workload-path")
OTHER = things.digest("other")


def write() -> None:
    """Write the golden folders anew: `python -m tests.unit.manifests.test_publishable`."""
    shutil.rmtree(GOLDEN, ignore_errors=True)
    for case in SHOWN:
        for form in FORMS:
            for path, text in rendered(*CASES[case], form=form).items():  # type: ignore[arg-type]
                file = GOLDEN / case / form / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")


def next_version(item: Item) -> Item:
    """The same with another version, digest and revision, and with the image that it is."""
    changed: dict[str, Any] = {"version": "next-1.2", "digest": OTHER, "revision": item.revision + 4}
    changed["references"] = tuple(f"{each.partition('@')[0]}@{OTHER}" for each in item.references)
    if item.kind == "workload" and item.image:
        changed["image"] = f"{item.image.partition('@')[0]}@{OTHER}"
    return item.model_copy(update=changed)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", SHOWN)
def test_as_in_the_golden_folder(case: str, form: Any) -> None:
    folder = GOLDEN / case / form
    kept = {str(path.relative_to(folder)): path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()}
    hint = "if that is what you want: python -m tests.unit.manifests.test_publishable"
    assert rendered(*CASES[case], form=form) == kept, hint


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", CASES)
def test_a_new_version_changes_one_line(case: str, form: Any) -> None:
    item, site = CASES[case]
    before, after = rendered(item, site, form=form), rendered(next_version(item), site, form=form)
    assert list(before) == list(after)
    lines = [
        line
        for file, text in before.items()
        for line in difflib.unified_diff(text.splitlines(), after[file].splitlines(), n=0, lineterm="")
        if not line.startswith(("---", "+++", "@@"))
    ]
    assert [line[0] for line in lines] == ["-", "+"]
    assert OTHER in lines[1]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", CASES)
def test_neither_revision_nor_cluster_nor_hub_matter(case: str, form: Any) -> None:
    item, site = CASES[case]
    other = replace(site, cluster="another", hub="another", owner="another")
    assert rendered(item.model_copy(update={"revision": 99}), other, form=form) == rendered(item, site, form=form)


@pytest.mark.parametrize("case", CASES)
def test_no_hub_takes_them_for_its_own(case: str) -> None:
    for text in rendered(*CASES[case], form="manifests").values():
        found = yamls.load(text)
        assert found["metadata"]["labels"][MANAGED_BY] != MANAGER
        assert "namespace" not in found["metadata"]
        assert "i4q.ai/hub" not in text


def test_a_base_names_all_its_files_in_the_order_of_safe_applying() -> None:
    files = rendered(*CASES["workload-path-claim"], form="kustomize")
    named = yamls.load(files["kustomization.yaml"])["resources"]
    assert {*named, "kustomization.yaml"} == set(files)
    assert (named[0], named[-1]) == ("serviceaccount.yaml", "deployment.yaml")


def test_an_agent_reads_it() -> None:
    for item in (model(flavour="files"), workload(uses={"tool-wear": "path"}, env={"A": "\n"})):
        read = Desired.from_json(rendered(item, SITE, form="agent")["desired.json"])
        (found,) = read.items
        assert found.model_copy(update={"references": item.references, "revision": item.revision}) == item
        assert found.references[0].endswith(f":{item.version}@{item.digest}")


def test_a_reference_that_has_a_tag_keeps_it() -> None:
    tagged = model(references=(f"registry:5000/wear:stable@{things.digest('tool-wear')}",))
    assert "wear:stable@" in rendered(tagged, SITE, form="manifests")["deployment.yaml"]


def test_what_helm_would_take_for_its_own_is_quoted() -> None:
    files = rendered(workload(env={"TEMPLATE": "{{ .Values.secret }}"}), SITE, form="chart")
    assert '{{ "{{" }} .Values.secret }}' in files["templates/deployment.yaml"]


def test_what_cannot_stand_in_git() -> None:
    local = model(references=(f"oci:/srv/models@{things.digest('tool-wear')}",))
    nothing = Site(cluster="git", namespace="factory", hub="git", image="")
    refused: list[tuple[Item, Site, Any, str]] = [
        (model(), SITE, "terraform", "no form in Git"),
        (model(), SITE, "manifest", "did you mean 'manifests'"),
        (local, SITE, "agent", "lies in a folder of this machine"),
        (local, SITE, "manifests", "lies in a folder of this machine"),
        (model(), replace(SITE, image="edge:1"), "manifests", "names no digest"),
        (model(), nothing, "manifests", "no edge image"),
    ]
    for item, site, form, why in refused:
        with pytest.raises(InvalidError, match=why):
            rendered(item, site, form=form)
    assert rendered(model(), nothing, form="agent")
    assert rendered(workload(references=(), image=USERS_IMAGE, command=()), nothing, form="manifests")


if __name__ == "__main__":
    write()
