"""Hands the module over by Git: the training tool pushes what it made, and a listener brings it to the edges.

Nothing here knows a hub or a cluster; it needs a registry (`I4Q_REGISTRY`) and a repository that it may write to.
"""

from __future__ import annotations

import i4q_ai as i4q
from lrt import train
from lrt.deploy import workload


def push(repo: str, *, path: str = "releases/lrt", line: str = "cnc", version: str = "1") -> str:
    """Train, push to the registry, and push a release to Git.

    Args:
        repo: URL of the repository.
        path: a folder in it that is ours alone.
        line: value of the label `line` of the clusters that are meant.
        version: of the models.

    Returns:
        The commit.
    """
    where = i4q.Placement(f"line-{line}", i4q.Label("line") == line)
    risk, strain = (model.push() for model in train.models(version))
    app = workload().push()
    release = i4q.Release(
        models=(risk, strain),
        workloads=(app,),
        placements=(where,),
        deployments=(
            {"model": risk.name, "to": where.name},
            {"model": strain.name, "to": where.name, "flavour": "files"},
            {"workload": app.name, "to": where.name},
        ),
    )
    return release.push(repo, path=path, author="LRT <lrt@factory.example>")
