"""The lock: how it is read and written, and that it holds what pyproject.toml asks for."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from i4q_ai.errors import InvalidError
from i4q_ai.oci.image import locked
from i4q_ai.oci.image.building import LOCK
from i4q_ai.oci.image.locked import Requirement
from i4q_ai.oci.image.locking import UNUSED, asked
from i4q_ai.oci.image.locking import locked as lock_of

A, B = "a" * 64, "b" * 64
PROJECT = tomllib.loads((Path(__file__).parents[4] / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_it_reads_what_pip_reads() -> None:
    first = f"Spam_Eggs==1.0 \\\n    --hash=sha256:{A} \\\n    --hash=sha256:{B}  # why"
    text = f"# head\n{first}\n\nham==2 --hash=sha256:{B}\n"
    assert locked.parse(text, where="lock") == [
        Requirement("spam-eggs", "1.0", frozenset({A, B})),
        Requirement("ham", "2", frozenset({B})),
    ]


def test_it_writes_what_it_reads() -> None:
    requirements = [Requirement("ham", "2", frozenset({B})), Requirement("spam", "1.0+local", frozenset({A, B}))]
    assert locked.parse(locked.dump(requirements), where="lock") == requirements


@pytest.mark.parametrize(
    "line",
    ["spam", "spam>=1.0", "spam==1.0", f"spam==1.0 --hash=md5:{A}", f"spam==1.0 --hash=sha256:{A[:-1]}", "-r other",
     f"spam @ https://host/spam.whl --hash=sha256:{A}", f"spam==1.0 ; python_version > '3' --hash=sha256:{A}"],
)  # fmt: skip
def test_what_is_not_locked_is_refused(line: str) -> None:
    with pytest.raises(InvalidError, match="is not locked"):
        locked.parse(line, where="lock")


def test_a_package_stands_once() -> None:
    with pytest.raises(InvalidError, match="twice"):
        locked.parse(f"a-b==1 --hash=sha256:{A}\nA_B==2 --hash=sha256:{B}", where="lock")


def test_the_lock_holds_what_the_project_asks_for() -> None:
    held = {requirement.name for requirement in locked.parse(LOCK.read_text(), where=str(LOCK))}
    names = {locked.normal(each.partition("<")[0].partition(">")[0]) for each in asked(PROJECT)}
    assert names <= held
    assert {"onnxruntime", "pydantic", "numpy", "requests"} <= names
    assert not {"kubernetes", *UNUSED} & held


def _report(**versions: str) -> dict[str, Any]:
    return {
        "install": [
            {
                "metadata": {"name": name, "version": version.partition(" ")[0]},
                "download_info": {"archive_info": {"hashes": {"sha256": version.partition(" ")[2]}}},
            }
            for name, version in versions.items()
        ]
    }


def test_one_lock_for_all_platforms() -> None:
    reports = [_report(numpy=f"2 {A}", idna=f"3 {A}", sympy=f"1 {A}"), _report(numpy=f"2 {B}", idna=f"3 {A}")]
    assert lock_of(reports) == [
        Requirement("numpy", "2", frozenset({A, B})),
        Requirement("idna", "3", frozenset({A})),
    ]


def test_platforms_that_differ_are_refused() -> None:
    with pytest.raises(InvalidError, match="numpy 1, numpy 2"):
        lock_of([_report(numpy=f"2 {A}"), _report(numpy=f"1 {B}")])
