"""A pack that has come: small ones are taken in by the library, large ones by the git program where there is one."""

from __future__ import annotations

import shutil
import subprocess
from typing import IO

from dulwich.repo import Repo

from i4q_ai.deadline import Deadline
from i4q_ai.errors import DeadlineError, GitError
from i4q_ai.gitops.credentials import silent

_LARGE = 256 * 1024
"""Bytes, from which on a program of its own is worth its start."""


def take_in(repo: Repo, pack: IO[bytes], deadline: Deadline) -> None:
    """Make the objects of a pack those of a repository.

    Args:
        repo: on this disk.
        pack: positioned at its end.
        deadline: when to give up.

    Raises:
        GitError: the pack is broken.
    """
    size = pack.tell()
    if not size:
        return
    pack.seek(0)
    if size < _LARGE or shutil.which("git") is None:
        repo.object_store.add_thin_pack(pack.read, None)
        return
    command = ["git", "--git-dir", str(repo.controldir()), "index-pack", "--stdin", "--fix-thin"]
    try:
        done = subprocess.run(
            command, stdin=pack, capture_output=True, timeout=max(deadline.left(), 0.001), check=False, env=silent()
        )
    except subprocess.TimeoutExpired as error:
        raise DeadlineError("reading what Git has sent took longer than it was given", hint="give it longer") from error
    if done.returncode:
        why = done.stderr.decode(errors="replace").strip().splitlines()
        raise GitError(f"what Git has sent is broken: {why[-1] if why else done.returncode}")
    repo.object_store.close()  # opens anew what it looks for then
