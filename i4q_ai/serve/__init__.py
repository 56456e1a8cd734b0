"""The model server: Open Inference Protocol v2 over HTTP.

`run` serves a folder until the process is told to stop. Nothing heavy is imported before it is called.
"""

from i4q_ai.serve.options import ServeOptions

__all__ = ["ServeOptions", "run"]


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
