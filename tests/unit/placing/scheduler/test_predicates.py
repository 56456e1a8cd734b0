"""CEL asked of many clusters at once: as if every cluster were asked for itself."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai.placing import cel
from i4q_ai.placing.scheduler import Index, World, predicates
from tests.parity.clusters import clusters, scores
from tests.parity.expressions import RIGHT, UNLIKE
from tests.parity.worlds import NOW
from tests.unit.placing.scheduler.objects import cluster

LABELS = "managedCluster.metadata.labels"
ODD = (
    "managedCluster.spec.leaseDurationSeconds",  # a number, where a boolean is wanted
    "managedCluster.status.nope.deeper",
    "dyn(1)",
    f"size({LABELS})",
    "[managedCluster].exists(managedCluster, managedCluster.metadata.name == 'edge-1')",
    "[{'metadata': {'name': 'x'}}].exists(managedCluster, managedCluster.metadata.name == 'x')",
    "quantity('nonsense').isGreaterThan(quantity('1'))",
    f"'{LABELS}' in {LABELS}",
    "true",
    "false",
)
UNSURE = [f"dyn({each})" for each in (*ODD, *(each for kind in UNLIKE.values() for each in kind))]
REFUSED = ".sign()"
"""A function of Kubernetes that OCM calls otherwise; of these one may not even compile."""
ATOMS = [each for kind in RIGHT.values() for each in kind if REFUSED not in each] + UNSURE


def joined(below: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return (
        st.tuples(below, below).map(lambda pair: f"({pair[0]}) && ({pair[1]})")
        | st.tuples(below, below).map(lambda pair: f"({pair[0]}) || ({pair[1]})")
        | st.tuples(below, below, below).map(lambda three: f"({three[0]}) ? ({three[1]}) : ({three[2]})")
        | below.map(lambda each: f"!({each})")
    )


EXPRESSIONS = st.recursive(st.sampled_from(ATOMS), joined, max_leaves=6)


@given(EXPRESSIONS, st.integers(0, 2**32), st.integers(0, 2**12))
def test_all_at_once_is_as_one_by_one(expression: str, seed: int, some: int) -> None:
    random = Random(seed)
    made = clusters(random, NOW)
    world = World(Index(made), scores(random, [each["metadata"]["name"] for each in made], NOW))
    program = cel.compile(expression, strict=False)
    index = world.index
    candidates = index.everyone & ~some
    lookups = [partial(world.scores_of, name) for name in index.names]
    alone = [program.matches(each, found) for each, found in zip(index.seen, lookups, strict=True)]
    together = set(index.names_in(predicates.holds(world, program, candidates)))
    assert together == {name for name, is_so in zip(index.names, alone, strict=True) if is_so} & set(
        index.names_in(candidates)
    )


@pytest.mark.parametrize(
    ("values", "expression", "chosen"),
    [
        ((1, True, 1.0, "1"), "managedCluster.spec.x == true", ["b"]),
        ((1, True, 1.0, "1"), "type(managedCluster.spec.x) == int", ["a"]),
        (("", None, {}, []), "!has(managedCluster.spec.x)", ["a", "b", "c", "d"]),
        (({"y": 1}, {"y": True}, {"z": 1}, {"y": 1}), "managedCluster.spec.x.y == 1", ["a", "d"]),
        (({"y": 1}, "y", ["y"], 5), "has(managedCluster.spec.x.y)", ["a"]),
    ],
)
def test_what_looks_nearly_alike_is_told_apart(values: tuple[Any, ...], expression: str, chosen: list[str]) -> None:
    made = [{**cluster(name), "spec": {"x": value}} for name, value in zip("abcd", values, strict=True)]
    world = World(Index(made))
    program = cel.compile(expression, strict=False)
    assert world.index.names_in(predicates.holds(world, program, world.index.everyone)) == chosen
    assert [each["metadata"]["name"] for each in world.index.seen if program.matches(each)] == chosen


def test_clusters_that_look_alike_are_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [cluster(f"edge-{number:03}", site=f"site-{number % 4}") for number in range(100)]
    world = World(Index(made))
    asked: list[Any] = []
    ask = cel.asked
    monkeypatch.setattr(cel, "asked", lambda evaluate, about, found=None: asked.append(about) or ask(evaluate, about))
    program = cel.compile(f"managedCluster.metadata.name.endsWith('1') && {LABELS}.site == 'site-1'")
    found = predicates.holds(world, program, world.index.everyone)
    assert world.index.names_in(found) == ["edge-001", "edge-021", "edge-041", "edge-061", "edge-081"]
    sites = [each for each in asked if "labels" in each["metadata"]]
    assert len(sites) == 4  # the sites first, of which there are few
    assert len(asked) == 4 + 25
