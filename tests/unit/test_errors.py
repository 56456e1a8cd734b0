"""The error tree."""

import inspect
import re

import pytest

from i4q_ai import errors
from i4q_ai.errors import DeploymentFailed, I4qError, MissingDependencyError, SchemaError, nearest

ALL = [
    each
    for _, each in inspect.getmembers(errors, inspect.isclass)
    if each.__module__ == errors.__name__ and issubclass(each, BaseException)
]


def test_all_have_one_root() -> None:
    assert [each for each in ALL if not issubclass(each, I4qError)] == []


def test_the_drawing_shows_the_tree() -> None:
    parents: list[str] = []
    drawn = {}
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"(?P<lead>[│├└─ ]*)(?P<name>[A-Z]\w+)(\s|$)", line)
        if found is None or line.startswith("Every"):
            continue
        depth = len(found["lead"]) // 4
        parents[depth:] = [found["name"]]
        drawn[found["name"]] = parents[depth - 1] if depth else None
    real = {each.__name__: None if each is I4qError else each.__bases__[0].__name__ for each in ALL}
    assert drawn == real


def test_what_and_hint_stand_apart_and_together() -> None:
    error = I4qError("it broke", hint="mend it")
    assert (error.what, error.hint) == ("it broke", "mend it")
    assert str(error) == "it broke (hint: mend it)"
    assert str(I4qError("it broke")) == "it broke"


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (errors.InvalidError, ValueError),
        (errors.NotFoundError, LookupError),
        (errors.DeadlineError, TimeoutError),
        (errors.MissingDependencyError, ImportError),
    ],
)
def test_some_are_also_what_python_calls_them(kind: type[Exception], builtin: type[Exception]) -> None:
    assert issubclass(kind, builtin)


def test_a_missing_extra_says_how_to_get_it() -> None:
    assert str(MissingDependencyError("serving", extra="serve")) == (
        'serving needs more packages (hint: pip install "i4q-ai[serve]")'
    )


def test_reasons_are_told_by_cluster() -> None:
    error = DeploymentFailed("'a' does not work", reasons={"edge-2": "no", "edge-1": "crash"})
    assert error.what == "'a' does not work: edge-1: crash; edge-2: no"
    assert error.reasons == {"edge-2": "no", "edge-1": "crash"}


def test_findings_are_told_with_their_paths() -> None:
    assert str(SchemaError("a.yaml", findings=(("x.0", "bad"), ("", "worse")))) == "a.yaml: x.0: bad; worse"


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("serer", ["server", "files"], "did you mean 'server'?"),
        ("zzz", ["server", "files"], "known: files, server"),
        ("zzz", [], "there are none"),
    ],
)
def test_nearest(name: str, known: list[str], hint: str) -> None:
    assert nearest(name, known) == hint
