"""Runs the blocks of a Markdown page as a reader would: in order, in one session, in a home of its own.

| fence | what happens |
|---|---|
| ```` ```python ```` | run; all blocks of a page share their names |
| ```` ```bash ```` | run; all blocks of a page share variables and the working folder |
| ```` ```yaml title="a/file.yaml" ```` | written to that file; the same for json |
| ```` ```text title="output" ```` | must be what the block before has printed; `…` stands for anything |
| ```` ```text ````, ```` ```mermaid ```` | for the eye only |

A page with the mark `<!-- needs a plant -->` is run where real clusters are at hand: `home.kubeconfig`,
`edge-1.kubeconfig` … and `kubectl`; with the mark `<!-- needs a hub -->` they are managed, and it is `hub.kubeconfig`.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>[a-z]*)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_PLANT = "<!-- needs a plant -->"
_HUB = "<!-- needs a hub -->"
_SHOWN = ("text", "mermaid")
_WRITTEN = ("yaml", "json")
_LOOSE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Args:
        line: of the page where its text begins.
        language: of the fence.
        title: of the fence; "" without one.
        text: without the fence's indentation.
    """

    line: int
    language: str
    title: str
    text: str


def blocks(page: str) -> list[Block]:
    """All fenced blocks of a page, in order."""
    found = []
    for match in _FENCE.finditer(page):
        text = re.sub(rf"^{match['indent']}", "", match["text"], flags=re.MULTILINE)
        found.append(Block(page.count("\n", 0, match.start("text")) + 1, match["language"], match["title"] or "", text))
    return found


def needs_plant(page: str) -> bool:
    """Whether the page's blocks want real clusters."""
    return _PLANT in page


def needs_hub(page: str) -> bool:
    """Whether the page's blocks want a hub of Open Cluster Management, with clusters that have joined it."""
    return _HUB in page


class Session:
    """What one reader has at hand while going through a page.

    Args:
        page: its file, for messages.
        folder: where the reader sits; Python runs there too.
        variables: of the environment.
        replaced: text in blocks → what to put instead; for ports that may be taken here.
    """

    def __init__(self, page: Path, folder: Path, variables: dict[str, str], replaced: dict[str, str]) -> None:
        self._page, self._folder, self._variables, self._replaced = page, folder, variables, replaced
        self._names: dict[str, Any] = {"__name__": "__main__"}
        self._printed = ""

    def read(self) -> None:
        """Go through the page."""
        for block in blocks(self._page.read_text(encoding="utf-8")):
            self.run(block)

    def run(self, block: Block) -> None:
        """Do what the fence says; fails as the reader would."""
        text = block.text
        for old, new in self._replaced.items():
            text = text.replace(old, new)
        if block.language == "python":
            self._printed = self._python(block, text)
        elif block.language == "bash":
            self._printed = self._bash(block, text)
        elif block.language in _WRITTEN and block.title:
            self._write(block.title, text)
        elif block.title == "output":
            self._compare(block, text)
        elif block.language not in _SHOWN:
            raise AssertionError(f"{self._page}:{block.line}: nobody knows what to do with '{block.language}'")

    def _python(self, block: Block, text: str) -> str:
        # Empty lines before the code make line numbers of a traceback those of the page.
        code = compile("\n" * (block.line - 1) + text, str(self._page), "exec")
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, self._names)
        return printed.getvalue()

    def _bash(self, block: Block, text: str) -> str:
        state = self._folder / ".session"
        script = f'[ ! -f {state} ] || . {state}\n{text}\n{{ export -p; printf "cd %q\\n" "$PWD"; }} > {state}\n'
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self._folder, env=self._variables, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise AssertionError(f"{self._page}:{block.line}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def _write(self, title: str, text: str) -> None:
        path = self._folder / title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def _compare(self, block: Block, text: str) -> None:
        wanted = text.replace("…", "...")
        if not doctest.OutputChecker().check_output(wanted, self._printed, _LOOSE):
            raise AssertionError(f"{self._page}:{block.line}: printed instead:\n{self._printed}")


def environment(folder: Path) -> dict[str, str]:
    """The variables of a reader: this Python first on PATH, a home and a cache below the folder."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("I4Q_")}
    path = f"{Path(sys.executable).parent}:{own.get('PATH', '')}"
    return {**own, "PATH": path, "I4Q_HOME": str(folder / "home"), "I4Q_CACHE": str(folder / "cache")}
