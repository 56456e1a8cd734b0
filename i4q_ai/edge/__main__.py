"""The program `python -m i4q_ai.edge FOLDER`."""

from __future__ import annotations

import argparse
import logging
import logging.handlers
import os
import signal
import sys
from pathlib import Path

from i4q_ai.edge.agent import Agent
from i4q_ai.edge.paths import Paths
from i4q_ai.edge.places import HINT, parse
from i4q_ai.edge.pulling import EVERY, poke, pull
from i4q_ai.errors import ConflictError, I4qError

BUSY = 3
"""Exit code when another agent has the folder."""
CACHE = "git"
"""The folder in the agent's that keeps what was fetched from Git."""


def main(arguments: list[str] | None = None) -> int:
    """Run an agent in the foreground until it is told to stop."""
    parser = argparse.ArgumentParser(prog="python -m i4q_ai.edge", description="The agent of one edge cluster.")
    parser.add_argument("folder", type=Path, help="of the cluster; holds desired.json, status.json and all the rest")
    parser.add_argument("--ready-fd", type=int, help="a file descriptor to write a line to once the agent listens")
    parser.add_argument("--follow", action="append", default=[], metavar="PLACE", help=f"get desired.json from: {HINT}")
    parser.add_argument("--every", type=float, default=EVERY, metavar="S", help="seconds between looks; %(default)g")
    parser.add_argument("--allow-empty", action="store_true", help="a path in Git without documents wants nothing")
    parser.add_argument("--verbose", action="store_true", help="log to the terminal as well, and more")
    given = parser.parse_args(arguments)
    if not 0 < given.every < float("inf"):
        parser.error("--every is a number of seconds, more than 0")
    folder = given.folder.absolute()
    try:
        places = [parse(text, cache=folder / CACHE, empty=given.allow_empty) for text in dict.fromkeys(given.follow)]
        agent = Agent(folder)
    except ConflictError as error:
        sys.stderr.write(f"{error}\n")
        return BUSY
    except (I4qError, OSError) as error:
        sys.stderr.write(f"the agent cannot begin: {error}\n")
        return 1
    _log(Paths(folder).log, verbose=given.verbose)
    pullers = pull(agent, places, every=given.every)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: agent.stop())
    if pullers:
        signal.signal(signal.SIGHUP, lambda *_: poke(pullers))
    if given.ready_fd is not None:
        os.write(given.ready_fd, b"ready\n")
        os.close(given.ready_fd)
    for puller in pullers:
        puller.start()
    agent.run()
    for puller in pullers:
        puller.stop()
    return 0


def _log(path: Path, *, verbose: bool) -> None:
    handlers: list[logging.Handler] = [logging.handlers.RotatingFileHandler(path, maxBytes=1_000_000, backupCount=2)]
    if verbose:
        handlers.append(logging.StreamHandler())
    level = logging.DEBUG if verbose else logging.INFO
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=logging.WARNING, format=form, handlers=handlers)
    logging.getLogger("i4q_ai").setLevel(level)


if __name__ == "__main__":
    sys.exit(main())
