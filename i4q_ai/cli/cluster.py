"""`i4q cluster …`: the places that can run things."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from i4q_ai import display, yamls
from i4q_ai.cli import printing
from i4q_ai.cli.pairs import pairs
from i4q_ai.cli.settings import Settings
from i4q_ai.cli.verbs import Verbs
from i4q_ai.cluster import Cluster

if TYPE_CHECKING:
    from i4q_ai.backends.base import Needs

_refresh = click.option(
    "--refresh/--no-refresh", default=True, show_default=True, help="Move what is deployed, where it now belongs."
)


@click.group(cls=Verbs, name="cluster")
def group() -> None:
    """Clusters: add, import, list, label, taint, stop and start them."""


def _show(settings: Settings, *clusters: Cluster) -> None:
    table = display.clusters(clusters)
    printing.table(settings, display.Table("", table.columns, table.rows))


@group.command("add")
@click.argument("name")
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="What rules select by.")
@click.option("--claim", "claims", multiple=True, metavar="KEY=VALUE", help="What it says of itself.")
@click.option("--resource", "resources", multiple=True, metavar="KEY=QUANTITY", help="As memory=8Gi; else measured.")
@click.option("--kube-version", metavar="VERSION", help="Where there is a Kubernetes.")
@click.option("--taint", "taints", multiple=True, metavar="KEY=VALUE:EFFECT", help="Keeps placements away.")
@_refresh
@click.pass_obj
def add(
    settings: Settings,
    name: str,
    labels: tuple[str, ...],
    claims: tuple[str, ...],
    resources: tuple[str, ...],
    kube_version: str | None,
    taints: tuple[str, ...],
    refresh: bool,
) -> None:
    """Make a cluster known."""
    with settings.open() as hub:
        cluster = hub.clusters.add(
            name,
            labels=pairs(labels, what="label"),
            claims=pairs(claims, what="claim"),
            resources=pairs(resources, what="resource"),
            kube_version=kube_version,
            taints=taints,
            refresh=refresh,
        )
    _show(settings, cluster)


@group.command("import")
@click.argument("name")
@click.option("--kubeconfig", type=click.Path(exists=True, dir_okay=False), help="Its file; else the default one.")
@click.option("--context", metavar="NAME", help="In that file; else the current one.")
@click.option(
    "--into", "namespace", metavar="NAMESPACE", help="Where everything lies there, whatever the deployment's."
)
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="What rules select by.")
@click.option("--claim", "claims", multiple=True, metavar="KEY=VALUE", help="What it says of itself.")
@click.option("--taint", "taints", multiple=True, metavar="KEY=VALUE:EFFECT", help="Keeps placements away.")
@click.option("--print", "only_print", is_flag=True, help="Print what the cluster needs for it, and touch nothing.")
@_refresh
@click.pass_obj
def join(
    settings: Settings,
    name: str,
    kubeconfig: str | None,
    context: str | None,
    namespace: str | None,
    labels: tuple[str, ...],
    claims: tuple[str, ...],
    taints: tuple[str, ...],
    only_print: bool,
    refresh: bool,
) -> None:
    """Make a Kubernetes cluster known that is there already, after a look at it."""
    with settings.open() as hub:
        if only_print:
            _print_needs(settings, hub.clusters.needs(name))
            return
        cluster = hub.clusters.join(
            name,
            kubeconfig=kubeconfig,
            context=context,
            namespace=namespace,
            labels=pairs(labels, what="label"),
            claims=pairs(claims, what="claim"),
            taints=taints,
            refresh=refresh,
        )
    _show(settings, cluster)


def _print_needs(settings: Settings, needs: Needs) -> None:
    """Objects on stdout, as kubectl takes them; what is to be done beside them on stderr."""
    for step in needs.steps:
        printing.say(f"# {step}")
    if settings.format == "json":
        printing.data(settings, [*needs.objects])
        return
    for each in needs.objects:
        printing.out(f"---\n{yamls.dump(each)}", end="")


@group.command("remove")
@click.argument("name")
@_refresh
@click.pass_obj
def remove(settings: Settings, name: str, refresh: bool) -> None:
    """Forget a cluster, and end what runs there."""
    with settings.open() as hub:
        hub.clusters.remove(name, refresh=refresh)
    printing.done(settings, "removed", "cluster", name)


@group.command("list")
@click.pass_obj
def list_all(settings: Settings) -> None:
    """All clusters."""
    with settings.open() as hub:
        printing.table(settings, display.clusters(hub.clusters.list()))


@group.command("label")
@click.argument("name")
@click.argument("labels", nargs=-1, required=True, metavar="KEY=VALUE|KEY-...")
@_refresh
@click.pass_obj
def label(settings: Settings, name: str, labels: tuple[str, ...], refresh: bool) -> None:
    """Set labels; KEY- takes one away."""
    gone: dict[str, str | None] = {text[:-1]: None for text in labels if text.endswith("-") and "=" not in text}
    given = pairs((text for text in labels if text[:-1] not in gone or "=" in text), what="label")
    with settings.open() as hub:
        cluster = hub.clusters.label(name, {**gone, **given}, refresh=refresh)
    _show(settings, cluster)


@group.command("taint")
@click.argument("name")
@click.argument("taints", nargs=-1, required=True, metavar="KEY=VALUE:EFFECT...")
@_refresh
@click.pass_obj
def taint(settings: Settings, name: str, taints: tuple[str, ...], refresh: bool) -> None:
    """Add taints; effects are NoSelect, NoSelectIfNew and PreferNoSelect."""
    with settings.open() as hub:
        cluster = hub.clusters.taint(name, *taints, refresh=refresh)
    _show(settings, cluster)


@group.command("untaint")
@click.argument("name")
@click.argument("key")
@_refresh
@click.pass_obj
def untaint(settings: Settings, name: str, key: str, refresh: bool) -> None:
    """Take all taints of a key away."""
    with settings.open() as hub:
        cluster = hub.clusters.untaint(name, key, refresh=refresh)
    _show(settings, cluster)


@group.command("stop")
@click.argument("name")
@click.pass_obj
def stop(settings: Settings, name: str) -> None:
    """Stop a cluster and all that runs there, until it is started."""
    with settings.open() as hub:
        hub.clusters.stop(name)
    printing.done(settings, "stopped", "cluster", name)


@group.command("start")
@click.argument("name")
@click.pass_obj
def start(settings: Settings, name: str) -> None:
    """Start a stopped cluster; it catches up."""
    with settings.open() as hub:
        hub.clusters.start(name)
    printing.done(settings, "started", "cluster", name)
