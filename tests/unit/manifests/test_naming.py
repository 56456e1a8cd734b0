"""Names and labels: valid wherever Kubernetes wants them, and never the same for two things."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from i4q_ai.manifests import fingerprint, object_name, selector, status_name
from i4q_ai.manifests.naming import labels, match
from i4q_ai.thing import is_label_key, is_label_value
from tests.unit import things
from tests.unit.manifests.cases import SITE, model, workload

# By RFC 1035, which Services want: unlike ours, a name begins with a letter.
SERVICE_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
long_names = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)
# Names that differ only where a name that is too long would be cut.
alike = st.tuples(st.just("x" * 40), st.text("ab-", min_size=5, max_size=22), st.just("c")).map("".join)
names = long_names | alike


@given(names)
def test_names_of_objects_are_valid(name: str) -> None:
    for made in (object_name("model", name), object_name("workload", name), status_name(name)):
        assert SERVICE_NAME.fullmatch(made), made


@given(names, names)
def test_no_two_things_share_a_name(one: str, other: str) -> None:
    made = {object_name("model", one), object_name("workload", one), status_name(one)}
    assert len(made) == 3
    if one != other:
        assert status_name(one) != status_name(other)
        # The status of `line` may be called as a workload `line-status` is: they are of different kinds.
        assert not made & {object_name("model", other), object_name("workload", other)} - {status_name(one)}


def test_names_that_are_too_long_and_alike_are_told_apart() -> None:
    for length in range(40, 63):
        one, other = (f"{'x' * length}{end}" for end in "ab")
        assert object_name("workload", one) != object_name("workload", other)
        assert status_name(one) != status_name(other)


def test_short_names_are_for_people() -> None:
    assert object_name("model", "tool-wear") == "model-tool-wear"
    assert status_name("line") == "workload-line-status"


@given(names, names, st.text(max_size=80))
def test_labels_are_valid_whoever_owns_it(namespace: str, name: str, owner: str) -> None:
    site = SITE.__class__(**{**vars(SITE), "owner": owner})
    made = labels(model(name, namespace=namespace), site)
    for key, value in made.items():
        assert is_label_key(key) == key
        assert is_label_value(value) == value
        assert value


def test_a_selector_never_grows() -> None:
    """It cannot be changed once an `apps/v1 Deployment` has it; whoever adds a label here breaks every update."""
    assert match(model(), SITE) == {
        "app.kubernetes.io/managed-by": "i4q-ai",
        "i4q.ai/hub": SITE.hub,
        "i4q.ai/namespace": "factory",
        "i4q.ai/deployment": "tool-wear",
    }
    assert selector() == {"app.kubernetes.io/managed-by": "i4q-ai"}


def test_a_fingerprint_is_of_all_but_the_revision() -> None:
    item = model()
    assert fingerprint(item) == fingerprint(item.replace(revision=item.revision + 1))
    others = [
        item.replace(version="2"),
        item.replace(digest=things.digest("other")),
        item.replace(flavour="files"),
        item.replace(references=("registry.example/other@" + item.digest,)),
        workload("tool-wear"),
        workload("tool-wear", env={"A": "1"}),
    ]
    assert len({fingerprint(each) for each in (item, *others)}) == len(others) + 1
