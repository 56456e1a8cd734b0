"""Pickles, by their opcodes: data passes, whatever can run code does not."""

from __future__ import annotations

import collections
import datetime
import io
import os
import pickle
import pickletools
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai.errors import StorageError
from i4q_ai.oci.signing.pickles import judge, scan

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inside: (
        st.lists(inside, max_size=4)
        | st.dictionaries(st.text(max_size=4), inside, max_size=4)
        | st.tuples(inside, inside)
        | st.frozensets(st.integers(), max_size=3)
    ),
    max_leaves=15,
)


def why(data: bytes, suffix: str = ".pkl") -> str:
    return judge(io.BytesIO(data), suffix=suffix)


class Runs:
    """What everybody warns of."""

    def __init__(self, call: Any, *arguments: Any) -> None:
        self.what = call, arguments

    def __reduce__(self) -> Any:
        return self.what


@given(PLAIN, st.sampled_from(PROTOCOLS))
def test_plain_data_passes(value: object, protocol: int) -> None:
    assert why(pickle.dumps(value, protocol)) == ""


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "value",
    [
        numpy.arange(12.0).reshape(3, 4),
        numpy.float32(1),
        collections.OrderedDict(a=numpy.zeros(3, dtype="int8"), b=[{1, 2}, frozenset("ab"), bytearray(b"x")]),
        datetime.datetime(2026, 1, 1),
        complex(1, 2),
    ],
)
def test_data_of_numpy_and_collections_passes(value: object, protocol: int) -> None:
    assert why(pickle.dumps(value, protocol)) == ""


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("evil", "name"),
    [
        (Runs(os.system, "true"), "posix.system"),
        (Runs(eval, "1"), ".eval"),
        (Runs(subprocess.Popen, ["true"]), ".Popen"),
        (Runs(getattr, "x", "upper"), ".getattr"),
        (Runs(pickle.loads, b"N."), "pickle.loads"),
        ([1, {"deep": [Runs(os.system, "true")]}], "posix.system"),
    ],
)
def test_what_runs_code_is_named(evil: object, name: str, protocol: int) -> None:
    found = why(pickle.dumps(evil, protocol))
    assert found.startswith("it asks for ")
    assert name in found


HAND_MADE = {
    "global": b"cos\nsystem\n(S'true'\ntR.",
    "inst": b"(S'true'\nios\nsystem\n.",
    "obj": b"(cos\nsystem\nS'true'\no.",
    "a name out of the memo": b"\x80\x04\x8c\x02os\x94\x8c\x06system\x940h\x00h\x01\x93\x8c\x04true\x85R.",
    "a name that is put together": b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94N0\x93.",
    "a memo that is overwritten": b"\x80\x04\x8c\x0bcollections\x94\x8c\x02os\x94q\x000h\x00\x8c\x06system\x93.",
    "a harmless name, taken off the stack": b"\x80\x04\x8c\x02os\x8c\x06system\x8c\x0bcollections\x8c\x0bOrderedDict00\x93.",  # noqa: E501
    "a name of bytes": b"\x80\x04C\x02osC\x06system\x93.",
    "a name of old text": b"\x80\x04U\x02osU\x06system\x93.",
    "an extension": b"\x80\x02\x82\x01.",
    "attributes of a harmless name": b"\x80\x04\x8c\x0bcollections\x8c\x19OrderedDict.__init_subclass__\x93.",
    "before it breaks": b"cos\nsystem\n(S'true'\ntR\xff\xff\xff",
}


@pytest.mark.parametrize("data", HAND_MADE.values(), ids=HAND_MADE)
@pytest.mark.parametrize("suffix", [".pkl", ".bin", ".pt", ".joblib"])
def test_hand_made_pickles_are_refused(data: bytes, suffix: str) -> None:
    assert why(data, suffix)


def test_a_memo_is_followed() -> None:
    array = numpy.zeros(2)
    assert pickle.dumps([array, numpy.ones(3)], 4).count(b"multiarray") == 1
    assert why(pickle.dumps([array, array.copy(), numpy.ones(3)], 4)) == ""


