"""The table of exit codes against the error tree."""

import inspect

import pytest

from i4q_ai import errors
from i4q_ai.cli.exits import BY_ERROR, MEANINGS, code_for
from i4q_ai.errors import I4qError

KINDS = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, I4qError)]
EXPECTED = {
    "DeploymentFailed": 6,
    "DeadlineError": 5,
    "ConflictError": 4,
    "StalePlanError": 4,
    "OwnedError": 4,
    "VersionExistsError": 4,
    "FieldConflictError": 4,
    "EditedError": 4,
    "NotFoundError": 3,
}


def made(kind: type[I4qError]) -> I4qError:
    error = kind.__new__(kind)
    I4qError.__init__(error, "it broke")
    return error


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_has_its_code(kind: type[I4qError]) -> None:
    assert code_for(made(kind)) == EXPECTED.get(kind.__name__, 1)


def test_every_code_has_a_meaning() -> None:
    assert {code for _, code in BY_ERROR} <= set(MEANINGS)


def test_no_line_of_the_table_hides_another() -> None:
    for position, (kind, _) in enumerate(BY_ERROR):
        assert not any(issubclass(kind, above) for above, _ in BY_ERROR[:position])
