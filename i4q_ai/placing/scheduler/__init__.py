"""Placements decided exactly as Open Cluster Management's scheduler decides them: pure, offline, over plain objects.

```
Index(clusters) ─┐
                 ├─ World(index, others) ─ schedule(world, namespace, name, now=…) ─ Scheduled ─ report
others ──────────┘
```
`decide(objects, …)` does it all for one dump; `reason(scheduled, cluster)` says why; `check(placement)` reads it before
anybody applies it.
"""

from i4q_ai.placing.scheduler.checking import Finding, Findings, check
from i4q_ai.placing.scheduler.index import Index
from i4q_ai.placing.scheduler.outcome import decide, report
from i4q_ai.placing.scheduler.schedule import Scheduled, schedule
from i4q_ai.placing.scheduler.why import Reason, reason, reasons
from i4q_ai.placing.scheduler.world import World

__all__ = [
    "Finding",
    "Findings",
    "Index",
    "Reason",
    "Scheduled",
    "World",
    "check",
    "decide",
    "reason",
    "reasons",
    "report",
    "schedule",
]
