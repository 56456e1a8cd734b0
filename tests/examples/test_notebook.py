"""The notebook runs from top to bottom, and shows what it promises."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat

from tests.docs.pages import environment

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "examples" / "notebook.ipynb"


def test_it_runs_and_shows_tables(tmp_path: Path) -> None:
    variables = {**environment(tmp_path), "JUPYTER_PLATFORM_DIRS": "1", "IPYTHONDIR": str(tmp_path / "ipython")}
    command = [sys.executable, "-m", "pytest", "--nbmake", "--nbmake-kernel=python3", "--overwrite", "notebook.ipynb"]
    folder = tmp_path / "examples"
    folder.mkdir()
    for path in (ROOT / "examples").iterdir():
        if path.name != NOTEBOOK.name:
            (folder / path.name).symlink_to(path)
    (folder / NOTEBOOK.name).write_bytes(NOTEBOOK.read_bytes())
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", "-W", "default", "--rootdir", "."],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    run = nbformat.read(folder / NOTEBOOK.name, as_version=4)
    shown = [output.data for cell in run.cells for output in cell.get("outputs", ()) if "data" in output]
    assert sum("<table" in data.get("text/html", "") for data in shown) >= 4


def test_it_is_committed_without_outputs() -> None:
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    assert all(cell.outputs == [] and cell.execution_count is None for cell in cells if cell.cell_type == "code")
