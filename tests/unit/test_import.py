"""`import i4q_ai`: light, and every public name has its place."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys

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
import i4q_ai
import json
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def loaded() -> list[str]:
    done = subprocess.run([sys.executable, "-c", _LOADED], capture_output=True, text=True, timeout=120, check=True)
    names: list[str] = json.loads(done.stdout)
    return names


def test_nothing_heavy_is_loaded() -> None:
    modules = loaded()
    assert [name for name in modules if name.partition(".")[0] in HEAVY] == []
    assert len(modules) <= MOST_MODULES


def test_all_is_sorted_and_complete() -> None:
    public = [name for name, value in vars(i4q_ai).items() if not name.startswith("_") and not inspect.ismodule(value)]
    assert i4q_ai.__all__ == sorted(public)


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
