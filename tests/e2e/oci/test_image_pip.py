"""The programs that a build runs: pip, which fetches wheels, and the compiler of bytecode."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from i4q_ai.deadline import Deadline
from i4q_ai.errors import DeadlineError, UnreachableError
from i4q_ai.oci.image import locked
from i4q_ai.oci.image.bytecode import compile_tree, compiled
from i4q_ai.oci.image.collecting import collect
from i4q_ai.oci.image.platforms import PLATFORMS, PYTHON, Platform
from tests.unit.oci.image.made_inputs import lock_with_wheels

PASSWORD = "s3cret"


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[locked.Requirement]:
    """A lock; pip finds its wheels in a folder, as a mirror of the house would have them."""
    monkeypatch.setenv("I4Q_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    return locked.parse(lock_with_wheels(tmp_path).read_text(), where="lock")


@pytest.mark.parametrize("platform", PLATFORMS, ids=str)
def test_pip_fetches_once_what_fits(
    lock: list[locked.Requirement], platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = collect(lock, platform, Deadline.after(120))
    assert [wheel.name for wheel in found] == ["spam", "eggs"]
    assert all(wheel.fits(platform) for wheel in found)
    assert {wheel.path.parent for wheel in found} == {tmp_path / "cache" / "wheels"}
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "gone"))
    assert collect(lock, platform, Deadline.after(120)) == found


def test_a_registry_that_cannot_be_reached(
    lock: list[locked.Requirement], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        index = f"http://user:{PASSWORD}@127.0.0.1:{closed.getsockname()[1]}/simple"
        for name, value in {"NO_INDEX": "0", "FIND_LINKS": "", "INDEX_URL": index, "RETRIES": "0"}.items():
            monkeypatch.setenv(f"PIP_{name}", value)
        with pytest.raises(UnreachableError, match=r"could not fetch wheels for linux/amd64: .*eggs==1\.0") as caught:
            collect(lock, PLATFORMS[0], Deadline.after(120))
    assert PASSWORD not in str(caught.value)
    assert "folder" in caught.value.hint
    assert list((tmp_path / "cache" / "wheels").iterdir()) == []


def test_a_deadline_ends_pip(lock: list[locked.Requirement]) -> None:
    with pytest.raises(DeadlineError):
        collect(lock, PLATFORMS[0], Deadline.after(0.01))


@pytest.mark.skipif(sys.version_info[:2] != PYTHON, reason="bytecode is made by the Python of the image")
def test_bytecode_is_always_the_same_and_knows_where_it_will_be(tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        folder = tmp_path / name
        (folder / "spam").mkdir(parents=True)
        (folder / "spam" / "right.py").write_text("def fail():\n    return {'b', 'a', 'c'} & {1, 2}\n")
        (folder / "spam" / "wrong.py").write_text("print 'of another Python'\n")
        compile_tree(folder, "/opt/x", sys.executable, Deadline.after(120))
        found.append((folder / compiled("spam/right.py")).read_bytes())
        assert not (folder / compiled("spam/wrong.py")).exists()
    assert found[0] == found[1]
    assert b"/opt/x/spam/right.py" in found[0]
    assert str(tmp_path).encode() not in found[0]
