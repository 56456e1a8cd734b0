"""A pod as its edge agent sees it: a service account with a minimal Role on a real API server, and ConfigMaps there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from i4q_ai.desired import Desired, ModelItem
from i4q_ai.edge import Control, Paths
from i4q_ai.model import Model
from i4q_ai.status import Observation, Phase, Report
from tests.e2e.edge.cutting import Cable
from tests.e2e.edge.plant import DEADLINE, eventually
from tests.testbed.apiserver import ApiServer

STATUS = "line-status"


@dataclass
class Pod:
    """One pod with an edge agent, and the ConfigMaps that tell it what to bring."""

    base: Path
    apiserver: ApiServer
    namespace: str
    cable: Cable
    name: str = "line-0"
    maps: tuple[str, ...] = ("model-wear",)
    revision: int = 0
    token: str = ""
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def paths(self) -> Paths:
        return Paths(self.base / "shared")

    @property
    def words(self) -> Path:
        return self.base / "termination-log"

    def prepare(self) -> None:
        """Make the account, its rights and the ConfigMap for reports, and what a kubelet mounts."""
        account = self.base / "account"
        account.mkdir()
        self.apply(*rights(self.namespace, self.maps))
        self.token = self.apiserver.kubectl("create", "token", "line", "-n", self.namespace)
        (account / "token").write_text(self.token)
        (account / "ca.crt").write_bytes(self.apiserver.authority.read_bytes())
        self.words.touch()

    def apply(self, *objects: dict[str, Any]) -> None:
        document = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.apiserver.kubectl("apply", "-f", "-", input=json.dumps(document))

    def model(self, version: str, *, name: str = "wear", flavour: str = "files") -> ModelItem:
        """Push a model of one file and make the item that asks for it."""
        file = self.base / "made" / f"{name}-{version}" / "weights.bin"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{name} {version}")
        to = f"oci:{self.base / 'registry' / name}"
        pushed = Model.from_files({"weights.bin": file}, name=name, version=version, format="files").push(to)
        assert pushed.reference
        return ModelItem(
            namespace="i4q", name=name, model=name, version=version, digest=pushed.digest,
            references=(pushed.reference,), flavour=flavour,
        )  # fmt: skip

    def want(self, item: ModelItem) -> None:
        """Let the model's ConfigMap name this version."""
        self.revision += 1
        self.apply(self.configmap(item.replace(revision=self.revision)))

    def configmap(self, item: ModelItem) -> dict[str, Any]:
        desired = Desired(cluster="edge-1", revision=item.revision, models=(item,))
        return _configmap(self.namespace, f"model-{item.name}", {"desired.json": desired.to_json()})

    def run(self, *options: str, **variables: str) -> subprocess.Popen[bytes]:
        """Start the agent as a container would."""
        program = [sys.executable, "-m", "i4q_ai.edge.sidecar", str(self.paths.folder), "--namespace", self.namespace]
        for name in self.maps:
            program += ["--configmap", name]
        program += ["--status", STATUS, "--pod", self.name, "--account", str(self.base / "account")]
        program += ["--termination-log", str(self.words), *options]
        host, port = self.cable.address
        told = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": str(port), **variables}
        agent = subprocess.Popen(program, env={**os.environ, **told}, start_new_session=True)
        self.started.append(agent)
        return agent

    def published(self) -> Report | None:
        """What the status ConfigMap says of this pod."""
        url = f"{self.apiserver.url}/api/v1/namespaces/{self.namespace}/configmaps/{STATUS}"
        told = {"Authorization": f"Bearer {self.token}"}
        answer = requests.get(url, headers=told, verify=str(self.apiserver.authority), timeout=DEADLINE)
        answer.raise_for_status()
        data = answer.json().get("data", {})
        return Report.model_validate_json(data[f"{self.name}.json"]) if f"{self.name}.json" in data else None

    def report(self) -> Report:
        """What the agent has written down."""
        return Control(self.paths.folder).report() or Report(cluster="", time=datetime.now(UTC))

    def until(self, name: str, wanted: Phase, *, version: str = "") -> Observation:
        """Wait until the agent says so, through its socket."""
        last = None
        for report in Control(self.paths.folder).watch(DEADLINE):
            for seen in report.items if report else ():
                last = seen if seen.name == name else last
                if seen.name == name and seen.phase is wanted and version in ("", seen.version):
                    return seen
        raise AssertionError(f"'{name}' never came so far; last: {last}")

    def until_published(self, fits: Callable[[Report], bool]) -> None:
        """Wait until there is a report of this pod in the status ConfigMap that fits."""

        def found() -> bool:
            report = self.published()
            return report is not None and fits(report)

        eventually(found)

    def content(self, name: str = "wear") -> str:
        """What the workload reads."""
        return (self.paths.home("model", "i4q", name) / "current" / "weights.bin").read_text()

    def end(self) -> None:
        """Leave nothing behind."""
        for agent in self.started:
            if agent.poll() is None:
                agent.send_signal(signal.SIGTERM)
            agent.wait(DEADLINE)
        self.cable.close()


def rights(namespace: str, maps: tuple[str, ...], *, without: str = "") -> list[dict[str, Any]]:
    """The rights that an agent is given, or one less."""
    about = {"name": "line", "namespace": namespace}
    rbac = "rbac.authorization.k8s.io"
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": about},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "Role",
            "metadata": about,
            "rules": [
                _rule([verb for verb in ("get", "list", "watch") if verb != without], list(maps)),
                _rule([verb for verb in ("get", "patch") if verb != without], [STATUS]),
            ],
        },
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": about,
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "line"},
            "subjects": [{"kind": "ServiceAccount", "name": "line", "namespace": namespace}],
        },
        _configmap(namespace, STATUS, None),
    ]


def versions(report: Report) -> dict[str, str]:
    """Name → version of what is ready."""
    return {item.name: item.version for item in report.items if item.phase is Phase.READY}


def _rule(verbs: list[str], names: list[str]) -> dict[str, Any]:
    return {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": names, "verbs": verbs}


def _configmap(namespace: str, name: str, data: dict[str, str] | None) -> dict[str, Any]:
    made: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}}
    return made if data is None else {**made, "data": data}
