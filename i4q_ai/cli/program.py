"""The program: all verbs together, and how an error ends it."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

import click

from i4q_ai.cli import (
    about,
    artifacts,
    cache,
    cluster,
    deploying,
    image,
    listening,
    looking,
    model,
    moving,
    packaging,
    publishing,
    running,
    scoring,
    signing,
    telling,
    workload,
)
from i4q_ai.cli.exits import INTERRUPTED, MEANINGS, OK, REFUSED, USAGE, code_for
from i4q_ai.cli.settings import Settings
from i4q_ai.cli.verbs import Verbs
from i4q_ai.display import shown
from i4q_ai.errors import I4qError

_EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {code:<4} {meaning}" for code, meaning in MEANINGS.items())


@click.group(
    cls=Verbs,
    name="i4q",
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
def program() -> None:
    """Gets AI models from the cloud to the factory edge, and keeps them good there.

    Data goes to stdout, prose to stderr. With -o json or -o yaml, tables are lists of their rows.
    """


for command in (
    cluster.group, scoring.score, model.group, workload.group, image.group, artifacts.group,
    packaging.chart, packaging.kustomize, publishing.publish, publishing.group,
    deploying.plan, deploying.deploy, deploying.apply, deploying.export, deploying.update,
    looking.list_all, looking.status, looking.explain, looking.simulate, looking.watch,
    looking.diff, looking.drift, looking.history, looking.logs, looking.ask,
    moving.refresh, moving.wait, moving.rollback, moving.repair, moving.delete,
    listening.listen, listening.changes, listening.approve, listening.refuse,
    signing.key, signing.sign, signing.verify,
    cache.group, telling.tell, running.controller, running.serve, running.edge, running.conformance,
    about.completion, about.schema, about.version,
):  # fmt: skip
    program.add_command(command)


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
