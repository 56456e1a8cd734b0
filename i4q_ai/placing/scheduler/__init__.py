"""Placements decided exactly as Open Cluster Management's scheduler decides them: pure, offline, over plain objects.

```
Index(clusters) ─┐
                 ├─ World(index, others) ─ schedule(world, namespace, name, now=…) ─ Scheduled ─ report
others ──────────┘
```
`decide(objects, …)` does it all for one dump.
"""

from i4q_ai.placing.scheduler.index import Index
from i4q_ai.placing.scheduler.outcome import decide, report
from i4q_ai.placing.scheduler.schedule import Scheduled, schedule
from i4q_ai.placing.scheduler.world import World

__all__ = ["Index", "Scheduled", "World", "decide", "report", "schedule"]
