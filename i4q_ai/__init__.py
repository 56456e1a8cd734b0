"""i4Q AI: gets AI models from the cloud to the factory edge, and keeps them good there."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from i4q_ai.cluster import Cluster, Taint
    from i4q_ai.deployment import Deployment
    from i4q_ai.hub import Hub
    from i4q_ai.model import Model
    from i4q_ai.placement import Placement
    from i4q_ai.placing.builders import Claim, KubeVersion, Label, Name, Resource
    from i4q_ai.placing.simulate import WhatIf
    from i4q_ai.plan import Plan
    from i4q_ai.release import Release
    from i4q_ai.rollout.rollout import Rollout
    from i4q_ai.status import Status
    from i4q_ai.trust import Trust
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
    "Trust",
    "WhatIf",
    "Workload",
]

# Names are loaded on first use: the processes at the edge import this package too, and need none of them.
_HOMES = {
    "Claim": "placing.builders",
    "Cluster": "cluster",
    "Deployment": "deployment",
    "Hub": "hub",
    "KubeVersion": "placing.builders",
    "Label": "placing.builders",
    "Model": "model",
    "Name": "placing.builders",
    "Placement": "placement",
    "Plan": "plan",
    "Release": "release",
    "Resource": "placing.builders",
    "Rollout": "rollout.rollout",
    "Status": "status",
    "Taint": "cluster",
    "Trust": "trust",
    "WhatIf": "placing.simulate",
    "Workload": "workload",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
