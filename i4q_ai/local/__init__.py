"""The embedded backend: clusters are folders on this machine, each with an edge agent; the state is in SQLite."""

from i4q_ai.local.backend import EmbeddedBackend

__all__ = ["EmbeddedBackend"]
