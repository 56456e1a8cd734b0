"""CEL over clusters, as Open Cluster Management's scheduler understands it."""

from i4q_ai.placing.cel.program import Program, ScoreLookup, asked, compile  # noqa: A004 - as in re.compile

__all__ = ["Program", "ScoreLookup", "asked", "compile"]
