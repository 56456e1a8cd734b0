"""The program: all verbs together, and how an error ends it."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Sequence

import click

from i4q_ai.cli.exits import INTERRUPTED, MEANINGS, OK, REFUSED, USAGE, code_for
from i4q_ai.cli.settings import Settings
from i4q_ai.cli.verbs import Verbs
from i4q_ai.display import shown
from i4q_ai.errors import I4qError

_EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {code:<4} {meaning}" for code, meaning in MEANINGS.items())


_PLACES = {
    "approve": "listening.approve",
    "ask": "looking.ask",
    "apply": "deploying.apply",
    "cache": "cache.group",
    "changes": "listening.changes",
    "chart": "packaging.chart",
    "cluster": "cluster.group",
    "completion": "about.completion",
    "conformance": "running.conformance",
    "controller": "running.controller",
    "delete": "moving.delete",
    "deploy": "deploying.deploy",
    "diff": "looking.diff",
    "drift": "looking.drift",
    "edge": "running.edge",
    "explain": "looking.explain",
    "export": "deploying.export",
    "history": "looking.history",
    "image": "image.group",
    "key": "signing.key",
    "kustomize": "packaging.kustomize",
    "list": "looking.list_all",
    "listen": "listening.listen",
    "logs": "looking.logs",
    "model": "model.group",
    "oci": "artifacts.group",
    "plan": "deploying.plan",
    "publication": "publishing.group",
    "publish": "publishing.publish",
    "refresh": "moving.refresh",
    "refuse": "listening.refuse",
    "repair": "moving.repair",
    "rollback": "moving.rollback",
    "schema": "about.schema",
    "score": "scoring.score",
    "serve": "running.serve",
    "sign": "signing.sign",
    "simulate": "looking.simulate",
    "status": "looking.status",
    "tell": "telling.tell",
    "update": "deploying.update",
    "verify": "signing.verify",
    "version": "about.version",
    "wait": "moving.wait",
    "watch": "looking.watch",
    "workload": "workload.group",
}
"""Verb → module and name of its command: only what is asked for is loaded."""


class _Program(Verbs):
    """All verbs."""

    def list_commands(self, _context: click.Context) -> list[str]:
        """Their names."""
        return sorted(_PLACES)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The verb of that name."""
        if name not in _PLACES:
            return super().get_command(context, name)
        module, _, command = _PLACES[name].rpartition(".")
        found: click.Command = getattr(importlib.import_module(f"i4q_ai.cli.{module}"), command)
        return found


@click.group(
    cls=_Program,
    name="i4q",
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
def program() -> None:
    """Gets AI models from the cloud to the factory edge, and keeps them good there.

    Data goes to stdout, prose to stderr. With -o json or -o yaml, tables are lists of their rows.
    """


def run(arguments: Sequence[str]) -> int:
    """Run the program.

    Args:
        arguments: of the command line, without the program's name.

    Returns:
        The exit code.
    """
    settings = Settings()
    try:
        ended = program.main(list(arguments), prog_name="i4q", obj=settings, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return USAGE
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        return _nobody_reads()
    except I4qError as error:
        _tell(error.what, error.hint, settings)
        return code_for(error)
    except Exception as error:
        _tell(f"unexpected {type(error).__name__}: {error}", "this is a bug; -vv shows where", settings)
        return REFUSED
    return ended if isinstance(ended, int) else OK


def _tell(what: str, hint: str, settings: Settings) -> None:
    if settings.verbose > 1:
        traceback.print_exc()
    sys.stderr.write(f"error: {shown(what)}\n")
    if hint:
        sys.stderr.write(f"hint: {shown(hint)}\n")


def _nobody_reads() -> int:
    # Python flushes stdout when it ends, and would complain once more.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return REFUSED
