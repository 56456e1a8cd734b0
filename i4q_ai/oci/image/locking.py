"""Makes the lock anew: `python -m i4q_ai.oci.image.locking`, in a checkout of this project.

pip resolves what pyproject.toml asks for, for every platform of the image; what the edge never imports is left out.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from i4q_ai.deadline import Deadline
from i4q_ai.errors import InvalidError
from i4q_ai.oci.image.building import LOCK
from i4q_ai.oci.image.collecting import run_pip
from i4q_ai.oci.image.locked import Requirement, dump, normal
from i4q_ai.oci.image.platforms import PLATFORMS, PYTHON

EXTRA = "serve"
UNASKED = frozenset({"kubernetes", "msgspec", "oras", "uvicorn"})
"""What pyproject.toml asks for and the image does not need: the API of Kubernetes and what reads its large lists, the
registry class that only existing code uses, the server behind `--protocol asgi`."""

UNUSED = frozenset(
    {"coloredlogs", "flatbuffers", "humanfriendly", "mpmath", "packaging", "protobuf", "pycparser", "sympy"}
)
"""What onnxruntime asks for and only its tools for changing models import; and what cffi needs to make bindings."""

_TIMEOUT = 600
_HEAD = f"""\
# The packages of the image, for CPython {PYTHON[0]}.{PYTHON[1]} on {", ".join(map(str, PLATFORMS))}.
# Made by `python -m i4q_ai.oci.image.locking`.
"""


def asked(project: Mapping[str, Any]) -> list[str]:
    """The requirements that pyproject.toml asks for at the edge.

    Args:
        project: its table `project`.
    """
    requirements = [*project["dependencies"], *project["optional-dependencies"][EXTRA]]
    return [each for each in requirements if _name(each) not in UNASKED]


def locked(reports: Sequence[Mapping[str, Any]]) -> list[Requirement]:
    """One lock for all platforms.

    Args:
        reports: of `pip install --report`, one a platform.

    Raises:
        InvalidError: the platforms do not get the same packages in the same versions.
    """
    hashes: dict[tuple[str, str], set[str]] = {}
    counts: dict[tuple[str, str], int] = {}
    for report in reports:
        for item in report["install"]:
            key = normal(item["metadata"]["name"]), item["metadata"]["version"]
            if key[0] not in UNUSED:
                hashes.setdefault(key, set()).add(item["download_info"]["archive_info"]["hashes"]["sha256"])
                counts[key] = counts.get(key, 0) + 1
    uneven = sorted(f"{name} {version}" for (name, version), count in counts.items() if count != len(reports))
    if uneven:
        raise InvalidError(f"not every platform gets {', '.join(uneven)}")
    return [Requirement(name, version, frozenset(found)) for (name, version), found in hashes.items()]


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the lock."""
    parser = argparse.ArgumentParser(prog="python -m i4q_ai.oci.image.locking", description="Makes the lock anew.")
    parser.add_argument("project", type=Path, nargs="?", default=Path("pyproject.toml"))
    parser.add_argument("--to", type=Path, default=LOCK)
    given = parser.parse_args(arguments)
    wanted = asked(tomllib.loads(given.project.read_text(encoding="utf-8"))["project"])
    deadline = Deadline.after(_TIMEOUT, "making the lock")
    requirements = locked([_resolved(wanted, platform, deadline) for platform in PLATFORMS])
    given.to.write_text(_HEAD + dump(requirements), encoding="utf-8")
    sys.stdout.write(f"{given.to}: {len(requirements)} packages\n")


def _resolved(wanted: Sequence[str], platform: Any, deadline: Deadline) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        options = ["--dry-run", "--ignore-installed", "--target", folder, "--report", str(report)]
        run_pip(["install", *options, *wanted], platform, deadline)
        told: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return told


def _name(requirement: str) -> str:
    end = next((at for at, letter in enumerate(requirement) if not (letter.isalnum() or letter in "-_.")), None)
    return normal(requirement[:end])


if __name__ == "__main__":
    main()
