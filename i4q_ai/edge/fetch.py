"""The program `python -m i4q_ai.edge.fetch REFERENCE FOLDER`: an init container that brings what an image volume would.

The folder then shows the files of the artifact as an image volume of the same digest does: a model's below `models/`, a
workload's below `app/`, each with `i4q.json`. They appear whole and verified, or not at all; a container that is
started again finds them, or begins anew.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from i4q_ai.edge import termination, trusting
from i4q_ai.errors import I4qError, ReferenceInvalid, StorageError
from i4q_ai.trust import Trust

TIMEOUT = 3600.0
_READABLE = 0o022
"""The umask: who reads the files is another user than who fetches them."""
_ARRIVING = ".arriving"


def main(arguments: list[str] | None = None) -> int:
    """Fetch and leave; the exit code is 0 once the files are there."""
    parser = argparse.ArgumentParser(
        prog="python -m i4q_ai.edge.fetch", description="Fetch a model or workload by digest into a folder."
    )
    parser.add_argument("reference", help="host/repository@sha256:… or oci:FOLDER@sha256:…")
    parser.add_argument("folder", type=Path, help="shows the files as an image volume would: models/… or app/…")
    parser.add_argument("--timeout", type=float, default=TIMEOUT, help="in seconds; %(default)g if not given")
    parser.add_argument("--trust", metavar="JSON", help="the policy that must let it in; else nobody is asked")
    termination.add_option(parser)
    given = parser.parse_args(arguments)
    termination.leave_when_told()
    os.umask(_READABLE)
    try:
        trust = Trust.from_json(given.trust, where="--trust") if given.trust is not None else None
        shown = fetch(given.reference, given.folder.absolute(), timeout=given.timeout, trust=trust)
    except I4qError as error:
        termination.fail(str(error), given.termination_log)
        return 1
    sys.stderr.write(f"{given.reference} is in {shown}\n")
    return 0


def fetch(reference: str, folder: Path, *, timeout: float = TIMEOUT, trust: Trust | None = None) -> Path:
    """Fetch a model or workload by digest, as an image volume would show it.

    Args:
        reference: `host/repository@sha256:…` or `oci:FOLDER@sha256:…`.
        folder: that holds it then; may be a mount point, and is made if it is not there.
        timeout: in seconds.
        trust: the policy that must let it in, beside the machine's own (`I4Q_TRUST`).

    Returns:
        The folder of the files inside: `folder/models` or `folder/app`.

    Raises:
        ReferenceInvalid: it names no digest.
        UntrustedError: a policy does not let it in; nothing of it is in the folder.
        RegistryError, NotFoundError, UnreachableError, StorageError, DeadlineError: as `i4q_ai.oci.fetch`.
    """
    from i4q_ai import oci
    from i4q_ai.oci.artifact import folder_of

    digest = oci.Reference.parse(reference).digest
    if digest is None:
        raise ReferenceInvalid(f"{reference} names no digest", hint="REPOSITORY@sha256:…")
    # Whether it is a model or a workload is known once it is here; from an earlier run it lies where it belongs.
    names = (folder_of("Model"), folder_of("Workload"))
    there = next((folder / name for name in names if (folder / name).is_dir()), folder / _ARRIVING)
    thing = oci.fetch([reference], digest, there, timeout=timeout, trust=trusting.policies(trust))
    shown = folder / folder_of(type(thing).__name__)
    if shown != there:
        try:
            there.rename(shown)
        except OSError as error:
            raise StorageError(f"cannot make {shown}: {error.strerror}") from error
    return shown


if __name__ == "__main__":
    sys.exit(main())
