"""Tables: the same rows as text, HTML and data."""

from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from i4q_ai import display
from i4q_ai.cluster import Cluster
from i4q_ai.deployment import Revision
from i4q_ai.display import Table
from i4q_ai.placement import Placement
from i4q_ai.plan import Plan
from i4q_ai.planning import change
from i4q_ai.snapshot import Snapshot
from i4q_ai.spec import Spec
from i4q_ai.status import Observation, Phase, Status
from tests.unit import things

cells = st.none() | st.text(max_size=30) | st.sampled_from([str(phase) for phase in Phase])
tables = st.integers(1, 4).flatmap(
    lambda width: st.builds(
        Table,
        title=st.text(max_size=20),
        columns=st.just(("phase", "b", "c", "d")[:width]),
        rows=st.lists(st.tuples(*[cells] * width), max_size=4).map(tuple),
        notes=st.lists(st.text(max_size=20), max_size=2).map(tuple),
    )
)


class Reader(HTMLParser):
    """Reads the cells of a table back, and notes every tag."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "td":
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells and self.lasttag == "td":
            self.cells[-1] += data


@given(tables)
def test_data_has_all_cells_as_they_are(table: Table) -> None:
    assert [tuple(row[column] for column in table.columns) for row in table.data()] == list(table.rows)


@given(tables)
def test_text_is_plain_lines(table: Table) -> None:
    lines = table.text().split("\n")
    assert all(line.isprintable() for line in lines)
    rows = len(table.rows)
    assert len(lines) <= 1 + (rows + 1 if rows else 0) + len(table.notes)


@given(tables)
def test_html_is_escaped_and_brings_nothing_along(table: Table) -> None:
    reader = Reader()
    reader.feed(table.html())
    reader.close()
    assert reader.tags <= {"div", "b", "table", "thead", "tbody", "tr", "th", "td"}
    assert reader.attributes <= {"style"}


def test_the_cells_of_html_are_those_of_the_text() -> None:
    table = Table("t", ("phase", "message"), (("Ready", "<script>alert(1)</script>"), ("Failed", 'a & "b"')))
    reader = Reader()
    reader.feed(table.html())
    assert reader.cells == ["Ready", "<script>alert(1)</script>", "Failed", 'a & "b"']
    assert "#1a7f37" in table.html()


def test_columns_are_aligned_and_nothing_is_a_dash() -> None:
    table = Table("title", ("name", "site"), (("edge-1", None), ("e", "north")), notes=("a note",))
    assert table.text() == "title\nNAME    SITE\nedge-1  -\ne       north\na note"


def test_a_terminal_obeys_nothing() -> None:
    assert display.shown("a\x1b[31mred\r\nb\tc") == "a?[31mred b c"


def test_a_commit_is_short_for_people_and_whole_for_programs() -> None:
    commit = "0123456789" * 4
    table = Table("", ("commit",), ((commit,),))
    assert table.body().splitlines()[-1] == "0123456789" + "01"
    assert commit not in table.html()
    assert table.data() == [{"commit": commit}]
    assert display.shown(f"/srv/{commit}/plant") == f"/srv/{commit}/plant", "a path stays one"


def test_digests_are_short_where_people_look_and_whole_in_data() -> None:
    digest = things.digest("x")
    table = Table("", ("digest",), ((digest,),))
    assert table.text() == f"DIGEST\n{digest[:19]}"
    assert table.data() == [{"digest": digest}]


STATUS = Status(
    namespace="i4q",
    name="tool-wear",
    kind="model",
    revision=3,
    version="1",
    phase=Phase.READY,
    message="offline: edge-2",
    clusters=(
        Observation(
            cluster="edge-1", namespace="i4q", name="tool-wear", kind="model", phase=Phase.READY, version="1",
            running=things.digest("x"), since=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), address="http://127.0.0.1:1",
        ),
        Observation(cluster="edge-2", namespace="i4q", name="tool-wear", kind="model", phase=Phase.OFFLINE, restarts=2),
    ),
)  # fmt: skip


def test_status() -> None:
    assert display.status(STATUS).text().splitlines() == [
        "model i4q/tool-wear: version 1 Ready (revision 3)",
        "CLUSTER  PHASE    VERSION  DIGEST               SINCE                 RESTARTS  ADDRESS             MESSAGE",
        "edge-1   Ready    1        "
        + things.digest("x")[:19]
        + "  2026-01-02T03:04:05Z  -         http://127.0.0.1:1  -",
        "edge-2   Offline  -        -                    -                     2         -                   -",
        "offline: edge-2",
    ]
    assert STATUS._repr_html_() == display.status(STATUS).html()


def test_clusters() -> None:
    table = display.clusters([
        Cluster(
            name="edge-1", labels={"site": "north", "line": "cnc"}, resources={"cpu": "4"}, kube_version="v1.34.0",
            taints=[{"key": "a", "value": "b"}, {"key": "c", "effect": "PreferNoSelect"}],
            conditions=[{"type": "Available", "status": "True"}],
        )
    ])  # fmt: skip
    assert table.title == "1 cluster"
    assert table.data() == [
        {
            "name": "edge-1",
            "available": "True",
            "labels": "line=cnc, site=north",
            "claims": None,
            "resources": "cpu=4",
            "taints": "a=b:NoSelect, c:PreferNoSelect",
            "kubernetes": "v1.34.0",
        }
    ]


def test_plan() -> None:
    spec = Spec(model=things.model(), placement=Placement("all"))
    snapshot = Snapshot("i4q", "tool-wear", 0, None, (things.cluster("edge-1"), things.cluster("edge-2")), (), ())
    table = display.plan(Plan((change(snapshot, spec, others={}, require=True, now=datetime(2026, 1, 1, tzinfo=UTC)),)))
    assert table.title == "2 actions to do"
    assert table.rows[0] == ("i4q/tool-wear", "model", "create", "edge-1", None, "1", spec.object.digest)
    assert display.plan(Plan()).text() == "nothing to change"


def test_history() -> None:
    spec = Spec(model=things.model(), placement=Placement("all"))
    table = display.history([Revision(1, "1", spec.object.digest, datetime(2026, 1, 1, tzinfo=UTC), spec)])
    assert table.rows == (("1", "1", spec.object.digest, "2026-01-01T00:00:00Z", "all: every cluster", None),)
