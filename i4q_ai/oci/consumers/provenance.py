"""Where a model comes from: SLSA provenance 1.0 as an in-toto statement. Pure; what is not known is not told."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from i4q_ai.errors import InvalidError
from i4q_ai.model import Model
from i4q_ai.oci.media import canonical

TYPE = "application/vnd.in-toto+json"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "https://i4q.ai/packing/v1"
"""Files are packed as the artifact's reference page says; the same files, name and version give the same digest."""

_STATEMENT = "https://in-toto.io/Statement/v1"
_SOURCE = re.compile(r"(?P<uri>[a-z][a-z0-9+.-]*:[^\s@]+(?:@[^\s@]+)*)@(?P<commit>[a-f0-9]{40}|[a-f0-9]{64})")
_URI = re.compile(r"[a-z][a-z0-9+.-]*:\S+")


def provenance(model: Model, *, builder: str | None = None, sources: Sequence[str] = ()) -> bytes:
    """The provenance of a pushed model: what it was packed from, and by what.

    It is a claim of whoever makes it, and worth as much as a signature over it.

    Args:
        model: pushed.
        builder: a URI of the machine or pipeline that packed it; this package's if not given.
        sources: what it was trained with, each `URI@COMMIT` as git has it: `git+https://host/repository@…`.

    Raises:
        InvalidError: the model is not pushed yet, the builder is no URI, or a source names no commit.

    Example:
        >>> reference = "registry.factory:5000/models/tool-wear@sha256:" + "0" * 64
        >>> b"slsa.dev/provenance/v1" in provenance(Model(name="tool-wear", version="1", reference=reference))
        True
    """
    if builder is not None and not _URI.fullmatch(builder):
        raise InvalidError(f"builder {builder!r} is no URI", hint="https://ci.factory/pipelines/7")
    ours = version("i4q-ai")
    files = [{"name": file.path, "digest": {"sha256": file.sha256}} for file in model.files]
    statement = {
        "_type": _STATEMENT,
        "subject": [{"name": f"{model.name} {model.version}", "digest": _digest(model)}],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"name": model.name, "version": model.version, "format": model.format},
                "resolvedDependencies": [*map(_source, sources), *files],
            },
            "runDetails": {
                "builder": {"id": builder or f"pkg:pypi/i4q-ai@{ours}", "version": {"i4q-ai": ours}},
            },
        },
    }
    return canonical(statement)


def _digest(model: Model) -> dict[str, str]:
    algorithm, _, hexes = model.digest.partition(":")
    return {algorithm: hexes}


def _source(text: str) -> dict[str, Any]:
    match = _SOURCE.fullmatch(text)
    if match is None:
        raise InvalidError(
            f"source {text!r} names no commit, so that it could be another tomorrow",
            hint="git+https://host/repository@ and the 40 hex digits of a commit",
        )
    return {"uri": match["uri"], "digest": {"gitCommit": match["commit"]}}
