"""The objects of an application, field by field as their kinds have them, so that others' are read without loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictBool, StrictInt

from i4q_ai.thing import FrozenDict, Thing

GROUP = "apps.open-cluster-management.io"

Texts = Annotated[dict[str, str], AfterValidator(FrozenDict)]
Rate = Literal["high", "medium", "low", "off"]
Option = Literal["merge", "replace", "mergeAndOwn"]
Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
Count = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,5}$")]
Switch = Literal["true", "false"]


class Reference(Thing):
    """A reference to an object of the hub."""

    api_version: str | None = Field(default=None, alias="apiVersion")
    kind: str | None = None
    name: str | None = None
    namespace: str | None = None
    field_path: str | None = Field(default=None, alias="fieldPath")
    resource_version: str | None = Field(default=None, alias="resourceVersion")
    uid: str | None = None


class Requirement(Thing):
    """One line of a selector."""

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: tuple[str, ...] = ()


class Selector(Thing):
    """A selector by labels; an empty one selects everything."""

    match_labels: Texts | None = Field(default=None, alias="matchLabels")
    match_expressions: tuple[Requirement, ...] = Field(default=(), alias="matchExpressions")


class Hours(Thing):
    """From when to when, as "10:00AM"."""

    start: str
    end: str


class Window(Thing):
    """When clusters take what is new, or when they do not.

    Args:
        kind: "active": only then; "blocked": never then.
        location: the time zone, as "Europe/Madrid".
        days: names of weekdays.
        hours: of these days.
    """

    kind: Literal["active", "blocked", "Active", "Blocked"] | None = Field(default=None, alias="windowtype")
    location: str | None = None
    days: tuple[str, ...] = Field(default=(), alias="daysofweek")
    hours: tuple[Hours, ...] = ()


class Override(Thing):
    """What is different on one cluster.

    Args:
        cluster: its name.
        changes: each with `path` and `value`, of all objects there.
    """

    cluster: str = Field(alias="clusterName")
    changes: tuple[dict[str, Any], ...] = Field(alias="clusterOverrides")


class PackageOverride(Thing):
    """What is different in one package: a Helm chart's alias and values, or fields of an object."""

    name: str = Field(alias="packageName")
    alias: str | None = Field(default=None, alias="packageAlias")
    changes: tuple[dict[str, Any], ...] = Field(default=(), alias="packageOverrides")


class Named(Thing):
    """A name alone."""

    name: str | None = None


class Filter(Thing):
    """Which of a repository's packages are meant."""

    version: str | None = None
    labels: Selector | None = Field(default=None, alias="labelSelector")
    annotations: Texts | None = None
    ref: Named | None = Field(default=None, alias="filterRef")


class Kinds(Thing):
    """Kinds of an API group."""

    api_version: str | None = Field(default=None, alias="apiVersion")
    kinds: tuple[str, ...] = ()


class Where(Thing):
    """Which clusters: by a Placement or PlacementRule of the same namespace, by themselves, or the one it lies on."""

    ref: Reference | None = Field(default=None, alias="placementRef")
    clusters: tuple[Named, ...] = ()
    selector: Selector | None = Field(default=None, alias="clusterSelector")
    local: StrictBool | None = None


class About(Thing):
    """What every object has: its name, and what no field of it says."""

    namespace: str = ""
    name: str = Field(min_length=1)
    labels: Texts = Field(default_factory=FrozenDict)
    annotations: Texts = Field(default_factory=FrozenDict)


class Channel(About):
    """A repository on the hub: Git, Helm charts or a bucket.

    Args:
        type: "Git", "HelmRepo" or "ObjectBucket".
        pathname: its URL.
        secret: beside it, with the credentials by which the hub and the clusters read.
        config_map: beside it, with `caCerts`.
        insecure: whatever certificate the server shows is good.
        gates, source_namespaces: which packages are let through.
        rate: how often clusters look; "medium" without.
        webhook: clusters wait for the repository's webhook.
        webhook_secret: name of the Secret by which a webhook is verified.
    """

    type: Literal[
        "Git",
        "GitHub",
        "HelmRepo",
        "ObjectBucket",
        "Namespace",
        "git",
        "github",
        "helmrepo",
        "objectbucket",
        "namespace",
    ]
    pathname: str
    secret: Reference | None = Field(default=None, alias="secretRef")
    config_map: Reference | None = Field(default=None, alias="configMapRef")
    insecure: StrictBool | None = Field(default=None, alias="insecureSkipVerify")
    gates: dict[str, Any] | None = None
    source_namespaces: tuple[str, ...] = Field(default=(), alias="sourceNamespaces")
    rate: Rate | None = None
    webhook: Switch | None = None
    webhook_secret: str | None = None


