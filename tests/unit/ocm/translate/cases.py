"""What the golden files show: one case a file. `python -m tests.unit.ocm.translate.cases` writes them anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from i4q_ai import Claim, KubeVersion, Label, Placement, Resource, yamls
from i4q_ai import Name as ClusterName
from i4q_ai.manifests import Object, objects
from i4q_ai.placement import REST, Toleration
from i4q_ai_ocm.translate import names, placements, rollouts, works
from tests.unit.manifests import cases as manifests

FOLDER = Path(__file__).parents[3] / "golden" / "ocm"
CNC = (Label("line") == "cnc") & (Resource("memory") >= "1Gi")
GROUPED = Placement(
    "cnc", CNC, count=2, groups={"canary": Label("stage") == "canary", "old": ~(KubeVersion() >= "1.33")}
)
LABELS = {"app.kubernetes.io/managed-by": "i4q-ai", "i4q.ai/deployment": "tool-wear"}


def placed(where: Placement, group: str = REST, **more: Any) -> Object:
    """The Placement of a group of a deployment of the same name."""
    return placements.placement("factory", names.order("factory", where.name, group), where, group, **more)


def told(case: str) -> list[Object]:
    """The objects of a case of the manifests."""
    return objects(*manifests.CASES[case])


def replica_set(case: str, **more: Any) -> Object:
    """The replica set of a case of the manifests."""
    name = names.order("factory", "tool-wear")
    return works.replica_set("factory", name, name, told(case), labels=LABELS, **more)


def work(case: str) -> Object:
    """The work of a case of the manifests."""
    return works.work("edge-1", names.work("factory", "tool-wear"), told(case), labels=LABELS)


def everything() -> Placement:
    """A rule of every kind."""
    rule = (
        (Label("line").is_in("cnc", "paint") & Label("gpu").exists() & ~(Label("stage") == "test"))
        | ((Claim("platform.open-cluster-management.io") == "AWS") & (Claim("serial number") == "4711 b"))
        | (ClusterName("edge-1", "edge-2") & (KubeVersion() >= "1.33") & (Resource("nvidia.com/gpu") >= "1"))
    )
    return Placement("everything", rule)


def many() -> Placement:
    """A rule that would need more predicates than a Placement should have."""
    either = [(Label(f"a{number}") == "x") | (Label(f"b{number}") == "x") for number in range(5)]
    return Placement("many", either[0] & either[1] & either[2] & either[3] & either[4])


PREFERRING = Placement("best", CNC, count=2, prefer={"model-score/accuracy": 3, "cpu": -1, "memory": 1})
TAINTED = Placement(
    "tainted",
    tolerations=(
        Toleration(key="team", value="vision", effect="NoSelect"),
        Toleration(key="old", operator="Exists", effect="NoSelectIfNew"),
    ),
)

CASES: dict[str, tuple[Object, ...]] = {
    "placement-all": (placed(Placement("all")), placements.binding("factory", "edges")),
    "placement-rules": (placed(everything()),),
    "placement-many-predicates": (placed(many()),),
    "placement-groups": tuple(placed(GROUPED, group) for group in GROUPED.group_names),
    "placement-sets": (placed(Placement("all"), sets=("edges", "plant-2"), labels=LABELS, annotations={"note": "x"}),),
    "placement-tolerations": (placed(TAINTED),),
    "placement-prefer": (placed(PREFERRING),),
    "replica-set-server": (replica_set("server-init-container"),),
    "replica-set-files": (replica_set("files"),),
    "replica-set-workload-path": (replica_set("workload-path-claim"),),
    "replica-set-orphan": (works.orphan(replica_set("files")),),
    "replica-set-progressive": (
        replica_set(
            "files",
            rollout=rollouts.progressive(
                clusters=10, max_concurrency="25%", progress_deadline=300, max_failures=1, soak=30
            ),
        ),
    ),
    "work-server": (work("server-image-volume"),),
    "work-workload": (work("workload-url"),),
    "work-polled": (works.work("edge-1", "x", told("workload-path"), watch=False),),
    "work-orphan": (works.orphan(work("files")),),
}


def text(case: tuple[Object, ...]) -> str:
    """The objects as YAML documents."""
    return "---\n".join(yamls.dump(each) for each in case)


def write() -> None:
    """Write every golden file anew."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file in FOLDER.glob("*.yaml"):
        file.unlink()
    for name, case in CASES.items():
        (FOLDER / f"{name}.yaml").write_text(text(case), encoding="utf-8")


if __name__ == "__main__":
    write()
