"""`i4q tell`: what agents that follow a tag should have."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from i4q_ai import config
from i4q_ai.cli import printing
from i4q_ai.cli.objects import thing
from i4q_ai.cli.settings import Settings
from i4q_ai.cli.verbs import Verb, timeout_option
from i4q_ai.desired import Desired
from i4q_ai.errors import InvalidError, NotFoundError
from i4q_ai.trust import Trust
from i4q_ai.wanting import wanted


@click.command(cls=Verb)
@click.argument("to", metavar="TAG|-")
@click.argument("what", nargs=-1, metavar="[REFERENCE|FILE]…")
@click.option("--flavour", type=click.Choice(["server", "files"]), default="server", show_default=True)
@click.option(
    "--at", multiple=True, metavar="REPOSITORY", help="Where edges fetch all of them; else where they are now."
)
@click.option("--nothing", is_flag=True, help="They should have nothing any more.")
@click.option("--if-match", metavar="DIGEST|none", help="Only if the tag stands for this now; else whatever it was.")
@timeout_option(60)
@click.pass_obj
def tell(
    settings: Settings,
    to: str,
    what: tuple[str, ...],
    flavour: Any,
    at: tuple[str, ...],
    nothing: bool,
    if_match: str | None,
    timeout: float,
) -> None:
    """Tell edge agents that follow a TAG what they should have: these models and workloads, and no others.

    TAG is host/repository:tag or oci:FOLDER:tag; with - the document is printed, for a file in Git. A FILE is a model
    or workload as YAML, or a whole document, desired.json. Of references a tag is resolved now.
    """
    if bool(what) == nothing:
        raise click.UsageError("say what they should have, or --nothing" + ("; not both" if what else ""))
    desired = _desired(what, settings.namespace or config.namespace(), flavour, [_repository(each) for each in at])
    if to == "-":
        sys.stdout.write(f"{desired.to_json()}\n")
        return
    from i4q_ai import oci

    matched = ... if if_match is None else None if if_match == "none" else if_match
    told = oci.tell(desired, to, if_match=matched, timeout=timeout)
    printing.document(settings, {"reference": told, "digest": told.rpartition("@")[2]}, text=told)


def _desired(what: tuple[str, ...], namespace: str, flavour: Any, at: list[str]) -> Desired:
    documents = [Path(each) for each in what if each.endswith(".json")]
    if documents and (len(what) > 1 or at):
        raise click.UsageError("a document says all there is to say: give it alone, and without --at")
    if documents:
        return _read(documents[0])
    policy = config.trust()
    trust = Trust.read(policy) if policy is not None else None
    things = [thing(each) for each in what]
    if trust is not None:
        for each in things:
            each.verify(trust)
    there = trust if trust is not None and trust.edge else None
    return wanted(*things, namespace=namespace, flavour=flavour, trust=there, at=at)


def _repository(text: str) -> str:
    """A repository as an edge finds it; of a folder, where it is there."""
    from i4q_ai.oci.reference import Reference

    found = Reference.parse(text)
    if found.digest or found.tag or (found.is_layout and not Path(found.repository).is_absolute()):
        hint = "host/repository or oci:/FOLDER, without tag and digest"
        raise InvalidError(f"'{text}' is no repository that edges can find", hint=hint)
    return found.name


def _read(path: Path) -> Desired:
    try:
        return Desired.from_json(path.read_bytes(), where=str(path))
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no file '{path}'") from error
    except OSError as error:
        raise InvalidError(f"{path} cannot be read: {error.strerror}") from error
