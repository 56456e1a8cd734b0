"""Who we are to a Git server: given, of a file that `I4Q_GIT_CREDENTIALS` names, or of git's own credential helpers."""

from __future__ import annotations

import logging
import os
import subprocess
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from i4q_ai import config

_log = logging.getLogger(__name__)

_TIMEOUT = 30.0
_LARGEST = 1024 * 1024


@dataclass(frozen=True)
class Credentials:
    """A user and a password, or a token in its place; never printed.

    Args:
        username: where a token is enough, whatever the server wants there.
        password: or token.
    """

    username: str = ""
    password: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return bool(self.username or self.password)


def find(url: str) -> Credentials:
    """The credentials for a repository on a server; empty ones if there are none.

    Args:
        url: of the repository, by http or https.
    """
    return _of_file(url) or _of_git(url)


def choose(text: str, url: str) -> Credentials:
    """Pick the entry that fits best out of lines `https://user:token@host[:port][/path]`, as git's `store` keeps them.

    Example:
        >>> choose("https://bot:secret@git.factory/line", "https://git.factory/line/edges.git").username
        'bot'
    """
    wanted = urlsplit(url)
    fitting: list[tuple[int, Credentials]] = []
    for line in text.splitlines():
        try:
            entry = urlsplit(line.strip())
            same = (entry.scheme, entry.hostname, entry.port) == (wanted.scheme, wanted.hostname, wanted.port)
        except ValueError:
            _log.warning("a line of the file of credentials for Git is no URL and is ignored")
            continue
        path = entry.path.rstrip("/")
        below = not path or wanted.path == path or wanted.path.startswith((f"{path}/", f"{path}.git"))
        if same and below and entry.password is not None and wanted.username in (None, entry.username):
            found = Credentials(unquote(entry.username or ""), unquote(entry.password))
            fitting.append((len(path), found))
    return max(fitting, key=lambda each: each[0])[1] if fitting else Credentials()


def _of_file(url: str) -> Credentials:
    path = config.git_credentials()
    if path is None:
        return Credentials()
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError("too large")
        return choose(path.read_text(), url)
    except (OSError, ValueError) as error:
        _log.warning("%s, which I4Q_GIT_CREDENTIALS names, cannot be read: %s", path, type(error).__name__)
        return Credentials()


def _of_git(url: str) -> Credentials:
    """What git's helpers know, without asking a person."""
    parts = urlsplit(url)
    asked = {"protocol": parts.scheme, "host": parts.netloc.rpartition("@")[2], "path": parts.path.lstrip("/")}
    if parts.username:
        asked["username"] = parts.username
    told = "".join(f"{key}={value}\n" for key, value in asked.items()) + "\n"
    command = ["git", "-c", "core.askPass=", "credential", "fill"]
    try:
        done = subprocess.run(
            command, input=told, capture_output=True, text=True, timeout=_TIMEOUT, check=False, env=silent()
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        _log.debug("git's credential helpers cannot be asked: %s", type(error).__name__)
        return Credentials()
    answer = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    return Credentials(answer.get("username", ""), answer.get("password", "")) if not done.returncode else Credentials()


def silent() -> dict[str, str]:
    """The environment for a git that asks nobody and works on no repository but the one it is told."""
    ours = {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "", "SSH_ASKPASS": "", "LC_ALL": "C"}
    aside = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"}
    return {key: value for key, value in os.environ.items() if key not in aside} | ours
