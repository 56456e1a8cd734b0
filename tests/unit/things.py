"""Small things for tests, and hypothesis strategies for all of them."""

from __future__ import annotations

import hashlib
import string
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from i4q_ai.cluster import Cluster, Condition, Score, Taint
from i4q_ai.model import FeatureSummary, File, Model, Tensor, TrainingSummary
from i4q_ai.placement import Group, Placement, Toleration
from i4q_ai.placing.rules import (
    AllOf,
    AnyOf,
    ClaimRule,
    KubeVersionRule,
    LabelRule,
    NameRule,
    Not,
    ResourceRule,
    Rule,
)
from i4q_ai.release import Placed, Release
from i4q_ai.rollout.rollout import Rollout
from i4q_ai.status import Observation, Phase, Status
from i4q_ai.workload import Workload


def digest(text: str) -> str:
    """A digest that is the same for the same text."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def model(name: str = "tool-wear", version: str = "1", **about: Any) -> Model:
    """A pushed model."""
    reference = about.pop("reference", f"registry.example/models/{name}@{digest(name + version)}")
    return Model(name=name, version=version, format="onnx", reference=reference, **about)


def workload(name: str = "monitor", version: str = "1", **about: Any) -> Workload:
    """A workload with pushed code."""
    reference = f"registry.example/code/{name}@{digest(name + version)}"
    return Workload(
        **{"name": name, "version": version, "command": ("python", "main.py"), "reference": reference, **about}
    )


def cluster(name: str, **about: Any) -> Cluster:
    """A cluster; labels may be given as keywords of `labels`."""
    return Cluster(name=name, **about)


names = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
versions = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,8}", fullmatch=True)
digests = st.text(alphabet="0123456789abcdef", min_size=64, max_size=64).map("sha256:{}".format)
texts = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
# What YAML 1.1 reads as something else than text, or folds: the round trip has to quote it.
tricky = st.sampled_from(
    ["", "no", "on", "1", "1e3", "0x1F", "2026-11-22", "null", "~", " a", "a: b", "# c", "a\nb", "é", "'", "*"]
)
any_text = texts | tricky
label_keys = st.sampled_from(["line", "site", "gpu", "factory.example/hall"])
label_values = st.sampled_from(["", "a", "b", "cnc", "1", "true"])
labels = st.dictionaries(label_keys, label_values, max_size=3)
moments = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))
floats = st.floats(allow_nan=False, allow_infinity=False)
paths = st.lists(st.text(string.ascii_letters + "._-", min_size=1, max_size=6), min_size=1, max_size=3).map("/".join)
paths = paths.filter(lambda path: not {"", ".", ".."} & set(path.split("/")))
references = digests.map("registry.example:5000/models/x@{}".format)

files = st.builds(File, path=paths, size=st.integers(0, 2**40), sha256=digests.map(lambda text: text[7:]))
tensors = st.builds(
    Tensor,
    name=st.text(string.ascii_letters, min_size=1, max_size=5),
    datatype=st.sampled_from(["FP32", "INT64", "BYTES", "BOOL"]),
    shape=st.lists(st.integers(-1, 8), max_size=3).map(tuple),
    columns=st.lists(any_text, max_size=2).map(tuple),
)
trainings = st.builds(
    TrainingSummary,
    rows=st.integers(0, 10**9),
    features=st.dictionaries(
        any_text,
        st.builds(
            FeatureSummary,
            count=st.integers(0, 10**6),
            missing=st.integers(0, 10),
            mean=st.none() | floats,
            std=st.none() | floats,
            quantiles=st.dictionaries(st.sampled_from(["0", "0.25", "0.5", "1"]), floats, max_size=3),
        ),
        max_size=2,
    ),
)
models = st.builds(
    Model,
    name=names,
    version=versions,
    format=st.sampled_from(["onnx", "files"]),
    description=any_text,
    files=st.lists(files, max_size=2).map(tuple),
    inputs=st.lists(tensors, max_size=2).map(tuple),
    outputs=st.lists(tensors, max_size=2).map(tuple),
    labels=labels,
    metrics=st.dictionaries(any_text, floats, max_size=2),
    training=st.none() | trainings,
    reference=st.none() | references,
)
workloads = st.builds(
    Workload,
    name=names,
    version=versions,
    description=any_text,
    command=st.lists(any_text, min_size=1, max_size=3).map(tuple),
    files=st.lists(files, max_size=2).map(tuple),
    uses=st.dictionaries(names, st.sampled_from(["url", "path"]), max_size=2),
    env=st.dictionaries(st.from_regex(r"[A-L_][A-Za-z0-9_]{0,5}", fullmatch=True), any_text, max_size=2),
    port=st.integers(1, 65535),
    ready=st.none() | st.just("/ready"),
    labels=labels,
    reference=st.none() | references,
)
taints = st.builds(
    Taint,
    key=label_keys,
    value=st.sampled_from(["", "a", "b"]),
    effect=st.sampled_from(["NoSelect", "PreferNoSelect", "NoSelectIfNew"]),
)
quantities = st.builds(
    "{}{}".format, st.integers(0, 999), st.sampled_from(["", "m", "k", "M", "G", "Ki", "Mi", "Gi", "e2", "E-1"])
)
kube_versions = st.builds(
    "v{}.{}.{}{}".format, st.just(1), st.integers(28, 35), st.integers(0, 3), st.sampled_from(["", "-rc.1", "+k3s1"])
)
conditions = st.builds(
    Condition,
    type=st.just("Available"),
    status=st.sampled_from(["True", "False", "Unknown"]),
    reason=st.just("Stopped"),
    message=any_text,
    since=st.none() | moments,
)
score_names = st.sampled_from(["model-score/accuracy", "model-score/f1", "gpu/free"])
cluster_names = st.sampled_from([f"edge-{number}" for number in range(6)])
clusters = st.builds(
    Cluster,
    name=cluster_names,
    labels=labels,
    claims=st.dictionaries(st.sampled_from(["platform", "serial"]), any_text, max_size=2),
    resources=st.dictionaries(st.sampled_from(["cpu", "memory"]), quantities, max_size=2),
    kube_version=st.none() | kube_versions,
    taints=st.lists(taints, max_size=2).map(tuple),
    scores=st.dictionaries(score_names, st.builds(Score, value=st.integers(-100, 100)), max_size=2),
    conditions=st.lists(conditions, max_size=1).map(tuple),
)
fleets = st.lists(clusters, max_size=6, unique_by=lambda each: each.name)

_present = st.sampled_from(["Exists", "DoesNotExist"])
_listed = st.sampled_from(["In", "NotIn"])
_orders = st.sampled_from(["==", "!=", ">=", ">", "<=", "<"])
simple_rules: st.SearchStrategy[Rule] = st.one_of(
    st.builds(LabelRule, label=label_keys, operator=_present),
    st.builds(
        LabelRule, label=label_keys, operator=_listed, values=st.lists(label_values, min_size=1, max_size=2).map(tuple)
    ),
    st.builds(ClaimRule, claim=st.sampled_from(["platform", "serial"]), operator=_present),
    st.builds(
        ClaimRule,
        claim=st.just("platform"),
        operator=_listed,
        values=st.lists(any_text, min_size=1, max_size=2).map(tuple),
    ),
    st.builds(ResourceRule, resource=st.sampled_from(["cpu", "memory"]), operator=_orders, value=quantities),
    st.tuples(kube_versions, _orders).map(lambda drawn: KubeVersionRule(version=drawn[0], operator=drawn[1])),
    st.builds(NameRule, clusters=st.lists(cluster_names, min_size=1, max_size=3).map(tuple)),
)
rules: st.SearchStrategy[Any] = st.recursive(
    simple_rules,
    lambda inner: st.one_of(
        st.builds(AllOf, all=st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(AnyOf, any=st.lists(inner, min_size=1, max_size=3).map(tuple)),
        inner.map(lambda rule: Not(not_=rule)),  # a signature names the field or its alias: never ask it
    ),
    max_leaves=6,
)
groups = st.lists(st.builds(Group, name=names, rule=rules), max_size=3, unique_by=lambda group: group.name).map(tuple)
tolerations = st.builds(
    Toleration,
    key=label_keys,
    operator=st.sampled_from(["Equal", "Exists"]),
    value=st.sampled_from(["", "a"]),
    effect=st.none() | st.just("NoSelect"),
)
placements = st.builds(
    Placement,
    name=names,
    rule=st.none() | rules,
    count=st.none() | st.integers(1, 4),
    groups=groups,
    tolerations=st.lists(tolerations, max_size=2).map(tuple),
    prefer=st.dictionaries(score_names, st.integers(-10, 10).filter(bool), max_size=2),
)
observations = st.builds(
    Observation,
    cluster=cluster_names,
    namespace=names,
    name=names,
    kind=st.sampled_from(["model", "workload"]),
    phase=st.sampled_from(list(Phase)),
    message=any_text,
    desired=st.none() | digests,
    running=st.none() | digests,
    version=any_text,
    revision=st.integers(0, 99),
    since=st.none() | moments,
    address=st.none() | st.just("http://127.0.0.1:8080"),
    restarts=st.integers(0, 9),
    saved=st.integers(0, 1 << 40),
)
statuses = st.builds(
    Status,
    namespace=names,
    name=names,
    kind=st.sampled_from(["model", "workload"]),
    revision=st.integers(0, 99),
    version=any_text,
    phase=st.sampled_from(list(Phase)),
    message=any_text,
    clusters=st.lists(observations, max_size=3).map(tuple),
)
percentages = st.builds("{}%".format, st.integers(1, 100))
rollouts = st.builds(Rollout, strategy=st.sampled_from(["all", "staged"])) | st.builds(
    Rollout,
    max_concurrency=st.none() | st.integers(1, 9) | percentages,
    soak=st.integers(0, 600) | st.floats(0, 600),
    max_failures=st.integers(0, 9) | percentages,
)
placed = st.builds(
    Placed,
    model=names,
    to=names,
    name=st.none() | names,
    flavour=st.sampled_from(["server", "files"]),
    versions=st.dictionaries(names, versions, max_size=2),
    rollout=rollouts,
)
releases = st.builds(
    Release,
    models=st.lists(models, max_size=2).map(tuple),
    workloads=st.lists(workloads, max_size=1).map(tuple),
    placements=st.lists(placements, max_size=2).map(tuple),
    deployments=st.lists(placed, max_size=2).map(tuple),
)
