"""Bytecode beside sources: a container with a read-only root would compile all it imports at every start."""

from __future__ import annotations

import logging
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from i4q_ai.deadline import Deadline
from i4q_ai.errors import DeadlineError, I4qError, UnsupportedError
from i4q_ai.oci.image.platforms import PYTHON

_log = logging.getLogger(__name__)
_TAG = f"cpython-{PYTHON[0]}{PYTHON[1]}"


def compiler() -> tuple[str, str]:
    """The interpreter whose bytecode the image's Python takes: this one, or one on the PATH.

    Returns:
        Its program and its version; releases of one minor version may write a few files differently.

    Raises:
        UnsupportedError: there is none.
    """
    if sys.version_info[:2] == PYTHON and sys.implementation.name == "cpython":
        return sys.executable, platform.python_version()
    wanted = f"python{PYTHON[0]}.{PYTHON[1]}"
    found = shutil.which(wanted)
    if found is None:
        raise UnsupportedError(
            f"bytecode for the image needs {wanted}, and there is none on the PATH",
            hint="install it, or build without bytecode: the image then starts slower",
        )
    asked = [found, "-c", "import platform; print(platform.python_version())"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise I4qError(f"{found} does not run: {done.stderr.strip()[-200:]}")
    return found, done.stdout.strip()


def compile_tree(folder: Path, at: str, program: str, deadline: Deadline) -> None:
    """Compile all sources below a folder.

    The files do not depend on times or on where the folder is, and are taken without a look at the source.
    A source that is not for this Python is left as it is, as pip leaves it.

    Args:
        folder: that holds the sources.
        at: the path of this folder in the image, for tracebacks.
        program: the interpreter.
        deadline: after which it is ended.
    """
    command = [program, "-I", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    # -I would ignore PYTHONHASHSEED; the order of sets does not reach the bytecode of this version.
    try:
        done = subprocess.run(
            [*command, "-s", str(folder), "-p", at, str(folder)],
            capture_output=True,
            text=True,
            timeout=deadline.left(),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DeadlineError("compiling the packages of an image took longer than it was given") from error
    if done.returncode:
        _log.info("not compiled: %s", done.stdout.strip()[-2000:])


def compiled(path: str) -> str:
    """Where the bytecode of a source lies.

    Example:
        >>> compiled("a/b.py")
        'a/__pycache__/b.cpython-311.pyc'
    """
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}__pycache__/{name.removesuffix('.py')}.{_TAG}.pyc"
