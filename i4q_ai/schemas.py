"""JSON Schemas of the documents, for other programs: `python -m i4q_ai.schemas docs/schemas` writes them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from i4q_ai.cluster import Cluster
from i4q_ai.desired import Desired
from i4q_ai.listening.rules import Listener
from i4q_ai.model import Model
from i4q_ai.overlay import Overlay
from i4q_ai.placement import Placement
from i4q_ai.release import Release
from i4q_ai.status import Report, Status
from i4q_ai.thing import API_VERSION, Document, Thing
from i4q_ai.trust import Trust
from i4q_ai.workload import Workload

KINDS: tuple[type[Thing], ...] = (
    Model, Workload, Placement, Cluster, Release, Overlay, Trust, Listener, Status, Desired, Report,
)  # fmt: skip
"""What has a schema of its own."""

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(kind: type[Thing]) -> dict[str, Any]:
    """The JSON Schema of one kind of document, as it stands in a file.

    Example:
        >>> schema(Cluster)["required"]
        ['apiVersion', 'kind', 'name']
    """
    made = kind.model_json_schema(by_alias=True, mode="validation")
    for each in (made, *made.get("$defs", {}).values()):
        _first_sentence(each)
        _groups_by_name(each)
        _untitled(each)
    if issubclass(kind, Document):
        head = {"apiVersion": {"const": API_VERSION}, "kind": {"const": kind.__name__}}
        made["properties"] = {**head, **made["properties"]}
        made["required"] = [*head, *made.get("required", [])]
    return {"$schema": _DIALECT, **made}


def write(folder: Path) -> list[Path]:
    """Write all schemas into a folder; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for kind in KINDS:
        file = folder / f"{kind.__name__.lower()}.json"
        file.write_text(text(kind), encoding="utf-8")
        written.append(file)
    return written


def text(kind: type[Thing]) -> str:
    """What the file of one kind holds."""
    return json.dumps(schema(kind), indent=2, ensure_ascii=False) + "\n"


def _first_sentence(made: dict[str, Any]) -> None:
    """Docstrings go on with Args, which are for readers of Python."""
    if "description" in made:
        made["description"] = " ".join(made["description"].split("\n\n")[0].split())


def _groups_by_name(made: dict[str, Any]) -> None:
    """A placement's groups may also be written as a mapping, name to rule."""
    groups = made.get("properties", {}).get("groups")
    if made.get("title") == "Placement" and groups is not None:
        rule = made["properties"]["rule"]["anyOf"][0]
        listed = {key: groups.pop(key) for key in ("items", "type")}
        groups["anyOf"] = [listed, {"type": "object", "additionalProperties": rule}]


def _untitled(made: dict[str, Any]) -> None:
    """The titles of fields only repeat their names."""
    for field in made.get("properties", {}).values():
        field.pop("title", None)


def main(arguments: list[str]) -> int:
    """Write the schemas into the folder that is the one argument."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m i4q_ai.schemas FOLDER\n")
        return 2
    for file in write(Path(arguments[0])):
        sys.stdout.write(f"{file}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
