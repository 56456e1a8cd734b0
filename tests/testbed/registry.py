"""A real registry for one test: its own process, port and storage; and crane, a judge that no one here wrote."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest

from tests.testbed.building import built

_START_TIMEOUT = 60
_STOP_TIMEOUT = 30
_LISTENING = re.compile(r"listening on (127\.0\.0\.1:\d+)")

_CONFIG = """\
version: 0.1
log: {{level: info, accesslog: {{disabled: false}}}}
storage: {{filesystem: {{rootdirectory: {storage}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:0", secret: not-a-secret}}
"""
_HTPASSWD = """\
auth: {{htpasswd: {{realm: testbed, path: {path}}}}}
"""


class Registry:
    """The distribution registry over plain http on this machine.

    Args:
        folder: an empty one, for its storage.
        htpasswd: a line of an htpasswd file (bcrypt); then it wants Basic credentials.
    """

    def __init__(self, folder: Path, *, htpasswd: str = "") -> None:
        self._folder = folder
        self._htpasswd = htpasswd
        self._listening = threading.Event()
        self.lines: list[str] = []
        self.host = ""

    def __enter__(self) -> Self:
        config = self._folder / "config.yml"
        text = _CONFIG.format(storage=self._folder / "storage")
        if self._htpasswd:
            path = self._folder / "htpasswd"
            path.write_text(self._htpasswd)
            text += _HTPASSWD.format(path=path)
        config.write_text(text)
        self._process = subprocess.Popen(
            [built("tools") / "registry", "serve", config],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "OTEL_TRACES_EXPORTER": "none"},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._listening.wait(_START_TIMEOUT) or not self.host:
            self.__exit__()
            raise RuntimeError("the registry did not start:\n" + "".join(self.lines[-20:]))
        return self

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line)
            if not self.host and (match := _LISTENING.search(line)):
                self.host = match[1]
                self._listening.set()
        self._listening.set()

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def requests(self, method: str, part: str = "") -> list[str]:
        """The lines of the access log for one method, with a part of the path."""
        return [line for line in self.lines if f'"{method} /v2/' in line and part in line]

    @property
    def blobs(self) -> Path:
        """Where it keeps blobs."""
        return self._folder / "storage" / "docker" / "registry" / "v2" / "blobs"


Crane = Callable[..., bytes]


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """A running registry; `registry.host` is where."""
    folder = tmp_path / "registry"
    folder.mkdir()
    with Registry(folder) as running:
        yield running


@pytest.fixture
def crane() -> Crane:
    """`crane("manifest", reference)` → what it prints; a failure is an error with its words."""
    program = built("tools") / "crane"

    def _run(*arguments: str) -> bytes:
        done = subprocess.run([program, *arguments], capture_output=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    return _run
