"""One changed version published into a large repository, against the git program doing the same by hand.

Run: python -m tests.bench publish
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

from i4q_ai.deadline import Deadline
from i4q_ai.desired import ModelItem
from i4q_ai.gitops import Source, repository
from i4q_ai.gitops.repository import Commit
from i4q_ai.manifests import Site, rendered
from tests.bench.rows import Row, compared
from tests.testbed.gitserver import GitServer
from tests.unit import things

ROUNDS = 5
DEPLOYMENTS = 500
FILES = 10_000
_TIMEOUT = 300
_SITE = Site(cluster="git", namespace="i4q", hub="git", image=f"registry.example/i4q/edge@{things.digest('edge')}")


def run() -> list[Row]:
    """Ours and git's in turn, over http, on the same server."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="bench-publish-") as folder, GitServer(Path(folder) / "git") as server:
        for about, deployments, files, limit in (
            (f"a tree for {DEPLOYMENTS} deployments", DEPLOYMENTS, 0, 1.0),
            (f"a repository of {FILES} files", 2, FILES, 2.0),
        ):
            url = server.create(f"with-{deployments}-{files}")
            _fill(Path(folder), url, deployments, files)
            rows += _measured(Path(folder), url, about, limit)
    return rows


def _measured(folder: Path, url: str, about: str, limit: float) -> list[Row]:
    cache = folder / "cache"
    known = _publish(url, 1, cache, None).files
    ways: dict[str, Callable[[int], object]] = {
        "git": lambda version: _by_hand(folder, url, version),
        "first": lambda version: _publish(url, version, None, known),
        "next": lambda version: _publish(url, version, cache, known),
    }
    times: dict[str, list[float]] = {way: [] for way in ways}
    version = 1
    for _ in range(ROUNDS):
        for way, publish in ways.items():
            version += 1
            began = perf_counter()
            made = publish(version)
            times[way].append(perf_counter() - began)
            if isinstance(made, Commit):
                known = made.files
    git, first, later = (median(times[way]) for way in ways)
    note = f"goal in seconds: {limit:g}; git: clone --depth 1, edit, commit, push"
    return [
        compared(f"{about}: a first publish", first, git, goal=1.0, unit="s", note=note),
        compared(f"{about}: each further one", later, git, goal=1.0, unit="s", note=note),
    ]


def _item(name: str, version: int) -> ModelItem:
    digest = things.digest(f"{name}{version}")
    return ModelItem(
        namespace="i4q", name=name, model=name, version=str(version), digest=digest,
        references=(f"registry.example/models/{name}@{digest}",),
    )  # fmt: skip


def _publish(url: str, version: int, cache: Path | None, known: object) -> Commit:
    folders = {"model-0": rendered(_item("model-0", version), _SITE, form="manifests")}
    return repository.write(
        Source(repo=url, path="edges"), folders, message=f"model-0: {version}", author="Bench <bench@plant.example>",
        cache=cache, known=known, deadline=Deadline.after(_TIMEOUT),  # type: ignore[arg-type]
    )  # fmt: skip


def _by_hand(folder: Path, url: str, version: int) -> None:
    clone = folder / "by-hand"
    _git(folder, "clone", "--quiet", "--depth", "1", url, str(clone))
    for name, text in rendered(_item("model-1", version), _SITE, form="manifests").items():
        (clone / "edges" / "model-1" / name).write_text(text, encoding="utf-8")
    _git(clone, "commit", "--quiet", "--all", "-m", f"model-1: {version}")
    _git(clone, "push", "--quiet", "origin", "main")
    shutil.rmtree(clone)


def _fill(folder: Path, url: str, deployments: int, files: int) -> None:
    """Many deployments of ours, and many files of others."""
    made = {
        f"model-{number}": rendered(_item(f"model-{number}", 0), _SITE, form="manifests")
        for number in range(deployments)
    }
    repository.write(
        Source(repo=url, path="edges"), made, message="All", author="Bench <bench@plant.example>",
        deadline=Deadline.after(_TIMEOUT),
    )  # fmt: skip
    if not files:
        return
    clone = folder / "fill"
    _git(folder, "clone", "--quiet", url, str(clone))
    for number in range(files):
        path = clone / f"part-{number % 100}" / f"file-{number}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"number: {number}\n" * 20, encoding="utf-8")
    _git(clone, "add", "--all")
    _git(clone, "commit", "--quiet", "-m", "Theirs")
    _git(clone, "push", "--quiet", "origin", "main")
    shutil.rmtree(clone)


def _git(folder: Path, *arguments: str) -> str:
    who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
           for what, value in (("NAME", "Bench"), ("EMAIL", "bench@plant.example"))}  # fmt: skip
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", "-c", "gc.auto=0", "-c", "maintenance.auto=false", "-C", str(folder), *arguments],
        check=True, capture_output=True, text=True, timeout=_TIMEOUT, env=env | who | {"GIT_CONFIG_GLOBAL": os.devnull},
    )  # fmt: skip
    return done.stdout.strip()
