"""Makes formats known that misbehave. Python imports this at start where this folder is on PYTHONPATH, as the
server's and its children's environment has it."""

from i4q_ai.serve.loaders import register

for _format in ("segfault", "abort", "eat", "silence"):
    register(_format, f"misbehaving:{_format}")