class AppSub(About):
    """A Subscription: what of a channel which clusters take.

    Args:
        channel, secondary: `namespace/name`.
        package: the Helm chart's name.
        filter, package_overrides, where, overrides, window, allow, deny: as their types say.
        hook_secret: for hooks of Ansible.
        watch_helm: what charts make is watched, too.
        path, branch, tag, commit, depth: of a Git repository; commit before tag before branch. A commit or tag must be
            within so many of the branch's last commits: 20 without `depth`.
        bucket_path: folder of a bucket.
        option: how what lies there already is changed.
        rate: "off": only when the Subscription changes; nothing else counts here.
        refreshed: another value: clusters take what is new at once.
        old_path, old_branch: as older releases have them.
        current_namespace, admin: everything into the Subscription's namespace; by a subscription-admin.
    """

    channel: str
    secondary: str | None = Field(default=None, alias="secondaryChannel")
    package: str | None = Field(default=None, alias="name_of_package")
    filter: Filter | None = Field(default=None, alias="packageFilter")
    package_overrides: tuple[PackageOverride, ...] = Field(default=(), alias="packageOverrides")
    where: Where | None = Field(default=None, alias="placement")
    overrides: tuple[Override, ...] = ()
    window: Window | None = Field(default=None, alias="timewindow")
    hook_secret: Reference | None = Field(default=None, alias="hooksecretref")
    allow: tuple[Kinds, ...] = ()
    deny: tuple[Kinds, ...] = ()
    watch_helm: StrictBool | None = Field(default=None, alias="watchHelmNamespaceScopedResources")
    path: str | None = None
    branch: str | None = None
    tag: str | None = None
    commit: Commit | None = None
    depth: Count | None = None
    bucket_path: str | None = None
    option: Option | None = None
    rate: Rate | None = None
    refreshed: str | None = None
    old_path: str | None = None
    old_branch: str | None = None
    current_namespace: Switch | None = None
    admin: Switch | None = None


class Condition(Thing):
    """What a cluster must say of itself."""

    type: str | None = None
    status: str | None = None


class Hint(Thing):
    """By which resource clusters are preferred."""

    type: Literal["cpu", "memory"] | None = None
    order: Literal["asc", "desc"] | None = None


class Rule(About):
    """A PlacementRule, which older hubs have in place of a Placement.

    Args:
        replicas: how many clusters; all without.
        clusters: by name, before `selector`.
        selector: by labels.
        conditions: that they must have.
        hint: which are preferred.
        scheduler, policies: of others.
    """

    replicas: StrictInt | None = Field(default=None, alias="clusterReplicas")
    clusters: tuple[Named, ...] = ()
    selector: Selector | None = Field(default=None, alias="clusterSelector")
    conditions: tuple[Condition, ...] = Field(default=(), alias="clusterConditions")
    hint: Hint | None = Field(default=None, alias="resourceHint")
    scheduler: str | None = Field(default=None, alias="schedulerName")
    policies: tuple[Reference, ...] = ()


class Application(About):
    """An Application: a grouping of Subscriptions by a label, and what people read of it.

    Args:
        kinds: of the objects that are grouped, each with `group` and `kind`.
        selector: which of them.
        descriptor, info, assembly, owner_refs: as the kind has them.
    """

    kinds: tuple[dict[str, str], ...] = Field(default=(), alias="componentKinds")
    selector: Selector | None = None
    descriptor: dict[str, Any] | None = None
    info: tuple[dict[str, Any], ...] = ()
    assembly: str | None = Field(default=None, alias="assemblyPhase")
    owner_refs: StrictBool | None = Field(default=None, alias="addOwnerRef")


Object = Mapping[str, Any]

CHANNEL = f"{GROUP}/v1/Channel"
SUBSCRIPTION = f"{GROUP}/v1/Subscription"
RULE = f"{GROUP}/v1/PlacementRule"
APPLICATION = "app.k8s.io/v1beta1/Application"
REPORT = f"{GROUP}/v1alpha1/SubscriptionReport"
STATUS = f"{GROUP}/v1alpha1/SubscriptionStatus"
PLACEMENT = "cluster.open-cluster-management.io/v1beta1/Placement"
"""Kinds by their whole name: others have Subscriptions, Channels and Applications, too."""
HOSTING = f"{GROUP}/hosting-subscription"
"""Label of what the hub makes of a Subscription: `<namespace>.<name>`, cut to 63 characters."""
REFRESHED = f"{GROUP}/manual-refresh-time"
"""Annotation of a Subscription: another value, and the clusters look at once."""
