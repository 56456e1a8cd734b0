"""`python -m i4q_ai.serve DIR`: the model server.

Exit codes: 0 stopped as told, 2 there is nothing to serve in DIR, 3 with `--only`: a model cannot be served, 98 the
port is in use, 1 anything else.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from i4q_ai.errors import ConflictError, I4qError, InvalidError, NotFoundError, ServingError
from i4q_ai.serve import ServeOptions, leave, run

PORT_IN_USE = 98
NOTHING_TO_SERVE = 2
MODEL_REFUSED = 3


def parser() -> argparse.ArgumentParser:
    """The command line, one option for each field of ServeOptions."""
    default = ServeOptions(folder=Path())
    about = "Serve models by Open Inference Protocol v2."
    made = argparse.ArgumentParser(prog="python -m i4q_ai.serve", description=about)
    add = made.add_argument
    add("folder", type=Path, metavar="DIR", help="a model's tree, a folder of ONNX files, or a repository of models")
    add("--host", default=default.host)
    add("--port", type=int, default=default.port, help="0 takes a free one")
    add("--name", help="what the model is called in URLs")
    add("--threads", type=int, default=default.threads, help="of the runtime, for each inference")
    add("--max-body", type=int, default=default.max_body, metavar="BYTES", help="of a request")
    add("--memory-limit", type=int, metavar="BYTES", help="address space of a new version while it is tried")
    add("--self-test", action=argparse.BooleanOptionalAction, default=True, help="try a new version in its own process")
    add("--self-test-timeout", type=float, default=default.self_test_timeout, metavar="SECONDS")
    add("--instance", default="", metavar="TOKEN", help="given back in the header I4q-Instance")
    add("--admin", action="store_true", help="let other machines load and unload models")
    add("--all-versions", action="store_true", help="load every version, not only the one to serve by default")
    add("--queue", type=int, default=default.queue, help="requests to slow models that may wait")
    add("--drain", type=float, default=default.drain, metavar="SECONDS", help="for requests in flight at the end")
    add("--only", action="store_true", help="end when a model cannot be served, instead of waiting for another")
    add("--protocol", choices=("http", "asgi"), default=default.protocol)
    add("--verbose", action="store_true")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop.

    Args:
        arguments: of the command line; None: those of the process.

    Returns:
        The exit code.
    """
    given = vars(parser().parse_args(arguments))
    verbose = given.pop("verbose")
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        run(ServeOptions(**given))
    except I4qError as error:
        sys.stderr.write(f"{error}\n")
        return _exit_code(error)
    return 0


def _exit_code(error: I4qError) -> int:
    if isinstance(error, ConflictError):
        return PORT_IN_USE
    if isinstance(error, ServingError):
        return MODEL_REFUSED
    return NOTHING_TO_SERVE if isinstance(error, NotFoundError | InvalidError) else 1


if __name__ == "__main__":
    leave(main())
