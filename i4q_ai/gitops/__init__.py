"""Git, and nothing else: what refs there are, what a branch holds, and a commit of ours on top of it.

It knows no models; `repository` is its door. A tree is never checked out: trees are read, edited and pushed as objects.
"""

from __future__ import annotations

from i4q_ai.gitops.credentials import Credentials
from i4q_ai.gitops.source import Source

__all__ = ["Credentials", "Source"]
