"""The program `python -m i4q_ai.edge.wait NAME=URL …`: an init container that holds a workload until its models answer.

It polls, for no event says when a Service begins to answer.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from i4q_ai.deadline import Deadline
from i4q_ai.edge import termination
from i4q_ai.errors import DeadlineError, InvalidError

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 2.0
_CONNECT, _ANSWER = 3.0, 10.0

Say = Callable[[str], None]


def main(arguments: list[str] | None = None) -> int:
    """Wait and leave; the exit code is 0 once every model is ready."""
    parser = argparse.ArgumentParser(
        prog="python -m i4q_ai.edge.wait", description="Wait until models are ready to answer."
    )
    parser.add_argument("models", nargs="+", metavar="NAME=URL", help="for instance wear=http://…/v2/models/wear")
    parser.add_argument("--timeout", type=float, default=float("inf"), help="in seconds; for ever if not given")
    termination.add_option(parser)
    given = parser.parse_args(arguments)
    termination.leave_when_told()
    try:
        until_ready(parse(given.models), timeout=given.timeout, say=_teller(given.termination_log))
    except (InvalidError, DeadlineError) as error:
        termination.fail(str(error), given.termination_log)
        return 1
    termination.say("", given.termination_log)
    return 0


def parse(models: list[str]) -> dict[str, str]:
    """Name of each model → its URL, out of `NAME=URL`.

    Raises:
        InvalidError: one is something else, or a name stands twice.
    """
    found: dict[str, str] = {}
    for text in models:
        name, _, url = text.partition("=")
        if not name or not url.startswith(("http://", "https://")):
            raise InvalidError(f"{text!r} is not a model and its URL", hint="NAME=http://HOST/v2/models/NAME")
        if name in found:
            raise InvalidError(f"model '{name}' stands twice")
        found[name] = url.rstrip("/")
    return found


def until_ready(models: Mapping[str, str], *, timeout: float, say: Say) -> None:
    """Return once every model is ready.

    Args:
        models: name → URL; `URL/ready` answers 200 once it is.
        timeout: in seconds; `inf` for ever.
        say: told what is waited for, whenever that changes.

    Raises:
        DeadlineError: not all were ready in time; says which, and what they answered.
    """
    deadline = Deadline.after(timeout, "waiting for models")
    said, pause = "", FIRST_PAUSE
    while waits := {name: why for name, url in models.items() if (why := missing(url))}:
        what = "waits for " + ", ".join(f"model '{name}' ({why})" for name, why in sorted(waits.items()))
        if what != said:
            said = what
            say(what)
        try:
            deadline.pause(pause)
        except DeadlineError as error:
            raise DeadlineError(f"{what}; gives up after {timeout:g} s") from error
        pause = min(pause * 1.5, LONGEST_PAUSE)


def missing(url: str) -> str:
    """Why a model is not ready, in a few words; empty when it is.

    Args:
        url: of the model, without `/ready`.
    """
    import requests

    with requests.Session() as session:
        session.trust_env = False  # what is inside the cluster is not behind its proxy
        try:
            answer = session.get(f"{url}/ready", timeout=(_CONNECT, _ANSWER), allow_redirects=False)
        except requests.Timeout:
            return f"{url} does not answer in time"
        except requests.RequestException as error:
            return f"{url} cannot be reached" + (", its name is not known" if "resolve" in str(error) else "")
    return "" if answer.status_code == 200 else f"{url} answers {answer.status_code}"


def _teller(path: Path) -> Say:
    def say(text: str) -> None:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
        termination.say(text, path)

    return say


if __name__ == "__main__":
    sys.exit(main())
