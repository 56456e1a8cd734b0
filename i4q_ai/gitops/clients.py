"""The ways to a repository: http through the library, ssh and folders through git's own programs."""

from __future__ import annotations

import contextlib
import io
import os
import select
import shlex
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import unquote, urlsplit

import urllib3
from dulwich import client as dulwich
from dulwich.config import StackedConfig
from dulwich.errors import GitProtocolError, NotGitRepository
from dulwich.protocol import Protocol as Lines

from i4q_ai.deadline import Deadline
from i4q_ai.errors import GitError, UnsupportedError
from i4q_ai.gitops import credentials as keys
from i4q_ai.gitops import keeping
from i4q_ai.gitops.credentials import Credentials

_SOCKET_TIMEOUT = 60.0
_GRACE = 5.0
_SMART = "application/x-git-"
_RETRIES = urllib3.Retry(total=5, connect=0, read=0, status=0, other=0)
"""Redirects alone; what fails is tried again by whoever knows the deadline."""
REFS = 0
"""The version of the protocol in which the refs come by one request of http instead of two."""


def opened(
    url: str, config: StackedConfig, credentials: Credentials | None, deadline: Deadline, *, keep: bool = False
) -> tuple[dulwich.GitClient, str]:
    """A client for a repository, and the repository's path as the client takes it.

    Args:
        url: of the repository.
        config: git's.
        credentials: None looks for some once the server asks.
        deadline: when to give up.
        keep: connections by http stay for the next one who looks.
    """
    if url.startswith(("http://", "https://")):
        return Http(url, config, credentials, deadline, keep=keep), urlsplit(url).path
    if url.startswith(("file://", "/")):
        path = unquote(urlsplit(url).path) if url.startswith("file://") else url
        return (_folder(deadline) if shutil.which("git") else dulwich.LocalGitClient()), path
    if shutil.which("ssh") is None:
        raise UnsupportedError(
            f"{url} is reached by ssh, and there is no such program", hint="install an OpenSSH client"
        )
    return _ssh(url, config, deadline)


class Http(dulwich.Urllib3HttpGitClient):
    """By http or https: reads end with the deadline, and credentials are looked for when the server asks."""

    def __init__(
        self,
        url: str,
        config: StackedConfig,
        credentials: Credentials | None,
        deadline: Deadline,
        *,
        keep: bool = False,
    ) -> None:
        parts = urlsplit(url)
        self._plain = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        self._asked, self._deadline = url, deadline
        self._kept = keeping.of(self._plain, config) if keep else None
        super().__init__(self._plain, config=config, pool_manager=self._kept.manager if self._kept else None)
        self.pool_manager.connection_pool_kw["retries"] = _RETRIES
        self._looked = credentials is not None
        self._open = contextlib.ExitStack()
        if credentials is None and self._kept is not None:
            credentials = self._kept.credentials.get(url)
        if credentials:
            self._use(credentials)

    def close(self) -> None:
        """Let go of connections, unless they are kept."""
        self._open.close()
        if self._kept is None:
            self.pool_manager.clear()

    def _use(self, found: Credentials) -> None:
        given = f"{found.username or 'git'}:{found.password}"
        self._auth_header = urllib3.util.make_headers(basic_auth=given)["authorization"]
        self._auth_origin = self._origin(self._plain)

    def _http_request(
        self, url: str, headers: dict[str, str] | None = None, data: Any = None, raise_for_status: bool = True
    ) -> Any:
        response, read = self._once(url, headers, data)
        if response.status == 401 and not self._looked and (data is None or isinstance(data, bytes)):
            self._looked = True
            if found := keys.find(self._asked):
                self._use(found)
                response, read = self._once(url, headers, data)
                if self._kept is not None and response.status == 200:
                    self._kept.credentials[self._asked] = found
        if raise_for_status and response.status != 200:
            raise _refusal(response.status, url)
        if "/info/refs?" in url and not str(response.content_type).startswith(_SMART):
            raise GitError(f"{self._plain} answers with something that is not Git", hint="look at its address")

        def _in_time(size: int) -> bytes:
            self._deadline.check()
            got: bytes = read(size)
            return got

        return response, _in_time

    def _once(self, url: str, headers: dict[str, str] | None, data: Any) -> Any:
        self._deadline.check()
        self._timeout = self._deadline.left(_SOCKET_TIMEOUT)
        response, read = super()._http_request(url, headers, data, raise_for_status=False)
        if self._kept is not None:
            keeping.put_back_at_end(response)
        self._open.callback(response.close)
        return response, read

    @staticmethod
    def _warn_filter_objects() -> None:
        """A server that leaves nothing out sends more; it is none of the user's business."""


