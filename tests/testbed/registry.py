"""A real registry for one test: its own process, port and storage; and crane, a judge that no one here wrote."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from tests.testbed.building import built
from tests.testbed.packages import unpacked
from tests.testbed.processes import spawn

if TYPE_CHECKING:
    from tests.testbed.certificates import Authority
    from tests.testbed.tokens import TokenServer

_START_TIMEOUT = 60
_STOP_TIMEOUT = 30
_LISTENING = re.compile(r"listening on ([\d.]+:\d+)")


class Registry:
    """The distribution registry on this machine: plain http to everyone, unless told otherwise.

    Args:
        folder: an empty one, for its storage.
        address: where it listens; `network.HUB` for one that edges reach.
        authority: signs its certificate; then it speaks https.
        htpasswd: a line of an htpasswd file (bcrypt); then it wants Basic credentials.
        tokens: a token server; then it wants that one's tokens.
        old: it is docker-registry 2.8, as Debian has it, instead of distribution 3.
    """

    def __init__(
        self,
        folder: Path,
        *,
        address: str = "127.0.0.1",
        authority: Authority | None = None,
        htpasswd: str = "",
        tokens: TokenServer | None = None,
        old: bool = False,
    ) -> None:
        self._folder = folder
        self._address = address
        self._authority = authority
        self._htpasswd = htpasswd
        self._tokens = tokens
        self._old = old
        self._listening = threading.Event()
        self.lines: list[str] = []
        self.host = ""

    def __enter__(self) -> Self:
        config = self._folder / "config.json"  # which is YAML too
        config.write_text(json.dumps(self._config()))
        command = [str(self._program()), "serve", str(config)]
        quiet = {"OTEL_TRACES_EXPORTER": "none"}
        self._process = spawn(command, output=subprocess.PIPE, folder=self._folder, env=quiet)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._listening.wait(_START_TIMEOUT) or not self.host:
            self.__exit__()
            raise RuntimeError("the registry did not start:\n" + "".join(self.lines[-20:]))
        return self

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

    @property
    def url(self) -> str:
        """Scheme and host."""
        return f"{'https' if self._authority else 'http'}://{self.host}"

    @property
    def blobs(self) -> Path:
        """Where it keeps blobs."""
        return self._folder / "storage" / "docker" / "registry" / "v2" / "blobs"

    def requests(self, method: str, part: str = "") -> list[str]:
        """The lines of the access log for one method, with a part of the path."""
        return [line for line in self.lines if f'"{method} /v2/' in line and part in line]

    def _program(self) -> Path:
        if self._old:
            return unpacked("docker-registry", "usr/bin/docker-registry")
        return built("tools") / "registry"

    def _config(self) -> dict[str, Any]:
        http: dict[str, Any] = {"addr": f"{self._address}:0", "secret": "not-a-secret"}
        if self._authority:
            pair = self._authority.server("registry", [self._address, "localhost"])
            certificate, key = pair.write(self._folder, "registry")
            http["tls"] = {"certificate": str(certificate), "key": str(key)}
        config: dict[str, Any] = {
            "version": "0.1",
            "log": {"level": "info", "accesslog": {"disabled": False}},
            "storage": {
                "filesystem": {"rootdirectory": str(self._folder / "storage")},
                "delete": {"enabled": True},
            },
            "http": http,
        }
        if self._htpasswd:
            path = self._folder / "htpasswd"
            path.write_text(self._htpasswd)
            config["auth"] = {"htpasswd": {"realm": "testbed", "path": str(path)}}
        if self._tokens:
            config["auth"] = {"token": self._tokens.settings(self._folder)}
        return config

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.decode(errors="replace"))
            if not self.host and (match := _LISTENING.search(self.lines[-1])):
                self.host = match[1]
                self._listening.set()
        self._listening.set()


Crane = Callable[..., bytes]


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """A running registry; `registry.host` is where."""
    folder = tmp_path / "registry"
    folder.mkdir()
    with Registry(folder) as running:
        yield running


@pytest.fixture(scope="session")
def crane() -> Crane:
    """`crane("manifest", reference)` → what it prints; a failure is an error with its words."""
    program = built("tools") / "crane"

    def _run(*arguments: str) -> bytes:
        done = subprocess.run([program, *arguments], capture_output=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    return _run
