"""The model server: Open Inference Protocol v2 over HTTP.

`run` serves a folder until the process is told to stop. Nothing heavy is imported before it is called.
"""

from typing import NoReturn

from i4q_ai.serve.options import ServeOptions

__all__ = ["ServeOptions", "leave", "run"]


def run(options: ServeOptions) -> None:
    """Serve models until SIGTERM or SIGINT, then finish the requests in flight.

    Args:
        options: what to serve, and where.

    Raises:
        NotFoundError: there is no such folder.
        InvalidError: there is no model in it.
        ConflictError: the port is in use.
        MissingDependencyError: the extra `serve` is not installed.
    """
    from i4q_ai.serve import server

    server.run(options)


def leave(code: int) -> NoReturn:
    """End a process that has served, at once: a thread that is stuck in a model would crash an orderly end.

    Args:
        code: of the exit.
    """
    import logging
    import os
    import sys

    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
