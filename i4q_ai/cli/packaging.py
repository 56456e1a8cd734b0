"""`i4q chart`, `i4q kustomize`: a model for those who install it without a hub."""

from __future__ import annotations

from pathlib import Path

import click

from i4q_ai.cli import printing
from i4q_ai.cli.model import model_of
from i4q_ai.cli.settings import Settings
from i4q_ai.cli.verbs import Verb, timeout_option
from i4q_ai.errors import InvalidError

_image = click.option("--image", required=True, metavar="REFERENCE", help="The edge image, by digest.")


@click.command(cls=Verb)
@click.argument("what", metavar="REFERENCE|FILE")
@click.option("--to", required=True, metavar="oci://HOST/PATH|FILE.tgz", help="A registry of charts, or a file.")
@_image
@click.option("--version", metavar="X.Y.Z", help="Of the chart; else the model's.")
@timeout_option(60)
@click.pass_obj
def chart(settings: Settings, what: str, to: str, image: str, version: str | None, timeout: float) -> None:
    """Make a Helm chart that serves a pushed model, and print where it is."""
    from i4q_ai.manifests import chart as make
    from i4q_ai.oci.consumers import charting

    made = make(model_of(what), image=image, version=version)
    where = charting.write(made, to, timeout=timeout)
    about = {"name": made.name, "version": made.version, "reference": where}
    printing.document(settings, about, text=where)


@click.command(cls=Verb)
@click.argument("what", metavar="REFERENCE|FILE")
@click.option("--to", required=True, type=click.Path(path_type=Path), metavar="FOLDER", help="New, or empty.")
@_image
@click.option("--pull-secret", "secrets", multiple=True, metavar="NAME", help="A Secret with a registry's credentials.")
@click.option("--plain-http", "plain", multiple=True, metavar="HOST[:PORT]", help="Asked without TLS at the edge.")
@click.pass_obj
def kustomize(
    settings: Settings, what: str, to: Path, image: str, secrets: tuple[str, ...], plain: tuple[str, ...]
) -> None:
    """Write a kustomize base and overlay that serve a pushed model, and print the files."""
    from i4q_ai.manifests import kustomize as make
    from i4q_ai.oci.disk import storage_errors

    files = make(model_of(what), image=image, pull_secrets=secrets, plain_http=plain)
    with storage_errors(str(to)):
        if to.exists() and (not to.is_dir() or any(to.iterdir())):
            raise InvalidError(f"'{to}' is there already, and not an empty folder", hint="name a new folder")
        for path, text in files.items():
            (to / path).parent.mkdir(parents=True, exist_ok=True)
            (to / path).write_text(text, encoding="utf-8")
    listed = [str(to / path) for path in files]
    printing.document(settings, {"files": listed}, text="\n".join(listed))
