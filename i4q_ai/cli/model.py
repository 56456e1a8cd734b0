"""`i4q model …`: pack, push and show models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from i4q_ai.cli import printing
from i4q_ai.cli.objects import as_document, read_thing, thing
from i4q_ai.cli.pairs import pairs
from i4q_ai.cli.settings import Settings
from i4q_ai.cli.verbs import Verbs, if_match_option, rate_option, timeout_option
from i4q_ai.errors import InvalidError
from i4q_ai.model import Model
from i4q_ai.thing import Document
from i4q_ai.workload import Workload


@click.group(cls=Verbs, name="model")
def group() -> None:
    """Models: pack files, push them, show what a reference is."""


@group.command("pack")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--name", required=True, help="A DNS label.")
@click.option("--version", required=True, help="For people; never given twice to other content.")
@click.option("--format", help="As onnx; found out if not given.")
@click.option("--description", default="", help="A sentence for people.")
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE")
@click.pass_obj
def pack(
    settings: Settings,
    path: Path,
    name: str,
    version: str,
    format: str | None,
    description: str,
    labels: tuple[str, ...],
) -> None:
    """Make a model of a folder, an ONNX file or another file; print it as YAML, to be pushed."""
    about = {"description": description, "labels": pairs(labels, what="label")}
    if path.is_dir():
        model = Model.from_dir(path, name=name, version=version, format=format, **about)
    elif path.suffix == ".onnx" and format in (None, "onnx"):
        model = Model.from_onnx(path, name=name, version=version, **about)
    else:
        model = Model.from_files([path], name=name, version=version, format=format, **about)
    show_thing(settings, model)


@group.command("push")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--to", metavar="REFERENCE", help="host/repository[:tag] or oci:FOLDER[:tag]; else a folder of the home.")
@if_match_option
@rate_option
@timeout_option(3600)
@click.pass_obj
def push(settings: Settings, /, file: Path, to: str | None, timeout: float, **how: Any) -> None:
    """Push what `pack` printed to FILE; print the reference by digest."""
    push_thing(settings, file, Model, to, timeout=timeout, **how)


@group.command("show")
@click.argument("what", metavar="REFERENCE|FILE")
@click.pass_obj
def show(settings: Settings, what: str) -> None:
    """Print what is known of a model, as YAML."""
    show_thing(settings, _only(thing(what), Model, what))


def show_thing(settings: Settings, what: Document) -> None:
    """Print a thing as YAML, or JSON."""
    printing.document(settings, as_document(what))


def push_thing(settings: Settings, file: Path, kind: type[Model | Workload], to: str | None, **how: Any) -> None:
    """Push a thing of a file, and print its reference."""
    pushed = _only(read_thing(file), kind, str(file)).push(to, **how)
    assert pushed.reference is not None, "it was pushed"
    about = {"name": pushed.name, "version": pushed.version, "digest": pushed.digest, "reference": pushed.reference}
    printing.document(settings, about, text=pushed.reference)


def _only(what: Model | Workload, kind: type[Model | Workload], where: str) -> Model | Workload:
    if not isinstance(what, kind):
        other = type(what).__name__
        raise InvalidError(f"{where} is a {other}, not a {kind.__name__}", hint=f"i4q {other.lower()} …")
    return what


@group.command("bom")
@click.argument("what", metavar="REFERENCE")
@click.option("--attach", is_flag=True, help="Attach it to the model in its registry, and print where it is.")
@timeout_option(60)
@click.pass_obj
def bom(settings: Settings, what: str, attach: bool, timeout: float) -> None:
    """Print the bill of materials of a pushed model: CycloneDX, with a model card."""
    from i4q_ai.oci.consumers import papers
    from i4q_ai.oci.consumers.bom import bom as make

    model = model_of(what)
    if attach:
        _attached(settings, papers.attach_bom(model, timeout=timeout))
    else:
        printing.out(make(model).decode())


@group.command("provenance")
@click.argument("what", metavar="REFERENCE")
@click.option("--builder", metavar="URI", help="Of the machine or pipeline that packed it; else i4q-ai's.")
@click.option("--source", "sources", multiple=True, metavar="URI@COMMIT", help="What it was trained with.")
@click.option("--attach", is_flag=True, help="Attach it to the model in its registry, and print where it is.")
@timeout_option(60)
@click.pass_obj
def provenance(
    settings: Settings, what: str, builder: str | None, sources: tuple[str, ...], attach: bool, timeout: float
) -> None:
    """Print the provenance of a pushed model: SLSA, as an in-toto statement."""
    from i4q_ai.oci.consumers import papers
    from i4q_ai.oci.consumers.provenance import provenance as make

    model = model_of(what)
    if attach:
        _attached(settings, papers.attach_provenance(model, builder=builder, sources=sources, timeout=timeout))
    else:
        printing.out(make(model, builder=builder, sources=sources).decode())


@group.command("modelcar")
@click.argument("what", metavar="REFERENCE")
@click.option("--base", required=True, metavar="FILE.tar|REFERENCE", help="A small root file system with a shell.")
@click.option("--to", metavar="REFERENCE", help="host/repository[:tag] or oci:FOLDER[:tag]; else beside the model.")
@click.option("--platform", "platforms", multiple=True, metavar="OS/ARCH", help="As linux/arm64; else all of the base.")
@timeout_option(1800)
@click.pass_obj
def modelcar(
    settings: Settings, what: str, base: str, to: str | None, platforms: tuple[str, ...], timeout: float
) -> None:
    """Push a pushed model once more, as a modelcar for KServe; print the reference by digest."""
    from i4q_ai.oci.consumers.modelcar import modelcar as make

    reference = make(model_of(what), base=base, to=to, platforms=platforms, timeout=timeout)
    printing.document(settings, {"reference": reference}, text=reference)


def _attached(settings: Settings, reference: str) -> None:
    printing.document(settings, {"reference": reference}, text=reference)


def model_of(what: str) -> Model:
    """The model that an argument names.

    Raises:
        InvalidError: it is a workload.
    """
    found = _only(thing(what), Model, what)
    assert isinstance(found, Model), "it was checked"
    return found
