"""Deploys the module: two models and the workload that consumes them, to every cluster of a line.

Which hub it goes to, and by which registry, is configuration (`I4Q_HUB`, `I4Q_REGISTRY`); nothing here knows what
stands behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import i4q_ai as i4q
from lrt import train

APP = Path(__file__).parent / "app"


@dataclass(frozen=True)
class Module:
    """The handles of what is deployed.

    Args:
        failure_risk: a model with a server, asked over REST.
        overstrain: a model as files, read by the workload.
        app: the workload.
    """

    failure_risk: i4q.Deployment
    overstrain: i4q.Deployment
    app: i4q.Deployment

    def wait(self, *, timeout: float = 120) -> Module:
        """Wait for all of it; the files are in use only once the workload runs, so that it comes before them."""
        for deployment in (self.failure_risk, self.app, self.overstrain):
            deployment.wait(timeout=timeout)
        return self

    def delete(self) -> None:
        """Take all of it away, users first."""
        for deployment in (self.app, self.failure_risk, self.overstrain):
            deployment.delete()


def workload(version: str = "1") -> i4q.Workload:
    """The program and what it uses."""
    return i4q.Workload.from_dir(
        APP,
        name="line-advisor",
        version=version,
        command=["python", "main.py"],
        uses={"failure-risk": "url", "overstrain": "path"},
        port=8000,
        ready="/ready",
        description="Says which configuration of the line is best",
    )


def deploy(hub: i4q.Hub, *, line: str = "cnc", version: str = "1") -> Module:
    """Train, push and deploy everything.

    Args:
        hub: any.
        line: value of the label `line` of the clusters that are meant.
        version: of the models.
    """
    where = i4q.Placement(f"line-{line}", i4q.Label("line") == line)
    risk, strain = (model.push() for model in train.models(version))
    return Module(
        failure_risk=hub.deploy(risk, to=where),
        overstrain=hub.deploy(strain, to=where, flavour="files"),
        app=hub.deploy(workload().push(), to=where),
    )
