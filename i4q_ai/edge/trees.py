"""Trees of one model or workload on disk, and the links `current` and `previous` that name them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from i4q_ai.edge import crash
from i4q_ai.edge.paths import TREE_NAME

_TREE = re.compile(f"[a-f0-9]{{{TREE_NAME}}}")
_STAGED = ".link."


def present(home: Path) -> frozenset[str]:
    """Names of the trees in a home; a tree has its name only when it is complete."""
    if not home.is_dir():
        return frozenset()
    return frozenset(entry.name for entry in home.iterdir() if _TREE.fullmatch(entry.name) and entry.is_dir())


def linked(home: Path, link: str = "current") -> str | None:
    """The tree that a link names, if it is there."""
    try:
        name = str((home / link).readlink())
    except OSError:
        return None
    return name if (home / name).is_dir() else None


def switch(home: Path, tree: str, *, previous: str | None = None) -> None:
    """Let `current` name a tree, and `previous` another; each link changes in one step.

    Args:
        home: of the model or workload.
        tree, previous: names of trees in it.
    """
    crash.point("before-link")
    if previous is not None:
        _link(home, "previous", previous)
    crash.point("between-links")
    _link(home, "current", tree)
    crash.point("after-link")


def _link(home: Path, link: str, tree: str) -> None:
    staged = home / f"{_STAGED}{link}"
    staged.unlink(missing_ok=True)
    staged.symlink_to(tree)
    staged.replace(home / link)


def tidy(home: Path) -> None:
    """Drop what an agent left half-done; nothing may be under way in this home."""
    if not home.is_dir():
        return
    for entry in home.iterdir():
        if entry.name.startswith("."):
            _delete(entry)


def prune(home: Path, names: Iterable[str]) -> None:
    """Delete trees; each loses its name first, so that half a tree is never seen."""
    for name in sorted(names):
        crash.point("within-prune")
        gone = home / f".gone.{name}"
        _delete(gone)
        (home / name).rename(gone)
        _delete(gone)
    if linked(home, "previous") is None:
        (home / "previous").unlink(missing_ok=True)


def remove(home: Path) -> None:
    """Delete a home with everything in it, and its namespace's folder if it is empty then."""
    if not home.is_dir():
        return
    (home / "current").unlink(missing_ok=True)
    crash.point("within-remove")
    shutil.rmtree(home)
    if not any(home.parent.iterdir()):
        home.parent.rmdir()


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
