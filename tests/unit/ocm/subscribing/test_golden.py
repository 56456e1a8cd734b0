"""Each case as it stands in its golden file; a change of one is seen by whoever reviews it."""

from __future__ import annotations

import pytest

from tests.unit.ocm.subscribing.cases import CASES, FOLDER, text

HINT = "if that is what you want: python -m tests.unit.ocm.subscribing.cases"


@pytest.mark.parametrize("case", CASES)
def test_the_objects_are_as_in_the_golden_file(case: str) -> None:
    expected = (FOLDER / f"{case}.yaml").read_text(encoding="utf-8")
    assert text(CASES[case]).splitlines() == expected.splitlines(), HINT


def test_every_golden_file_has_its_case() -> None:
    assert {file.stem for file in FOLDER.iterdir()} == set(CASES), HINT
