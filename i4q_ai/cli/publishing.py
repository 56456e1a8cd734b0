"""`i4q publish`, `i4q publication …`: deployments that stand in Git, from where clusters take them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import click

from i4q_ai import display
from i4q_ai.cli import printing
from i4q_ai.cli.objects import placement_options, thing, versions_of, versions_option
from i4q_ai.cli.settings import Settings
from i4q_ai.cli.verbs import Verb, Verbs, name_argument
from i4q_ai.errors import InvalidError
from i4q_ai.manifests.publishable import Form
from i4q_ai.placement import Placement
from i4q_ai.published import Rendering


def _how(command: Callable[..., Any]) -> Callable[..., Any]:
    """What every commit is made with."""
    for option in (
        click.option("--force", is_flag=True, help="Also over what others have changed in our files."),
        click.option("--propose", metavar="BRANCH", help="Push to this branch instead, for others to merge."),
        click.option("--author", metavar="'NAME <ADDRESS>'", help="Of the commit; else who git says you are."),
    ):
        command = option(command)
    return command


@click.command(cls=Verb)
@click.argument("what", required=False, metavar="[REFERENCE|FILE]")
@click.option(
    "-f", "--file", "files", multiple=True, metavar="FILE|FOLDER|-", help="A Release as YAML, in place of all that."
)
@click.option("--repo", required=True, metavar="URL", help="https://…, ssh://…, user@host:path, file://… or a folder.")
@click.option("--path", default="", metavar="FOLDER", help="In it, above the deployment's own.")
@click.option("--branch", default="main", show_default=True, metavar="NAME", help="Made if there is none.")
@click.option(
    "--form", type=click.Choice(get_args(Form)), help="As what it stands there; else as now, or what suits the hub."
)
@placement_options
@click.option("--name", metavar="NAME", help="Of the deployment; else the model's or workload's.")
@click.option("--flavour", metavar="NAME", help="How a model is delivered: server (if not given), files or image.")
@click.option("--image", metavar="IMAGE@DIGEST", help="That serves the model, with --flavour image.")
@versions_option
@click.option("--edge-image", metavar="IMAGE@DIGEST", help="As `i4q image build` prints it; else $I4Q_EDGE_IMAGE.")
@click.option("--image-volumes", is_flag=True, help="Nodes mount models by themselves.")
@click.option("--pull-secret", "pull_secrets", multiple=True, metavar="NAME", help="A Secret of the clusters.")
@click.option("--plain-http", "plain_http", multiple=True, metavar="HOST:PORT", help="A registry without TLS.")
@click.option("--replicas", type=click.IntRange(0, 100), default=1, show_default=True, help="Of model servers.")
@click.option("-m", "--message", default="", metavar="TEXT", help="Of the commit; else what changed.")
@_how
@click.pass_obj
def publish(
    settings: Settings,
    what: str | None,
    files: tuple[str, ...],
    repo: str,
    path: str,
    branch: str,
    form: Any,
    where: Callable[[str], Placement],
    name: str | None,
    flavour: Any,
    image: str | None,
    versions: tuple[str, ...],
    edge_image: str | None,
    image_volumes: bool,
    pull_secrets: tuple[str, ...],
    plain_http: tuple[str, ...],
    replicas: int,
    message: str,
    author: str | None,
    propose: str | None,
    force: bool,
) -> None:
    """Write a deployment, or a release, into Git with one commit; clusters take it from there."""
    from i4q_ai import config
    from i4q_ai.gathering import gather

    if (what is None) == (not files):
        raise click.UsageError("give a REFERENCE or FILE, or a release with -f")
    rendering = Rendering(
        edge_image=edge_image or config.edge_image(),
        image_volumes=image_volumes,
        pull_secrets=pull_secrets,
        plain_http=plain_http,
        replicas=replicas,
    )
    how: dict[str, Any] = {
        "repo": repo, "path": path, "branch": branch, "form": form, "rendering": rendering, "author": author,
        "message": message, "propose": propose, "force": force,
    }  # fmt: skip
    with settings.open() as hub:
        if what is None:
            if name or flavour or image or versions or _is_said(where):
                raise InvalidError("a release says itself what goes where", hint="leave out --to, --name and the like")
            publication = hub.publish(gather(files), **how)
        else:
            found = thing(what)
            publication = hub.publish(
                found, to=where(found.name), name=name, flavour=flavour or "server", image=image,
                versions=versions_of(versions), **how,
            )  # fmt: skip
        printing.table(settings, display.publications([publication]))


def _is_said(where: Callable[[str], Placement]) -> bool:
    try:
        where("any")
    except click.UsageError:
        return False
    return True


@click.group(cls=Verbs, name="publication")
def group() -> None:
    """What stands in Git: list it, look who has it, go back, take it away."""


@group.command("list")
@click.pass_obj
def list_all(settings: Settings) -> None:
    """All publications of the namespace."""
    with settings.open() as hub:
        printing.table(settings, display.publications(hub.publications()))


@group.command("status")
@name_argument()
@click.pass_obj
def status(settings: Settings, name: str) -> None:
    """Which commit each cluster runs."""
    with settings.open() as hub:
        for each in hub.publication(name).status():
            printing.table(settings, display.publication(each))


@group.command("drift")
@name_argument()
@click.pass_obj
def drift(settings: Settings, name: str) -> None:
    """What others have changed in our files, as a diff."""
    with settings.open() as hub:
        edits = hub.publication(name).drift()
    if settings.format == "table":
        printing.out("\n".join(each.diff for each in edits) or "nothing differs")
    else:
        printing.data(settings, [{"path": each.path, "deleted": each.deleted, "diff": each.diff} for each in edits])


@group.command("rollback")
@name_argument()
@click.option("--to", metavar="COMMIT", help="Go back to what it brought; else revert the last one.")
@_how
@click.pass_obj
def rollback(
    settings: Settings, name: str, to: str | None, author: str | None, propose: str | None, force: bool
) -> None:
    """Revert the last commit that changed it, by a commit of its own."""
    with settings.open() as hub:
        publication = hub.publication(name).rollback(to=to, author=author, propose=propose, force=force)
        printing.table(settings, display.publications([publication]))


@group.command("delete")
@name_argument()
@click.option("-m", "--message", default="", metavar="TEXT", help="Of the commit.")
@click.option("--keep-files", is_flag=True, help="Leave Git as it is, for instance because it is gone for good.")
@_how
@click.pass_obj
def delete(settings: Settings, /, name: str, keep_files: bool, **how: Any) -> None:
    """Take it out of Git, and have clusters take it away where the hub can."""
    with settings.open() as hub:
        hub.publication(name).delete(keep_files=keep_files, **how)
    if keep_files:
        printing.say(f"'{name}' is forgotten; what stands in Git stays")
        return
    propose = how["propose"]
    printing.say(f"'{name}' is {f'proposed to go, on {propose}' if propose else 'gone from Git'}")
