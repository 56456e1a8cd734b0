"""Who gets which digest next: `step` decides, purely; whoever is there applies it."""

from i4q_ai.rollout.rollout import Rollout
from i4q_ai.rollout.step import Seen, Step, step

__all__ = ["Rollout", "Seen", "Step", "step"]