def _refusal(status: int, url: str) -> Exception:
    if status == 404:
        return NotGitRepository()
    if status in (401, 403):
        return dulwich.HTTPUnauthorized(None, url)
    return GitProtocolError(f"HTTP status {status}")


class _Program(dulwich.TraditionalGitClient):
    """Talks to a program that serves a repository over its pipes, and ends with the deadline."""

    def __init__(self, command: Callable[[str, str], list[str]], deadline: Deadline) -> None:
        super().__init__()
        self._command, self._deadline = command, deadline
        self._running = contextlib.ExitStack()

    def close(self) -> None:
        """End what runs."""
        self._running.close()

    def _connect(
        self,
        cmd: bytes,
        path: str | bytes,
        protocol_version: int | None = None,  # noqa: ARG002 - the newest, always
    ) -> tuple[Lines, Callable[[], bool], IO[bytes] | None]:
        self._deadline.check()
        service, where = cmd.decode(), path.decode() if isinstance(path, bytes) else path
        version = {"GIT_PROTOCOL": "version=2"} if service == "upload-pack" else {}
        env = {key: value for key, value in keys.silent().items() if key != "GIT_PROTOCOL"} | version
        process = subprocess.Popen(
            self._command(service, where),
            bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env,
        )  # fmt: skip
        assert process.stdin is not None, "asked for"
        assert process.stdout is not None, "asked for"
        pipe, reader = process.stdout, cast(IO[bytes], io.BufferedReader(cast(io.RawIOBase, process.stdout)))
        ending = threading.Timer(self._deadline.left(), process.kill)
        ending.daemon = True
        ending.start()
        self._running.callback(_ended, process, reader, ending)

        def _can_read() -> bool:
            return bool(select.select([pipe], [], [], 0)[0])

        return Lines(reader.read, process.stdin.write, lambda: None), _can_read, process.stderr

    @staticmethod
    def _warn_filter_objects() -> None:
        """As for http."""


def _ended(process: subprocess.Popen[bytes], reader: IO[bytes], ending: threading.Timer) -> None:
    """The program is done when nobody listens to it any more; one that is not, is ended."""
    ending.cancel()
    for pipe in (process.stdin, reader, process.stderr):
        with contextlib.suppress(OSError):
            assert pipe is not None, "asked for"
            pipe.close()
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _folder(deadline: Deadline) -> dulwich.GitClient:
    def _command(service: str, path: str) -> list[str]:
        if not Path(path).is_dir():
            raise NotGitRepository(path)
        allowed = ["-c", "uploadpack.allowFilter=true", "-c", "uploadpack.allowAnySHA1InWant=true"]
        return ["git", *(allowed if service == "upload-pack" else []), service, path]

    return _Program(_command, deadline)


def _ssh(url: str, config: StackedConfig, deadline: Deadline) -> tuple[dulwich.GitClient, str]:
    if url.startswith("ssh://"):
        parts = urlsplit(url)
        host, port, user, path = parts.hostname or "", parts.port, parts.username, unquote(parts.path)
        if path.startswith("/~"):
            path = path[1:]
    else:
        left, _, path = url.partition(":")
        user, host = left.rpartition("@")[::2]
        port = None
    where = f"{user}@{host}" if user else host
    extra = ["-p", str(port)] if port else []

    def _command(service: str, path: str) -> list[str]:
        return [*_program(config), *extra, "-o", "SendEnv=GIT_PROTOCOL", where, f"git-{service} {shlex.quote(path)}"]

    return _Program(_command, deadline), path


def _program(config: StackedConfig) -> list[str]:
    """The ssh that the user's git takes, never asking a person."""
    given = os.environ.get("GIT_SSH_COMMAND")
    if not given:
        with contextlib.suppress(KeyError):
            given = config.get((b"core",), b"sshCommand").decode()
    return shlex.split(given) if given else [os.environ.get("GIT_SSH") or "ssh", "-o", "BatchMode=yes"]
