"""The program `python -m i4q_ai.edge.sidecar FOLDER …`: an edge agent beside a workload, in its pod.

ConfigMaps say which models the workload should have; the agent brings them as files, switches `current`, and reports
into a ConfigMap. All of it goes on while the API server is away. With `--once` it is an init container, which ends once
every model is there.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

from i4q_ai.edge import account, termination
from i4q_ai.edge.account import Account
from i4q_ai.edge.agent import Agent
from i4q_ai.edge.configmaps import ConfigMaps
from i4q_ai.edge.following import Follower
from i4q_ai.edge.holding import Hold
from i4q_ai.edge.publishing import Publisher
from i4q_ai.edge.scope import Scope
from i4q_ai.edge.sources import Sources
from i4q_ai.errors import ConflictError, I4qError
from i4q_ai.status import Report

log = logging.getLogger(__name__)

_READABLE = 0o022
"""The umask: the workload reads the files as another user."""
_LAST_WORDS = 5.0
"""Seconds for the last report."""
_LOCK_PAUSE = 1.0


class Sidecar:
    """One agent, told by ConfigMaps and telling another one.

    Args:
        folder: shared with the workload.
        maps: the ConfigMaps of the namespace.
        names: of those that say what is wanted.
        mounted: a folder with a folder of each, if the pod mounts them.
        status: name of the ConfigMap to report into.
        pod: whose key there is.
        hold: says when an init container is over; without it, nothing is.
    """

    def __init__(
        self,
        folder: Path,
        maps: ConfigMaps,
        *,
        names: list[str],
        mounted: Path | None,
        status: str,
        pod: str,
        hold: Hold | None = None,
    ) -> None:
        self._hold = hold
        self._told_to_stop = False
        self._report: Report | None = None
        self.agent = Agent(folder, scope=Scope.POD, publish=self._reported)
        self._sources = Sources(self.agent.paths, names, mounted, self._changed)
        self._followers = [Follower(maps, name, self._sources) for name in names]
        self._publisher = Publisher(maps, status, f"{pod}.json")

    def stop(self) -> None:
        """End soon; may be called from anywhere, signal handlers included."""
        self._told_to_stop = True
        self.agent.stop()

    def run(self) -> None:
        """Work until told to stop, or until it is over."""
        for thread in (self._publisher, *self._followers):
            thread.start()
        self.agent.run()
        for follower in self._followers:
            follower.stop()
        # A pod that goes takes its report along; an init container that is done leaves it to the one that comes next.
        self._publisher.close(withdraw=self._told_to_stop, timeout=_LAST_WORDS)

    def _changed(self, remark: str) -> None:
        self.agent.remark(remark)
        self.agent.wake()
        self._look()

    def _reported(self, text: str) -> None:
        self._publisher.offer(text)
        if self._hold is not None:
            self._report = Report.model_validate_json(text)
            self._look()

    def _look(self) -> None:
        """Whether it is over, after news from either side: reports and ConfigMaps may come in any order."""
        if self._hold is None or self._report is None:
            return
        # The revision is read last: a report that is older than what is said meanwhile does not count.
        complete, revision = self._sources.complete, self._sources.revision
        if self._hold.look(self._report, complete=complete, revision=revision):
            self.agent.stop()


def main(arguments: list[str] | None = None) -> int:
    """Run until told to stop, or, with `--once`, until every model is there."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.timeout is not None and not (given.once and given.timeout > 0):
        parser.error("--timeout is a number of seconds, and for --once")
    os.umask(_READABLE)
    termination.leave_when_told()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("i4q_ai").setLevel(logging.INFO)
    hold = Hold(given.termination_log) if given.once else None
    try:
        sidecar = _sidecar(given, hold)
    except (I4qError, OSError) as error:
        termination.fail(str(error), given.termination_log)
        return 1
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sidecar.stop())
    if hold is not None and given.timeout is not None:
        _limit(hold, sidecar, given.timeout)
    sidecar.run()
    if hold is not None and hold.failure is not None:
        termination.fail(hold.failure, given.termination_log)
        return 1
    termination.say("", given.termination_log)
    return 0


def _sidecar(given: argparse.Namespace, hold: Hold | None) -> Sidecar:
    maps = ConfigMaps(Account.here(os.environ, given.account), given.namespace)
    folder, told = given.folder.absolute(), False
    while True:
        try:
            return Sidecar(
                folder,
                maps,
                names=given.configmap,
                mounted=given.mounted,
                status=given.status,
                pod=given.pod,
                hold=hold,
            )
        except ConflictError as error:
            if not told:
                log.warning("%s, which this one takes over when that is gone", error)
                termination.say(str(error), given.termination_log)
            told = True
            time.sleep(_LOCK_PAUSE)  # a lock has no event


def _limit(hold: Hold, sidecar: Sidecar, timeout: float) -> None:
    def expire() -> None:
        hold.give_up(timeout)
        sidecar.agent.stop()

    timer = threading.Timer(timeout, expire)
    timer.daemon = True
    timer.start()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m i4q_ai.edge.sidecar", description="The edge agent beside a workload, in its pod."
    )
    add = parser.add_argument
    add(
        "folder", type=Path, help="shared with the workload, which finds its models at FOLDER/models/<namespace>/<name>"
    )
    add("--namespace", required=True, help="of the ConfigMaps")
    add("--configmap", action="append", required=True, metavar="NAME", help="says which models; may be given again")
    add("--status", required=True, metavar="NAME", help="the ConfigMap to report into; it must be there")
    add("--pod", default=os.environ.get("POD_NAME") or socket.gethostname(), help="$POD_NAME or the host if not given")
    add("--mounted", type=Path, metavar="DIR", help="holds a folder of each ConfigMap, for when the API is away")
    add("--account", type=Path, default=account.FOLDER, metavar="DIR", help="the service account; %(default)s")
    add("--once", action="store_true", help="end once every model is there")
    add("--timeout", type=float, metavar="S", help="with --once: give up after so many seconds")
    termination.add_option(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
