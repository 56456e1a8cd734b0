"""Placements are decided as Open Cluster Management decides them: recorded cases, and fresh ones in every run."""

from __future__ import annotations

import gzip
import json
import os
import secrets
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from i4q_ai.errors import UnsupportedError
from i4q_ai.placing.scheduler import decide
from tests.parity.comparing import differences, essence
from tests.parity.coverage import lacking, occurred
from tests.parity.expressions import NOT_MODELLED
from tests.parity.reducing import Objects, smallest
from tests.parity.worlds import NAME, NAMESPACE, NOW, Case, case
from tests.testbed.oracle import Oracle

CASES = 2800
LEAST = 20
SEED = os.environ.get("I4Q_PARITY_SEED") or secrets.token_hex(4)
RECORDED = Path(__file__).parents[1] / "fixtures" / "placement-cases.jsonl.gz"


def theirs(oracle: Oracle, objects: Objects, now: datetime) -> dict[str, Any]:
    oracle.ask(objects, now=now)
    return oracle.answer()


def test_the_oracle_says_what_was_recorded(placement_oracle: Oracle) -> None:
    now = datetime.now(UTC)
    with gzip.open(RECORDED, "rt") as lines:
        for line in lines:
            recorded = json.loads(line)
            said = theirs(placement_oracle, recorded["objects"], now)
            assert essence(said) == essence(recorded["expected"]), recorded["seed"]


def test_fresh_cases_come_out_alike(placement_oracle: Oracle) -> None:
    print(f"I4Q_PARITY_SEED={SEED}")  # noqa: T201 - pytest shows it when the test fails
    counts: Counter[str] = Counter()
    compared = 0
    for number in range(CASES):
        asked = case(f"{SEED}-{number}")
        placement_oracle.ask(asked.objects, now=NOW)
        ours = decide(asked.objects, NAMESPACE, NAME, now=NOW)  # while the oracle thinks as well
        said = placement_oracle.answer()
        assert "refused" not in said, f"{asked.seed}: an API server would not take it: {said}"
        if differences(ours, said):
            pytest.fail(_report(asked, placement_oracle))
        compared += 1
        counts.update(occurred(asked, said))
    assert compared >= 2000
    assert not lacking(counts, LEAST), f"too seldom in {compared} cases: {lacking(counts, LEAST)}"


@pytest.mark.parametrize("expression", NOT_MODELLED)
def test_what_is_not_modelled_is_refused_and_not_guessed(placement_oracle: Oracle, expression: str) -> None:
    objects = next(each for each in map(case, map(str, range(1000))) if _selects(placement_oracle, each)).objects
    placement = next(each for each in objects if each["kind"] == "Placement")
    selector = {"requiredClusterSelector": {"celSelector": {"celExpressions": [expression]}}}
    placement["spec"]["predicates"] = [selector]
    said = theirs(placement_oracle, objects, NOW)
    assert {each["reason"] for each in said["conditions"]} & {"Succeedconfigured"}
    with pytest.raises(UnsupportedError):
        decide(objects, NAMESPACE, NAME, now=NOW)


def _selects(oracle: Oracle, asked: Case) -> bool:
    return bool(theirs(oracle, asked.objects, NOW)["ordered"])


def _report(asked: Case, oracle: Oracle) -> str:
    """What differs in the smallest case that still does."""

    def fails(objects: Objects) -> bool:
        said = theirs(oracle, objects, NOW)
        return "refused" not in said and bool(differences(decide(objects, NAMESPACE, NAME, now=NOW), said))

    objects = smallest(asked.objects, fails)
    said = theirs(oracle, objects, NOW)
    ours = decide(objects, NAMESPACE, NAME, now=NOW)
    lines = [f"{asked.seed} comes out otherwise; the smallest case that does:", json.dumps({"objects": objects})]
    lines += [f"{key}:\n  ours   {a}\n  theirs {b}" for key, (a, b) in differences(ours, said).items()]
    return "\n".join(lines)
