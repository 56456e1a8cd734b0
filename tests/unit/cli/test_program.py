"""The program on a backend in memory: what goes where, and how it ends."""

from __future__ import annotations

import contextlib
import importlib
import json
import math
import pkgutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from i4q_ai import Model, Placement, Release, cli
from i4q_ai.cli import printing
from i4q_ai.cli.program import program, run
from i4q_ai.cli.settings import Settings
from i4q_ai.overlay import Overlay
from i4q_ai.placing.builders import Label
from i4q_ai.release import Placed
from i4q_ai.status import Phase, Status
from tests.unit import things
from tests.unit.memory import MemoryBackend

Said = tuple[int, str, str]


@pytest.fixture
def i4q(memory: MemoryBackend, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run the program; gives the exit code, stdout and stderr."""

    def call(*arguments: str) -> Said:
        code = run(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def wear(tmp_path: Path) -> str:
    """A file with a pushed model."""
    file = tmp_path / "wear.yaml"
    file.write_text(things.model().to_yaml())
    return str(file)


@pytest.fixture
def wear2(tmp_path: Path) -> str:
    file = tmp_path / "wear2.yaml"
    file.write_text(things.model(version="2").to_yaml())
    return str(file)


def test_the_story(i4q: Callable[..., Said], memory: MemoryBackend, wear: str, wear2: str) -> None:
    code, out, _ = i4q("plan", wear, "--label", "line=cnc")
    assert code == 0
    assert "model i4q/tool-wear: create on edge-1" in out
    assert memory.fleet.told == {}

    assert i4q("deploy", wear, "--label", "line=cnc", "--wait")[:2] == (
        0,
        "NAME       KIND   VERSION  PHASE  READY  MESSAGE\ntool-wear  model  1        Ready  2/2    -\n",
    )
    assert i4q("diff", "tool-wear")[1] == "model i4q/tool-wear: nothing to change\n"
    assert i4q("update", "tool-wear", wear2)[0] == 0
    history = json.loads(i4q("history", "tool-wear", "-o", "json")[1])
    assert [(row["revision"], row["version"]) for row in history] == [("1", "1"), ("2", "2")]
    assert json.loads(i4q("rollback", "tool-wear", "-o", "json")[1])[0]["version"] == "1"
    assert i4q("delete", "tool-wear")[::2] == (0, "deleted deployment tool-wear\n")
    assert i4q("list", "-o", "json")[:2] == (0, "[]\n")


def test_data_is_on_stdout_and_prose_on_stderr(i4q: Callable[..., Said]) -> None:
    code, out, err = i4q("cluster", "list")
    assert (code, err) == (0, "3 clusters\n")
    assert out.splitlines()[0].split()[0] == "NAME"
    assert len(out.splitlines()) == 4


def test_options_stand_before_or_after_the_verb(i4q: Callable[..., Said]) -> None:
    assert i4q("-o", "json", "cluster", "list") == i4q("cluster", "list", "-o", "json")
    assert i4q("cluster", "-o", "json", "list") == i4q("cluster", "list", "-o", "json")


def test_json_and_yaml_say_the_same(i4q: Callable[..., Said], wear: str) -> None:
    assert i4q("deploy", wear, "--everywhere")[0] == 0
    for verb in (
        ["cluster", "list"],
        ["list"],
        ["status", "tool-wear"],
        ["explain", "tool-wear"],
        ["history", "tool-wear"],
    ):
        assert yaml.safe_load(i4q(*verb, "-o", "yaml")[1]) == json.loads(i4q(*verb, "-o", "json")[1])


def test_status_as_json_is_the_whole_status(i4q: Callable[..., Said], wear: str) -> None:
    assert i4q("deploy", wear, "--count", "1")[0] == 0
    status = Status.parse(json.loads(i4q("status", "tool-wear", "-o", "json")[1]))
    assert status.phase is Phase.READY
    assert [row.cluster for row in status.clusters] == ["edge-1"]


def test_watch_prints_a_line_for_each_status(i4q: Callable[..., Said], wear: str) -> None:
    i4q("deploy", wear, "--everywhere")
    lines = i4q("watch", "tool-wear", "--timeout", "60", "-o", "json")[1].splitlines()
    assert [json.loads(line)["phase"] for line in lines] == ["Ready"]
    assert i4q("watch", "tool-wear", "-o", "yaml")[1].startswith("---\n")


def test_explain(i4q: Callable[..., Said], tmp_path: Path) -> None:
    file = tmp_path / "placement.yaml"
    file.write_text(Placement("cnc", Label("line") == "cnc").to_yaml())
    for arguments in (
        ["--to", str(file)],
        ["--label", "line=cnc"],
        ["--label", "line!=paint"],
        ["--cluster", "edge-1", "--cluster", "edge-2"],
    ):
        rows = json.loads(i4q("explain", *arguments, "-o", "json")[1])
        assert [row["decision"] for row in rows] == ["in", "in", "out"], arguments
    rows = json.loads(i4q("explain", "--label", "line=cnc,paint", "--count", "1", "-o", "json")[1])
    assert [row["clause"] for row in rows] == [
        "label line in (cnc, paint)",
        "rank 2, beyond count 1",
        "rank 3, beyond count 1",
    ]


def test_simulate(i4q: Callable[..., Said], memory: MemoryBackend, wear: str) -> None:
    supposed = ["--if-label", "edge-1:line-", "--if-label", "edge-3:line=cnc", "--if-taint", "edge-2:a=b:NoSelect"]
    rows = json.loads(i4q("simulate", "--label", "line=cnc", *supposed, "-o", "json")[1])
    assert [row["effect"] for row in rows] == ["loses", "loses", "gains"]
    assert rows[1]["after"] == "taint a=b:NoSelect is not tolerated"
    i4q("deploy", wear, "--cluster", "edge-2")
    i4q("deploy", wear, "--count", "1", "--allow-eviction")
    code, out, err = i4q("simulate", "tool-wear", "--if-count", "all")
    assert (code, "2 would gain it, 0 would lose it, 1 keep it" in err) == (0, True)
    assert out.splitlines()[0].split() == ["CLUSTER", "EFFECT", "GROUP", "BEFORE", "AFTER"]
    assert i4q("simulate", "tool-wear")[0] == 2
    assert i4q("simulate", "tool-wear", "--if-label", "edge-1")[0] == 2


def test_an_eviction_must_be_allowed(i4q: Callable[..., Said], memory: MemoryBackend, wear: str) -> None:
    i4q("deploy", wear, "--everywhere")
    code, _, err = i4q("deploy", wear, "--cluster", "edge-1")
    assert (code, len(memory.fleet.told)) == (1, 3)
    assert "from 2 of 3 clusters that have it: edge-2, edge-3" in err
    assert i4q("deploy", wear, "--cluster", "edge-1", "--allow-eviction")[0] == 0
    assert len(memory.fleet.told) == 1


def test_a_roll_out_has_limits(i4q: Callable[..., Said], memory: MemoryBackend, wear: str) -> None:
    limits = ["--max-concurrency", "1", "--soak", "0.5", "--max-failures", "10%"]
    assert i4q("deploy", wear, "--everywhere", *limits)[0] == 0
    assert [key[0] for key in memory.fleet.told] == ["edge-1"]
    (record,) = [each[-1] for key, each in memory.store.records.items() if key[0] == "deployment"]
    assert record.data["rollout"] == {
        "strategy": "staged", "maxConcurrency": 1, "soak": 0.5, "maxFailures": "10%",
    }  # fmt: skip
    assert i4q("deploy", wear, "--everywhere", "--max-concurrency", "0")[0] == 1
    assert i4q("deploy", wear, "--everywhere", "--rollout", "all", "--soak", "1")[0] == 1


def test_explaining_a_deployment_tells_where_it_is(i4q: Callable[..., Said], wear: str) -> None:
    i4q("deploy", wear, "--label", "line=cnc", "--count", "1")
    i4q("cluster", "label", "edge-1", "line=none")
    i4q("cluster", "label", "edge-1", "line=cnc")
    rows = json.loads(i4q("explain", "tool-wear", "-o", "json")[1])
    chosen = [row["cluster"] for row in rows if row["decision"] == "in"]
    assert chosen == ["edge-2"], "who has it keeps it"
    assert [row["cluster"] for row in json.loads(i4q("status", "tool-wear", "-o", "json")[1])["clusters"]] == chosen


def test_clusters(i4q: Callable[..., Said], memory: MemoryBackend, wear: str) -> None:
    i4q("deploy", wear, "--label", "line=cnc")
    assert (
        i4q("cluster", "add", "edge-4", "--label", "line=cnc", "--resource", "memory=8Gi", "--taint", "a=b:NoSelect")[0]
        == 0
    )
    assert len(memory.fleet.told) == 2
    assert i4q("cluster", "untaint", "edge-4", "a")[0] == 0
    assert len(memory.fleet.told) == 3
    assert i4q("cluster", "label", "edge-4", "line-", "site=north", "--no-refresh")[0] == 0
    assert memory.fleet.known["edge-4"].labels == {"site": "north"}
    assert len(memory.fleet.told) == 3
    assert i4q("refresh")[0] == 0
    assert len(memory.fleet.told) == 2
    assert i4q("cluster", "taint", "edge-1", "a:NoSelect")[0] == 0
    assert len(memory.fleet.told) == 1
    assert i4q("cluster", "stop", "edge-2", "-o", "json")[1] == '{\n  "done": "stopped",\n  "cluster": "edge-2"\n}\n'
    assert json.loads(i4q("list", "-o", "json")[1])[0]["phase"] == "Offline"
    assert i4q("cluster", "start", "edge-2")[2] == "started cluster edge-2\n"
    assert i4q("cluster", "remove", "edge-4")[2] == "removed cluster edge-4\n"
    assert "edge-4" not in memory.fleet.known


def test_apply(i4q: Callable[..., Said], memory: MemoryBackend, tmp_path: Path) -> None:
    file = tmp_path / "release.yaml"
    release = Release(
        models=(things.model(),), placements=(Placement("all"),), deployments=(Placed(model="tool-wear", to="all"),)
    )
    file.write_text(release.to_yaml())
    code, planned, _ = i4q("apply", "-f", str(file), "--dry-run")
    assert (code, memory.fleet.told) == (0, {})
    assert i4q("apply", "-f", str(file))[:2] == (0, planned)
    assert len(memory.fleet.told) == 3
    assert json.loads(i4q("apply", "-f", str(file), "-o", "json")[1]) == []


def test_apply_lays_overlays_over_several_files(
    i4q: Callable[..., Said], memory: MemoryBackend, tmp_path: Path
) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "models.yaml").write_text(things.model().to_yaml())
    placed = Release(placements=(Placement("all"),), deployments=(Placed(model="tool-wear", to="all"),))
    (tmp_path / "base" / "where.yaml").write_text(placed.to_yaml())
    (tmp_path / "north.yaml").write_text(Overlay(placements=({"name": "all", "count": 1},)).to_yaml())
    base, north = str(tmp_path / "base"), str(tmp_path / "north.yaml")
    assert i4q("apply", "-f", base, "--overlay", north)[0] == 0
    assert len(memory.fleet.told) == 1
    assert i4q("apply", "-f", f"{base}/models.yaml", "-f", f"{base}/where.yaml")[0] == 0
    assert len(memory.fleet.told) == 3


def test_files_calls_and_exports_make_the_same_plan(
    i4q: Callable[..., Said], memory: MemoryBackend, tmp_path: Path, wear: str
) -> None:
    called = i4q("plan", wear, "--name", "wear", "--count", "2")[1]
    assert i4q("deploy", wear, "--name", "wear", "--count", "2")[0] == 0
    file = tmp_path / "release.yaml"
    file.write_text(i4q("export", "wear")[1])
    assert i4q("export")[1] == file.read_text()
    assert json.loads(i4q("apply", "-f", str(file), "--dry-run", "-o", "json")[1]) == []
    assert i4q("delete", "wear")[0] == 0
    assert i4q("apply", "-f", str(file), "--dry-run")[1] == called
    assert i4q("export", "waer")[0] != 0


def test_schema(i4q: Callable[..., Said]) -> None:
    assert json.loads(i4q("schema", "release")[1])["properties"]["kind"] == {"const": "Release"}
    assert i4q("schema", "realease")[0] == 2


def test_versions_by_group_and_stages(
    i4q: Callable[..., Said], memory: MemoryBackend, tmp_path: Path, wear: str, wear2: str
) -> None:
    file = tmp_path / "placement.yaml"
    file.write_text(Placement("p", groups={"paint": Label("line") == "paint"}).to_yaml())
    code, _, err = i4q(
        "deploy", wear, "--to", str(file), "--version-for", f"paint={wear2}",
        "--rollout", "staged", "--stage", "*", "--stage", "paint", "--wait",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert {key[0]: each.item.version for key, each in memory.fleet.told.items()} == {
        "edge-1": "1",
        "edge-2": "1",
        "edge-3": "2",
    }


def test_show(i4q: Callable[..., Said], wear: str) -> None:
    assert Model.from_yaml(i4q("model", "show", wear)[1]) == things.model()
    assert json.loads(i4q("model", "show", wear, "-o", "json")[1])["kind"] == "Model"


def test_pack(i4q: Callable[..., Said], tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "data.bin").write_bytes(b"abc")
    code, out, _ = i4q("model", "pack", str(folder), "--name", "a", "--version", "1", "--label", "x=y")
    assert code == 0
    packed = Model.from_yaml(out)
    assert ([file.path for file in packed.files], packed.labels) == (["data.bin"], {"x": "y"})
    code, out, _ = i4q(
        "workload", "pack", str(folder), "--name", "w", "--version", "1", "--uses", "a=path", "--", "python", "-m", "x"
    )
    assert code == 0
    assert yaml.safe_load(out)["command"] == ["python", "-m", "x"]


def test_logs(i4q: Callable[..., Said], wear: str) -> None:
    i4q("deploy", wear, "--everywhere")
    assert i4q("logs", "tool-wear", "--cluster", "edge-1", "-n", "2")[1] == "second\nthird\n"
    assert (
        i4q("logs", "tool-wear", "--cluster", "edge-1", "-n", "1", "-o", "json")[1]
        == '{"cluster": "edge-1", "line": "third"}\n'
    )


def test_controller_once(i4q: Callable[..., Said], memory: MemoryBackend, wear: str) -> None:
    i4q("deploy", wear, "--everywhere")
    memory.fleet.told.clear()
    assert i4q("controller", "--once") == (0, "", "")
    assert len(memory.fleet.told) == 3
    memory.fleet.told.clear()
    memory.fleet.refuse = {"edge-1"}
    code, out, err = i4q("controller", "--once")
    assert code == 6
    assert out.startswith("DEPLOYMENT  FAILED\ntool-wear   ")
    assert "edge-1: no room" in err


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["status", "nope"], 3, "error: there is no deployment 'i4q/nope'\nhint: "),
        (["status", "tool-waer"], 3, "hint: did you mean 'tool-wear'?\n"),
        (["cluster", "stop", "egde-1"], 3, "hint: did you mean 'edge-1'?\n"),
        (["apply", "-f", "nowhere.yaml"], 3, "error: there is no file 'nowhere.yaml'\n"),
        (["model", "show", "nowhere.yaml"], 3, "error: there is no file 'nowhere.yaml'\n"),
        (["cluster", "add", "edge-1"], 4, "error: there is a cluster 'edge-1' already\n"),
        (["cluster", "add", "Edge"], 1, "'Edge' is no name"),
        (["cluster", "taint", "edge-1", "a=b"], 1, "error: 'a=b' is no taint\nhint: key=value:NoSelect"),
        (["explain", "--label", "a b"], 1, "is no label key"),
        (["ask", "tool-wear", "--cluster", "edge-1", "--data", "[1"], 1, "error: --data is no JSON: "),
        (["rollback", "tool-wear"], 3, "has no revision to go back to"),
        (["wait", "tool-wear", "--timeout", "0"], 2, "--timeout"),
        (["satus", "tool-wear"], 2, "There is no verb 'satus'; did you mean 'status'?"),
        (["cluster", "lits"], 2, "There is no verb 'lits'; did you mean 'list'?"),
        (["status", "tool-wear", "--ouput", "json"], 2, "--output"),
        (["status", "tool-wear", "-o", "xml"], 2, "'xml' is not one of"),
        (["explain"], 2, "say where: --to FILE"),
        (["explain", "--everywhere", "--label", "a=b"], 2, "--everywhere is all clusters"),
        (["explain", "--to", "a.yaml", "--count", "2"], 2, "--to FILE says it all"),
        (["cluster", "add", "a", "--label", "b"], 2, "'b' is no label: KEY=VALUE"),
        (["cluster", "add", "a", "--label", "b=1", "--label", "b=2"], 2, "the label 'b' is given twice"),
    ],
)
def test_how_it_ends(i4q: Callable[..., Said], wear: str, arguments: list[str], code: int, told: str) -> None:
    i4q("deploy", wear, "--everywhere")
    ended, out, err = i4q(*arguments)
    assert (ended, out) == (code, "")
    assert told in err
    assert "Traceback" not in err


def test_clusters_that_say_no(i4q: Callable[..., Said], memory: MemoryBackend, wear: str) -> None:
    memory.fleet.phases["edge-2"] = Phase.FAILED
    code, _, err = i4q("deploy", wear, "--everywhere", "--wait")
    assert code == 6
    assert err.startswith("error: 'tool-wear' does not work everywhere: edge-2: Failed")


def test_clusters_that_take_longer(i4q: Callable[..., Said], memory: MemoryBackend, wear: str) -> None:
    memory.fleet.phases["edge-2"] = Phase.STARTING
    code, _, err = i4q("deploy", wear, "--everywhere", "--wait", "--timeout", "60")
    assert code == 5
    assert err.startswith("error: 'tool-wear' is Starting after 60 s: edge-2: Starting\n")


def test_a_traceback_is_shown_on_request(i4q: Callable[..., Said]) -> None:
    assert "Traceback" in i4q("-vv", "status", "nope")[2]
    assert "Traceback" not in i4q("-v", "status", "nope")[2]


def test_a_bug_is_told_as_one(i4q: Callable[..., Said], memory: MemoryBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: Any) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(memory.fleet, "clusters", broken)
    assert i4q("cluster", "list") == (
        1,
        "",
        "error: unexpected ZeroDivisionError: oh\nhint: this is a bug; -vv shows where\n",
    )


def test_output_that_cannot_be_written_is_no_bug(memory: MemoryBackend, capsys: pytest.CaptureFixture[str]) -> None:
    with Path("/dev/full").open("w") as full, contextlib.redirect_stdout(full):
        code = run(["cluster", "list", "-o", "json"])
        with contextlib.suppress(OSError):
            full.close()
    assert (code, capsys.readouterr().err) == (1, "error: cannot write the output: No space left on device\n")


def test_without_a_stdout_it_works_all_the_same(memory: MemoryBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", None)
    assert [run(["cluster", "list"]), run(["version"])] == [0, 0]


def test_numbers_that_json_does_not_have_are_text(capsys: pytest.CaptureFixture[str]) -> None:
    printing.data(Settings(format="json"), {"y": [[math.nan, 1.5], (math.inf, -math.inf)]})
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == {
        "y": [["NaN", 1.5], ["Infinity", "-Infinity"]]
    }


def test_interrupted(i4q: Callable[..., Said], memory: MemoryBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(**_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(memory.fleet, "clusters", interrupted)
    assert i4q("cluster", "list")[0] == 130


def test_what_a_cluster_says_is_never_obeyed(i4q: Callable[..., Said], memory: MemoryBackend, wear: str) -> None:
    i4q("deploy", wear, "--everywhere")
    memory.fleet.refuse = {"edge-1"}
    error = "\x1b[2Jgone"
    memory.fleet._take = lambda action: type("O", (), {"action": action, "error": error})()  # type: ignore[method-assign,assignment,return-value]
    memory.fleet.told.clear()
    code, out, err = i4q("refresh")
    assert code == 6
    assert "\x1b" not in out + err


def test_the_help_tells_the_exit_codes(i4q: Callable[..., Said]) -> None:
    code, out, _ = i4q("--help")
    assert code == 0
    assert "  6    clusters said no\n" in out


def _all(command: click.Command, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    if not isinstance(command, click.Group):
        return [(path, command)]
    context = click.Context(command)
    verbs = {name: command.get_command(context, name) for name in command.list_commands(context)}
    return [found for name, each in verbs.items() if each is not None for found in _all(each, (*path, name))]


def _loaded() -> set[str]:
    """Every verb that a module of the command line has, groups of verbs inside groups left out."""
    found: dict[str, click.Command] = {}
    for module in pkgutil.iter_modules(cli.__path__):
        for each in vars(importlib.import_module(f"i4q_ai.cli.{module.name}")).values():
            if isinstance(each, click.Command) and each is not program:
                found[str(each.name)] = each
    inside = [each for group in found.values() if isinstance(group, click.Group) for each in group.commands.values()]
    return {name for name, each in found.items() if each not in inside}


def test_every_verb_that_is_written_is_found_by_its_name() -> None:
    context = click.Context(program)
    names = program.list_commands(context)
    for name in names:
        command = program.get_command(context, name)
        assert command is not None
        assert command.name == name
    assert set(names) >= _loaded()


def test_a_verb_loads_no_other() -> None:
    told = "import sys; from i4q_ai.cli.program import run; run(['oci', 'pull', '--help']); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stdout.split()
    assert "i4q_ai.cli.artifacts" in loaded
    assert not {"i4q_ai.hub", "i4q_ai.cli.looking", "pydantic", "yaml"} & {*loaded}


def test_every_verb_and_option_is_explained(i4q: Callable[..., Said]) -> None:
    for path, command in _all(program):
        assert command.help, path
        assert i4q(*path, "--help")[0] == 0
        names = {name for parameter in command.params for name in parameter.opts}
        assert {"--hub", "--namespace", "--home", "--output", "--verbose"} <= names, path


def test_completion(i4q: Callable[..., Said]) -> None:
    for shell in ("bash", "zsh", "fish"):
        code, out, _ = i4q("completion", shell)
        assert code == 0
        assert "_I4Q_COMPLETE" in out


def test_version(i4q: Callable[..., Said]) -> None:
    code, out, _ = i4q("version", "-o", "json")
    assert code == 0
    assert set(json.loads(out)) == {"version"}
