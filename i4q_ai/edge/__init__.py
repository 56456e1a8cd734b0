"""The edge agent: fetches, verifies, exposes, runs and reports; `python -m i4q_ai.edge FOLDER`."""

from i4q_ai.edge.control import Control, start
from i4q_ai.edge.paths import Paths

__all__ = ["Control", "Paths", "start"]
