"""What stands on the command line: models and workloads, placements, pairs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from i4q_ai import yamls
from i4q_ai.cli.pairs import pairs
from i4q_ai.errors import FormatError, InvalidError, NotFoundError, ReferenceInvalid, SchemaError, nearest
from i4q_ai.model import Model
from i4q_ai.placement import Placement
from i4q_ai.placing.builders import Label, Name
from i4q_ai.placing.rules import AllOf, AnyRule
from i4q_ai.placing.simulate import WhatIf
from i4q_ai.rollout.rollout import Rollout
from i4q_ai.thing import Document
from i4q_ai.workload import Workload

_KINDS: dict[str, type[Model | Workload]] = {"Model": Model, "Workload": Workload}


def read_thing(path: Path) -> Model | Workload:
    """The Model or Workload of a YAML file."""
    data = yamls.load(yamls.read(path), where=str(path))
    kind = data.get("kind") if isinstance(data, dict) else None
    if kind not in _KINDS:
        raise SchemaError(f"{path}: kind is {kind!r}, not 'Model' or 'Workload'", hint=nearest(str(kind), _KINDS))
    return _KINDS[kind].from_data(data, where=str(path))


def thing(text: str) -> Model | Workload:
    """The model or workload that an argument names.

    Args:
        text: a YAML file, or a reference to what was pushed; a tag is resolved now.
    """
    path = Path(text)
    if path.suffix in (".yaml", ".yml"):
        return read_thing(path)
    if path.exists() and not text.startswith("oci:"):
        raise InvalidError(
            f"'{text}' is no YAML file and no reference", hint=f"i4q model pack {text} --name … --version …"
        )
    if not set("/:@") & set(text):
        hint = "or give a reference: host/repository:tag, oci:FOLDER:tag"
        raise NotFoundError(f"there is no file '{text}'", hint=hint)
    try:
        return Model.from_oci(text)
    except (ReferenceInvalid, SchemaError, FormatError):
        raise
    except InvalidError:  # it is the other of the two: a reference says where something is, not what
        return Workload.from_oci(text)


def placement_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--to`, `--label`, `--cluster`, `--count`, `--everywhere`; it gets a function `where(name)`."""

    @functools.wraps(command)
    def wrapped(
        *args: Any,
        to: Path | None,
        label: tuple[str, ...],
        cluster: tuple[str, ...],
        count: int | None,
        everywhere: bool,
        **options: Any,
    ) -> Any:
        def where(name: str) -> Placement:
            return _placement(name, to, label, cluster, count, everywhere)

        return command(*args, where=where, **options)

    for option in (
        click.option("--everywhere", is_flag=True, help="On all clusters."),
        click.option("--count", type=click.IntRange(min=1), help="On so many of them at most."),
        click.option("--cluster", multiple=True, metavar="NAME", help="On these clusters; may stand more than once."),
        click.option(
            "--label", multiple=True, metavar="KEY=VALUE", help="On clusters with this label: K=V, K=V1,V2, K!=V or K."
        ),
        click.option("--to", type=click.Path(path_type=Path), metavar="FILE", help="A Placement as YAML."),
    ):
        wrapped = option(wrapped)
    return wrapped


def _placement(
    name: str, to: Path | None, labels: tuple[str, ...], clusters: tuple[str, ...], count: int | None, everywhere: bool
) -> Placement:
    rules: list[AnyRule] = [_label_rule(text) for text in labels]
    if clusters:
        rules.append(Name(*clusters))
    if to is not None:
        if rules or count or everywhere:
            raise click.UsageError("--to FILE says it all; leave out --label, --cluster, --count and --everywhere")
        return Placement.from_yaml(yamls.read(to), where=str(to))
    if everywhere and rules:
        raise click.UsageError("--everywhere is all clusters; leave it out, or --label and --cluster")
    if not (everywhere or rules or count):
        raise click.UsageError("say where: --to FILE, or --label, --cluster and --count, or --everywhere")
    return Placement(name, rules[0] if len(rules) == 1 else AllOf(all=tuple(rules)) if rules else None, count=count)


def _label_rule(text: str) -> AnyRule:
    key, equals, value = text.partition("=")
    if not equals:
        return Label(key).exists()
    if key.endswith("!"):
        return Label(key[:-1]).not_in(*value.split(","))
    return Label(key).is_in(*value.split(","))


