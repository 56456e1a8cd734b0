"""Model."""

import pytest

from i4q_ai.errors import InvalidError, SchemaError
from i4q_ai.model import File, Model
from tests.unit import things


def test_the_digest_is_that_of_the_reference() -> None:
    assert things.model().digest == things.digest("tool-wear1")


def test_a_model_that_is_not_pushed_has_no_digest() -> None:
    with pytest.raises(InvalidError, match=r"tool-wear 1 has no digest yet \(hint: push it first: model.push\(\)\)"):
        _ = Model(name="tool-wear", version="1").digest


def test_the_size_is_that_of_all_files() -> None:
    files = [File(path=path, size=size, sha256="0" * 64) for path, size in (("a", 3), ("b/c", 4))]
    assert Model(name="a", version="1", files=files).size == 7


@pytest.mark.parametrize("path", ["", "/a", "a/../b", "./a", "a//b", "a/", "a\\b", "a\0b", "x" * 256, "é" * 128])
def test_no_paths(path: str) -> None:
    with pytest.raises(SchemaError, match="path: "):
        File(path=path, size=0, sha256="0" * 64)


@pytest.mark.parametrize("version", ["1", "1.2.3", "_x", "v1-rc.1", "a" * 128])
def test_versions(version: str) -> None:
    assert Model(name="a", version=version).version == version


@pytest.mark.parametrize("version", ["", ".1", "-1", "1+2", "a b", "a" * 129, "1\n"])
def test_no_versions(version: str) -> None:
    with pytest.raises(SchemaError, match="is no version"):
        Model(name="a", version=version)


def test_a_number_is_no_version() -> None:
    with pytest.raises(SchemaError, match=r"version .*1\.1"):
        Model.from_yaml("apiVersion: i4q-ai/v1\nkind: Model\nname: a\nversion: 1.10\n")
