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
from collections.abc import Callable
from pathlib import Path

from i4q_ai.edge import account, termination
from i4q_ai.edge.account import Account
from i4q_ai.edge.agent import Agent
from i4q_ai.edge.configmaps import ConfigMaps
from i4q_ai.edge.following import Follower
from i4q_ai.edge.publishing import Publisher
from i4q_ai.edge.scope import Scope
from i4q_ai.edge.sources import Sources
from i4q_ai.errors import ConflictError, I4qError
from i4q_ai.status import Phase, Report

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
        once: called with each report; the agent ends when it says so. None lets it go on.
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
        once: Callable[[Report, Sources], bool] | None = None,
    ) -> None:
        self._once = once
        self._told_to_stop = False
        self._looking = threading.Lock()
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
        if self._once is not None:
            self._report = Report.model_validate_json(text)
            self._look()

    def _look(self) -> None:
        with self._looking:
            if self._once is not None and self._report is not None and self._once(self._report, self._sources):
                self.agent.stop()


class Once:
    """Ends a sidecar that is an init container: well when every model is there, badly when one cannot come.

    Args:
        log_file: where the last words go.
    """

    def __init__(self, log_file: Path) -> None:
        self._log_file = log_file
        self._said = ""
        self.failure: str | None = "it was stopped before its models were there"

    def __call__(self, report: Report, sources: Sources) -> bool:
        """Look at a report; True when it is over."""
        waits, failed = outstanding(report, complete=sources.complete, revision=sources.revision)
        self.failure = waits or None
        if waits and waits != self._said:
            self._said = waits
            sys.stderr.write(f"{waits}\n")
            termination.say(waits, self._log_file)
        return failed or not waits

    def expire(self, agent: Agent, timeout: float) -> None:
        """Give up."""
        self.failure = f"{self._said or self.failure}; gives up after {timeout:g} s"
        agent.stop()


def outstanding(report: Report, *, complete: bool, revision: int) -> tuple[str, bool]:
    """What a workload must still wait for, in words; and whether waiting will not help.

    Args:
        report: of the agent.
        complete: every ConfigMap has said what it wants.
        revision: of what they have said.
    """
    missing = [item for item in report.items if item.phase is not Phase.READY]
    told = [f"model '{item.name}': {item.message}" for item in missing if item.message]
    told += [report.message] if report.message else []
    if complete and report.revision == revision and not missing:
        return "", False
    failed = any(item.phase is Phase.FAILED for item in missing) and report.revision == revision
    return "; ".join(told) or "waits for its models", failed


def main(arguments: list[str] | None = None) -> int:
    """Run until told to stop, or, with `--once`, until every model is there."""
    given = _parser().parse_args(arguments)
    os.umask(_READABLE)
    termination.leave_when_told()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("i4q_ai").setLevel(logging.INFO)
    once = Once(given.termination_log) if given.once else None
    try:
        sidecar = _sidecar(given, once)
    except (I4qError, OSError) as error:
        termination.fail(str(error), given.termination_log)
        return 1
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sidecar.stop())
    if once is not None and given.timeout is not None:
        timer = threading.Timer(given.timeout, once.expire, (sidecar.agent, given.timeout))
        timer.daemon = True
        timer.start()
    sidecar.run()
    if once is not None and once.failure is not None:
        termination.fail(once.failure, given.termination_log)
        return 1
    termination.say("", given.termination_log)
    return 0


def _sidecar(given: argparse.Namespace, once: Once | None) -> Sidecar:
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
                once=once,
            )
        except ConflictError as error:
            if not told:
                log.warning("%s, which this one takes over when that is gone", error)
                termination.say(str(error), given.termination_log)
            told = True
            time.sleep(_LOCK_PAUSE)  # a lock has no event


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
