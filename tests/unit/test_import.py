"""`import i4q_ai`: light, with every name used or none; and every public name has its place."""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import i4q_ai

HEAVY = [
    "kubernetes", "oras", "requests", "tqdm", "rich", "onnxruntime", "numpy", "click", "dulwich", "sqlite3", "yaml",
    "tenacity", "pytest", "uvicorn", "asyncio",
]  # fmt: skip
MOST_MODULES = 250
"""Above the bare interpreter; a process that imports pydantic and defines one model has about 180."""

_LOADED = """
import sys
before = set(sys.modules)
{program}
import json
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def loaded(program: str) -> list[str]:
    command = [sys.executable, "-c", _LOADED.format(program=program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    names: list[str] = json.loads(done.stdout)
    return names


@pytest.mark.parametrize("program", ["import i4q_ai", "from i4q_ai import *"])
def test_nothing_heavy_is_loaded(program: str) -> None:
    modules = loaded(program)
    assert [name for name in modules if name.partition(".")[0] in HEAVY] == []
    assert len(modules) <= MOST_MODULES


def test_processes_at_the_edge_pay_for_no_name_they_do_not_use() -> None:
    assert "pydantic" not in loaded("import i4q_ai.serve.loaders, i4q_ai.serve.signature, i4q_ai.serve.trial")


def test_all_is_sorted_and_complete() -> None:
    tree = ast.parse(Path(inspect.getfile(i4q_ai)).read_text(encoding="utf-8"))
    typed = [alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names]
    public = sorted(set(typed) - {"Any", "TYPE_CHECKING", "import_module"})
    assert i4q_ai.__all__ == public == sorted(i4q_ai._HOMES)
    assert set(public) <= set(dir(i4q_ai))


def test_a_name_is_the_same_object_wherever_it_is_from() -> None:
    for name, home in i4q_ai._HOMES.items():
        assert getattr(i4q_ai, name) is getattr(import_module(f"i4q_ai.{home}"), name)
    with pytest.raises(AttributeError, match="no attribute 'Modell'"):
        _ = i4q_ai.Modell


def test_everything_public_is_documented() -> None:
    bare = []
    for name in i4q_ai.__all__:
        what = getattr(i4q_ai, name)
        if not (what.__doc__ or "").strip():
            bare.append(name)
        if inspect.isclass(what):
            own = {key: value for key, value in vars(what).items() if not key.startswith(("_", "model_"))}
            bare += [
                f"{name}.{key}"
                for key, value in own.items()
                if (inspect.isroutine(value) or isinstance(value, property | classmethod)) and not inspect.getdoc(value)
            ]
    assert bare == []
