"""What a container has written."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

from i4q_ai.errors import DeadlineError, I4qError
from i4q_ai.kube.errors import Asked, translate
from i4q_ai.kube.streaming import Patience, open_stream
from i4q_ai.kube.transport import BROKEN, Query, Transport


def log_lines(transport: Transport, asked: Asked, query: Query, *, follow: bool, patience: Patience) -> Iterator[str]:
    """The lines of a log.

    Args:
        transport: to the server.
        asked: which log, for errors.
        query: that chooses from it.
        follow: go on with what is written from now on, until the deadline.
        patience: how long to go on.

    Raises:
        NotFoundError: there is no such pod.
        InvalidError: there is no such container, or it has not started yet.
        ForbiddenError: the right to get the log is missing.
        UnreachableError: nobody answers, or the connection broke.
        DeadlineError: it took too long, without `follow`.
    """
    path = asked.kind.path(asked.namespace, asked.name, subresource="log")
    target = f"{path}?{urlencode([*query, ('follow', str(follow).lower())])}"
    # Who follows a silent container may wait for the head of the answer as well.
    within = None if follow else transport.timeout
    try:
        with transport.persist(
            lambda: open_stream(transport, target, patience, headers_within=within), asked, deadline=patience.deadline
        ) as stream:
            for line in stream.lines():
                yield line.decode(errors="replace")
    except DeadlineError:
        if not follow:
            raise
    except I4qError:
        raise
    except BROKEN as error:
        raise translate(error, asked) from error
