"""The contract, whole."""

from __future__ import annotations

from i4q_ai.testing.deploying import DeployingCases
from i4q_ai.testing.faults import FaultCases
from i4q_ai.testing.fleet import FleetCases
from i4q_ai.testing.moving import MovingCases
from i4q_ai.testing.refusing import RefusingCases
from i4q_ai.testing.scoring import ScoringCases
from i4q_ai.testing.store import StoreCases
from i4q_ai.testing.workloads import WorkloadCases


class BackendContract(
    StoreCases, FleetCases, DeployingCases, MovingCases, ScoringCases, FaultCases, WorkloadCases, RefusingCases
):
    """What a backend must keep: inherit it, say how to open the backend, and run pytest.

    Override the fixture `connection`; `cut` and `join` where clusters are not stopped and started by the hub;
    `repository` where clusters cannot fetch from a folder of this machine; `clusters` for other names.
    """