def what_if_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command what may be supposed of clusters and of a placement's count; it gets a `change`."""

    @functools.wraps(command)
    def wrapped(
        *args: Any,
        if_label: tuple[str, ...],
        if_taint: tuple[str, ...],
        if_untaint: tuple[str, ...],
        if_count: str | None,
        **options: Any,
    ) -> Any:
        supposed = {
            "labels": {name: dict(map(_label_change, labels)) for name, labels in _by_cluster(if_label).items()},
            "taints": _by_cluster(if_taint),
            "untaints": _by_cluster(if_untaint),
            "count": _share(if_count),
        }
        given = {key: value for key, value in supposed.items() if value}
        if not given:
            raise click.UsageError("say what would change: --if-label, --if-taint, --if-untaint or --if-count")
        return command(*args, change=WhatIf.parse(given, where="what is supposed"), **options)

    for option in (
        click.option("--if-count", metavar="N|all", help="If the placement's count were this."),
        click.option("--if-untaint", multiple=True, metavar="CLUSTER:KEY", help="If it had no taint of this key."),
        click.option("--if-taint", multiple=True, metavar="CLUSTER:KEY[=VALUE]:EFFECT", help="If it had this taint."),
        click.option(
            "--if-label", multiple=True, metavar="CLUSTER:KEY=VALUE", help="If it had this label; KEY- is without it."
        ),
    ):
        wrapped = option(wrapped)
    return wrapped


def _by_cluster(texts: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text in texts:
        cluster, colon, rest = text.partition(":")
        if not colon:
            raise click.UsageError(f"'{text}' does not say of which cluster: CLUSTER:…")
        found.setdefault(cluster, []).append(rest)
    return found


def _label_change(text: str) -> tuple[str, str | None]:
    key, equals, value = text.partition("=")
    if not equals and not key.endswith("-"):
        raise click.UsageError(f"'{text}' is no label: KEY=VALUE, or KEY- to take it away")
    return (key, value) if equals else (key.removesuffix("-"), None)


def rollout_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--rollout`, `--stage` and what a stage is allowed; it gets a `rollout`."""

    @functools.wraps(command)
    def wrapped(
        *args: Any,
        strategy: str | None,
        stage: tuple[str, ...],
        max_concurrency: str | None,
        soak: float | None,
        max_failures: str | None,
        **options: Any,
    ) -> Any:
        given = {
            "strategy": strategy, "stages": stage or None, "max_concurrency": _share(max_concurrency), "soak": soak,
            "max_failures": _share(max_failures),
        }  # fmt: skip
        rollout = Rollout.parse({key: value for key, value in given.items() if value is not None}, where="roll-out")
        return command(*args, rollout=rollout, **options)

    for option in (
        click.option("--max-failures", metavar="N|N%", help="As many clusters of a stage may fail; else none."),
        click.option("--soak", type=float, metavar="SECONDS", help="A cluster is good when it was Ready so long."),
        click.option("--max-concurrency", metavar="N|N%", help="So many clusters of a stage at once; else all."),
        click.option("--stage", multiple=True, metavar="GROUP", help="The groups in order; '*' is the rest."),
        click.option(
            "--rollout",
            "strategy",
            type=click.Choice(["all", "staged"]),
            help="All at once, or group by group; staged if a limit is given, else all.",
        ),
    ):
        wrapped = option(wrapped)
    return wrapped


def _share(text: str | None) -> int | str | None:
    return int(text) if text is not None and text.isdecimal() else text


versions_option = click.option(
    "--version-for",
    "versions",
    multiple=True,
    metavar="GROUP=THING",
    help="Another version for a group; '*' is the rest.",
)


def versions_of(texts: Iterable[str]) -> dict[str, Model]:
    """`group=thing` texts as group → model."""
    found = {}
    for group, text in pairs(texts, what="version").items():
        model = thing(text)
        if not isinstance(model, Model):
            raise InvalidError(f"--version-for {group}: {text} is a workload, and only models differ by group")
        found[group] = model
    return found


def as_document(what: Document) -> dict[str, Any]:
    """A thing as its YAML has it."""
    data: dict[str, Any] = yamls.load(what.to_yaml())
    return data
