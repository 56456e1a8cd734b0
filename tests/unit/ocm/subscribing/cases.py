"""What the golden files show: one case a file. `python -m tests.unit.ocm.subscribing.cases` writes them anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from i4q_ai import Label, Placement, Resource, yamls
from i4q_ai.backends.base import Subscription
from i4q_ai.manifests import Site
from i4q_ai.manifests.publishable import rendered
from i4q_ai_ocm.settings import Git
from i4q_ai_ocm.subscribing import looks
from i4q_ai_ocm.subscribing.making import bundle, new_channel
from i4q_ai_ocm.subscribing.things import (
    AppSub,
    Channel,
    Filter,
    Hours,
    Override,
    PackageOverride,
    Reference,
    Requirement,
    Selector,
    Where,
    Window,
)
from i4q_ai_ocm.subscribing.translating import write
from tests.unit.ocm.things import item

Object = dict[str, Any]

FOLDER = Path(__file__).parents[3] / "golden" / "acm"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPO = "https://git.factory/plant/models.git"
LABELS = {"app.kubernetes.io/managed-by": "i4q-ai", "i4q.ai/deployment": "tool-wear", "i4q.ai/namespace": "factory"}
SHARED = {"app.kubernetes.io/managed-by": "i4q-ai"}
CNC = Placement("cnc", Label("line") == "cnc")
GROUPED = Placement(
    "cnc", (Label("line") == "cnc") & (Resource("memory") >= "1Gi"), groups={"canary": Label("stage") == "canary"}
)
WINDOW = Window(
    kind="active", location="Europe/Madrid", days=("Monday", "Friday"), hours=(Hours(start="10:00AM", end="5:00PM"),)
)
TO = Where(ref=Reference(kind="Placement", name="tool-wear-placement-1"))


def wanted(**changes: Any) -> Subscription:
    """A subscription of ours."""
    fields = {
        "namespace": "factory",
        "name": "tool-wear",
        "repo": REPO,
        "folders": {"*": "edge/tool-wear"},
        "placement": CNC,
        "commit": COMMIT,
    }
    return Subscription(**{**fields, **changes})


def told(
    want: Subscription, git: Git | None = None, channel: Channel | None = None, refreshed: str | None = None
) -> tuple[Object, ...]:
    """All that a hub is told of it."""
    git = git or Git()
    source = channel or new_channel(REPO, git, labels=SHARED)
    made = bundle(want, git, source, sets=("global",), labels=LABELS)
    return tuple(replace(made, groups=tuple(each.with_refresh(refreshed) for each in made.groups)).objects())


def appsub(**fields: Any) -> Object:
    """A Subscription alone."""
    about = {"namespace": "factory", "name": "tool-wear-subscription-1", "labels": {"app": "tool-wear"}, "where": TO}
    return write(AppSub(**{**about, **fields}))


LOOKING = {"i4q.ai/looks-at": "0123456789abcdef.0123456789"}


def delivered() -> list[Object]:
    """The objects of a model, as they stand in Git."""
    site = Site(cluster="git", namespace="factory", hub="git", image="registry.factory/edge@sha256:" + "e" * 64)
    named = item().model_copy(update={"references": (f"registry.factory/models/tool-wear@{item().digest}",)})
    return [each for text in rendered(named, site, form="manifests").values() for each in yamls.load_all(text)]


HELM = Channel(
    namespace="hcharts-factory-ns", name="hcharts-factory", type="HelmRepo", pathname="https://charts.factory",
    secret=Reference(name="hcharts-factory-auth"), rate="high",
)  # fmt: skip
BUCKET = Channel(
    namespace="obucket-factory-models-ns", name="obucket-factory-models", type="ObjectBucket",
    pathname="https://bucket.factory/models", secret=Reference(name="obucket-factory-models-auth"), insecure=False,
)  # fmt: skip

CASES: dict[str, tuple[Object, ...]] = {
    "application": told(wanted()),
    "application-refreshed": told(wanted(), refreshed="2026-11-28T09:00:00Z"),
    "application-groups": told(
        wanted(placement=GROUPED, folders={"canary": "edge/tool-wear/canary", "*": "edge/rest"})
    ),
    "application-private": told(wanted(), Git(secret="git-auth", config_map="git-ca", rate="high", option="merge")),
    "application-pinned": told(wanted(pinned=True), Git(depth=500)),
    "application-window": told(
        wanted(),
        Git(
            window=WINDOW,
            rate="off",
            overrides=(Override(cluster="edge-1", changes=({"path": "metadata.namespace", "value": "line-1"},)),),
        ),
    ),
    "application-rule": told(wanted(placement=CNC.replace(count=2)), Git(placement_rules=True)),
    "application-channel-that-is-there": told(
        wanted(), channel=Channel(namespace="ours", name="models", type="git", pathname=REPO)
    ),
    "helm": (
        write(HELM),
        appsub(
            channel="hcharts-factory-ns/hcharts-factory",
            package="tool-wear",
            filter=Filter(version=">=1.0.0"),
            package_overrides=(
                PackageOverride(name="tool-wear", alias="cnc", changes=({"path": "spec", "value": {"replicas": 2}},)),
            ),
            watch_helm=True,
        ),
    ),
    "bucket": (
        write(BUCKET),
        appsub(
            channel="obucket-factory-models-ns/obucket-factory-models",
            bucket_path="edge/tool-wear",
            filter=Filter(
                labels=Selector(match_expressions=(Requirement(key="stage", operator="In", values=("live",)),))
            ),
        ),
    ),
    "look": (looks.look("factory", "look", "tool-wear-placement-1", "tool-wear-subscription-1", labels=LOOKING),),
    "look-delivered": (
        looks.look(
            "factory",
            "tool-wear",
            "tool-wear-placement-1",
            "tool-wear-subscription-1",
            delivered=delivered(),
            digest=item().digest,
            labels=LABELS,
        ),
    ),
    "git-tag": (appsub(channel="ggitfactory-ns/ggitfactory", path="edge", branch="main", tag="v200", depth="50"),),
}


def text(objects: tuple[Object, ...]) -> str:
    """As a golden file has them."""
    return "---\n".join(yamls.dump(each) for each in objects)


if __name__ == "__main__":
    for name, objects in CASES.items():
        (FOLDER / f"{name}.yaml").write_text(text(objects), encoding="utf-8")