@given(st.lists(st.sampled_from([code.code.encode("latin1") for code in pickletools.opcodes]), max_size=6), st.binary())
def test_whatever_is_made_up_is_judged_without_an_error(codes: list[bytes], rest: bytes) -> None:
    data = b"\x80\x04" + b"".join(codes) + rest
    assert isinstance(why(data), str)


@given(st.binary(max_size=300))
def test_what_passes_loads_without_importing(data: bytes) -> None:
    class Strict(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            raise AssertionError(f"{module}.{name}")

    if why(data) == "":
        try:
            Strict(io.BytesIO(data)).load()
        except AssertionError:
            raise
        except Exception:  # what is broken may break
            return


def test_two_pickles_in_one_file_are_refused() -> None:
    assert "after its end" in why(pickle.dumps(1) + pickle.dumps(Runs(os.system, "true")))


def test_old_files_of_torch_begin_with_five_pickles() -> None:
    magic = pickle.dumps(0x1950A86A20F9469CFC6C, 2)
    head = [magic, pickle.dumps(1001, 2), pickle.dumps({"little_endian": True}, 2)]
    keys = pickle.dumps(["0"], 2)
    assert why(b"".join([*head, pickle.dumps({"w": 1}, 2), keys]) + b"raw numbers", ".pt") == ""
    evil = b"".join([*head, pickle.dumps(Runs(os.system, "true"), 2), keys])
    assert "posix.system" in why(evil, ".pt")
    assert "cannot be judged" in why(b"".join(head), ".pt")


def zipped(members: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


def test_the_pickles_inside_a_zip_of_torch() -> None:
    storage = b"\x80\x02(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000tQ."
    good = {"archive/data.pkl": storage, "archive/data/0": os.urandom(100), "archive/version": b"3\n"}
    assert why(zipped(good), ".pt") == ""
    for name in ("archive/data.pkl", "archive/other.pkl", "archive/data/1", "archive/extra.bin"):
        evil = zipped({**good, name: pickle.dumps(Runs(os.system, "true"), 2)})
        assert f"{name}: it asks for posix.system" in why(evil, ".pt")
        assert "posix.system" in why(evil, ".onnx")  # whatever it is called
    assert "cannot be judged" in why(zipped(good)[:-20], ".pt")


def test_a_pickle_under_another_name_is_one() -> None:
    assert "posix.system" in why(pickle.dumps(Runs(os.system, "true")), ".onnx")


@pytest.mark.parametrize(
    "data", [b"", b"\x08\x07\x12\x04onnx", b"\x00" * 1000, os.urandom(10_000), b"GGUF" + b"\1" * 99]
)
def test_other_formats_pass_under_their_names(data: bytes) -> None:
    if data[:1] != b"\x80":
        assert why(data, ".onnx") == ""


def test_plain_numbers_may_be_called_bin() -> None:
    assert why(numpy.linspace(0.1, 1, 1000, dtype="float32").tobytes(), ".bin") == ""
    assert "cannot be judged" in why(numpy.linspace(0.1, 1, 1000, dtype="float32").tobytes(), ".pkl")


def test_what_would_take_all_memory_is_refused() -> None:
    claims = b"\x80\x04\x8e" + (2**40).to_bytes(8, "little") + b"x"
    assert "cannot be judged" in why(claims)
    assert "cannot be judged" in why(b"S'" + b"x" * 200_000)


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "evil.PKL").write_bytes(pickle.dumps(Runs(os.system, "true")))
    (tmp_path / "good.pkl").write_bytes(pickle.dumps([1]))
    (tmp_path / "model.pkl.gz").write_bytes(b"\x1f\x8b\x08\x00")
    (tmp_path / "model.onnx").write_bytes(b"\x08\x07")
    found = scan(tmp_path, ["a/evil.PKL", "good.pkl", "model.pkl.gz", "model.onnx"])
    assert sorted(found) == ["a/evil.PKL", "model.pkl.gz"]
    with pytest.raises(StorageError, match="gone"):
        scan(tmp_path, ["gone.pkl"])
