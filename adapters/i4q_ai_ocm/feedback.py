"""What a ManifestWork's status says: what was applied, and what the objects at the edge say of themselves. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from sys import intern
from typing import Any

from i4q_ai.manifests import Object
from i4q_ai.status import Report
from i4q_ai_ocm.translate.reporting import REPORT

READ = "reported"
"""Key of a condensed work: what its objects say, read already."""
_SHORT = 128
"""Characters of a text that thousands of clusters say alike; it is kept once."""


@dataclass(frozen=True)
class Reported:
    """What one object at the edge says of itself.

    Args:
        kind, name: of the object.
        values: as the feedback rules name them.
    """

    kind: str
    name: str
    values: dict[str, Any] = field(default_factory=dict)

    def number(self, name: str) -> int:
        """A count; 0 where nothing is said."""
        return int(self.values.get(name, 0))

    def text(self, name: str) -> str:
        """A text; empty where nothing is said."""
        return str(self.values.get(name, ""))

    def time(self, name: str) -> datetime | None:
        """A time; None where nothing is said."""
        told = self.text(name)
        return datetime.fromisoformat(told) if told else None

    @cached_property
    def report(self) -> Report | None:
        """What an edge agent beside a workload has written; None where there is nothing that can be read."""
        text = self.text(REPORT)
        try:
            return Report.model_validate(json.loads(text)) if text else None
        except ValueError:
            return None  # of an agent of another release, or cut: as good as none


def reported(work: Object) -> Sequence[Reported]:
    """What the objects of a work say."""
    return work[READ] if READ in work else [*_reported(work)]


def _reported(work: Object) -> Iterator[Reported]:
    for manifest in ((work.get("status") or {}).get("resourceStatus") or {}).get("manifests") or ():
        about, told = manifest["resourceMeta"], (manifest.get("statusFeedback") or {}).get("values") or ()
        yield said(about.get("kind", ""), about.get("name", ""), told)


def said(kind: str, name: str, told: Iterable[Object]) -> Reported:
    """What one object says, from the values that a work carries of it."""
    return Reported(intern(kind), intern(name), {intern(each["name"]): _value(each["fieldValue"]) for each in told})


@dataclass(frozen=True)
class Refusal:
    """Why an object could not be applied.

    Args:
        text: what the work agent says.
        passing: its API server did not answer, or could not; the agent tries again by itself.
    """

    text: str
    passing: bool


_PASSING = re.compile(
    r'\b(Get|Patch|Put|Post|Delete) "https?://|etcdserver|timed? ?out|unable to|too many requests', re.IGNORECASE
)


def refusals(work: Object) -> list[Refusal]:
    """Why objects of a work could not be applied, as the work agent says."""
    found = []
    for manifest in ((work.get("status") or {}).get("resourceStatus") or {}).get("manifests") or ():
        for each in manifest.get("conditions") or ():
            if each["type"] == "Applied" and each["status"] == "False":
                about = manifest["resourceMeta"]
                told = str(each.get("message", ""))
                found.append(Refusal(f"{about.get('kind')} '{about.get('name')}': {told}", bool(_PASSING.search(told))))
    return found


def is_applied(work: Object) -> bool | None:
    """Whether the edge has all of a work as it is now; None if it has not said so yet."""
    generation = work["metadata"].get("generation", 0)
    for each in (work.get("status") or {}).get("conditions") or ():
        if each["type"] == "Applied" and each.get("observedGeneration", 0) >= generation:
            return bool(each["status"] == "True")
    return None


def done_since(work: Object) -> datetime | None:
    """Since when nothing of a work is on its way any more; None where it is, or nobody has said."""
    for each in (work.get("status") or {}).get("conditions") or ():
        if each["type"] == "Progressing" and each["status"] == "False":
            return datetime.fromisoformat(each["lastTransitionTime"])
    return None


def reports(works: Iterable[Object]) -> Iterator[Report]:
    """What edge agents beside workloads have written."""
    for work in works:
        yield from (each.report for each in reported(work) if each.report is not None)


def _value(told: Object) -> Any:
    found = next((told[kind] for kind in ("integer", "string", "boolean", "jsonRaw") if kind in told), None)
    return intern(found) if isinstance(found, str) and len(found) <= _SHORT else found
