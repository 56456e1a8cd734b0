"""i4Q AI: gets AI models from the cloud to the factory edge, and keeps them good there."""

from i4q_ai.cluster import Cluster, Taint
from i4q_ai.deployment import Deployment
from i4q_ai.hub import Hub
from i4q_ai.model import Model
from i4q_ai.placement import Placement
from i4q_ai.placing.rules import Claim, KubeVersion, Label, Name, Resource
from i4q_ai.plan import Plan
from i4q_ai.release import Release
from i4q_ai.rollout.step import Rollout
from i4q_ai.status import Status
from i4q_ai.workload import Workload

__all__ = [
    "Claim",
    "Cluster",
    "Deployment",
    "Hub",
    "KubeVersion",
    "Label",
    "Model",
    "Name",
    "Placement",
    "Plan",
    "Release",
    "Resource",
    "Rollout",
    "Status",
    "Taint",
    "Workload",
]
