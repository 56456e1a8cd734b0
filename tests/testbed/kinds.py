"""Objects and kinds that the test bed puts on its API servers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.testbed.apiserver import ApiServer


def apply(server: ApiServer, *objects: dict[str, Any]) -> None:
    """Create these objects, or bring them to this state.

    Args:
        server: where to.
        *objects: in any order; namespaces of others come first.
    """
    listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    server.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(listed))


def apply_crds(server: ApiServer, crds: Iterable[Path]) -> None:
    """Bring kinds to a server; when this returns, it serves them."""
    files = [f"--filename={path}" for path in crds]
    server.kubectl("apply", "--server-side", *files)
    server.wait("--for=condition=Established", *files)


def namespace(name: str) -> dict[str, Any]:
    """A namespace as an object."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
