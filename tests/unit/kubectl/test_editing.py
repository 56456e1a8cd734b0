"""A cluster comes or goes; every other line stays as somebody wrote it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i4q_ai.errors import ConflictError, InvalidError, NotFoundError, SchemaError
from i4q_ai_kubectl.editing import append, drop
from i4q_ai_kubectl.inventory import Entry, Home, Inventory, read
from tests.unit.kubectl.test_inventory import entries

HEAD = """\
# Clusters of the plant in the north.
apiVersion: i4q-ai/v1
kind: Inventory

home:   {context: hub}   # not one of the edges
"""
INDENTED = f"""{HEAD}
clusters:
  # hall 1
  - name: edge-1   # the old one
    context:   edge-1
    labels: {{line: cnc, "site": north}}

  # hall 2
  - context: edge-2
    name: edge-2
    claims:
      serial: "7"

# until somebody builds it
image: registry.example/i4q/edge@sha256:1
"""
FLUSH = f"{HEAD}clusters:\n- name: edge-1\n- name: edge-2\n"
WITHOUT_AN_END = f"{HEAD}clusters:\n- name: edge-1\n- name: edge-2"
LAST_IS_DEEP = f"{HEAD}clusters:\n    - name: edge-1\n    - name: edge-2\n      labels:\n        line: cnc\n"
BLOCK = f"{HEAD}clusters:\n- name: edge-1\n- name: edge-2\n  context: |\n    a\n\n# the end\n"
WRITTEN = {
    "indented": INDENTED, "flush": FLUSH, "without an end": WITHOUT_AN_END, "deep": LAST_IS_DEEP, "block": BLOCK,
}  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clusters.yaml"


def kept(before: str, after: str) -> list[str]:
    """The lines of a text that are in another one, in that order."""
    rest = iter(after.splitlines())
    return [line for line in before.splitlines() if line in rest]


@pytest.mark.parametrize("style", WRITTEN)
def test_a_new_cluster_leaves_every_line(path: Path, style: str) -> None:
    path.write_text(WRITTEN[style])
    before = read(path)
    entry = Entry(name="edge-3", kubeconfig="e.yaml", labels={"line": "paint"})
    assert append(path, entry).clusters == (*before.clusters, entry)
    after = path.read_text()
    assert kept(WRITTEN[style], after) == WRITTEN[style].splitlines()
    assert read(path) == before.replace(clusters=(*before.clusters, entry))


@pytest.mark.parametrize("name", ["edge-1", "edge-2"])
@pytest.mark.parametrize("style", WRITTEN)
def test_a_cluster_that_goes_takes_its_own_lines_alone(path: Path, style: str, name: str) -> None:
    path.write_text(WRITTEN[style])
    before = read(path)
    left = tuple(entry for entry in before.clusters if entry.name != name)
    assert drop(path, name).clusters == left
    assert read(path) == before.replace(clusters=left)
    after = path.read_text().splitlines()
    assert after == kept("\n".join(after), WRITTEN[style]), "no line is new"
    for line in WRITTEN[style].splitlines():
        if "#" in line and name not in line and "old one" not in line:
            assert line in after


@pytest.mark.parametrize("style", WRITTEN)
def test_coming_and_going_again_changes_nothing(path: Path, style: str) -> None:
    path.write_text(WRITTEN[style])
    append(path, Entry(name="edge-3", labels={"line": "paint"}))
    drop(path, "edge-3")
    assert path.read_text().splitlines() == WRITTEN[style].splitlines()


def test_comments_of_the_others_stay(path: Path) -> None:
    path.write_text(INDENTED)
    drop(path, "edge-2")
    text = path.read_text()
    assert "- name: edge-1   # the old one" in text
    assert "# until somebody builds it" in text
    assert "serial" not in text


def test_the_first_cluster_begins_an_inventory_and_is_home(path: Path) -> None:
    made = append(path, Entry(name="edge-1", context="e"))
    assert made == read(path) == Inventory(home="edge-1", clusters=(Entry(name="edge-1", context="e"),))


def test_the_last_one_leaves_an_inventory_without_clusters(path: Path) -> None:
    path.write_text(Inventory(home=Home(context="hub"), clusters=(Entry(name="edge-1"),)).to_yaml())
    assert drop(path, "edge-1").clusters == ()
    assert read(path) == Inventory(home=Home(context="hub"))


def test_the_next_one_goes_into_an_inventory_without_clusters(path: Path) -> None:
    path.write_text(Inventory(home=Home(context="hub")).to_yaml())
    append(path, Entry(name="edge-1"))
    assert read(path) == Inventory(home=Home(context="hub"), clusters=(Entry(name="edge-1"),))


def test_no_cluster_comes_twice(path: Path) -> None:
    path.write_text(INDENTED)
    with pytest.raises(ConflictError, match=r"there is a cluster 'edge-1' in .* already"):
        append(path, Entry(name="edge-1"))
    assert path.read_text() == INDENTED


def test_home_cannot_go(path: Path) -> None:
    text = Inventory(home="edge-1", clusters=(Entry(name="edge-1"), Entry(name="edge-2"))).to_yaml()
    path.write_text(text)
    with pytest.raises(InvalidError, match=r"cluster 'edge-1' is home .*name another home"):
        drop(path, "edge-1")
    assert path.read_text() == text


def test_who_is_not_there_cannot_go(path: Path) -> None:
    path.write_text(INDENTED)
    with pytest.raises(NotFoundError, match="did you mean 'edge-1'"):
        drop(path, "egde-1")


FLOW = [
    f"{HEAD}clusters: [{{name: edge-1}}, {{name: edge-2}}]\n",
    f"{HEAD}clusters: [\n  {{name: edge-1}},\n  {{name: edge-2}}\n]\n",
]


@pytest.mark.parametrize("text", FLOW)
def test_a_list_in_one_line_is_refused_and_stays(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(InvalidError, match="write `clusters:` with one cluster a line"):
        append(path, Entry(name="edge-3"))
    with pytest.raises(InvalidError):
        drop(path, "edge-2")
    assert path.read_text() == text


def test_broken_yaml_is_told_with_line_and_column_and_stays(path: Path) -> None:
    text = f"{HEAD}clusters:\n  - name: a\n   context: b\n"
    path.write_text(text)
    with pytest.raises(SchemaError, match=r"line 8, column 4"):
        append(path, Entry(name="edge-3"))
    with pytest.raises(SchemaError, match=r"line 8, column 4"):
        drop(path, "a")
    assert path.read_text() == text


@settings(max_examples=25)  # each writes files
@given(st.lists(entries, min_size=2, max_size=4, unique_by=lambda entry: entry.name), st.data())
def test_what_was_written_always_reads_back(
    tmp_path_factory: pytest.TempPathFactory, known: list[Entry], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("inventory") / "clusters.yaml"
    for entry in known:
        append(path, entry)
    assert read(path).clusters == tuple(known)
    gone = data.draw(st.sampled_from([entry.name for entry in known[1:]]))
    drop(path, gone)
    assert read(path).clusters == tuple(entry for entry in known if entry.name != gone)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
