"""Wheels: which fit, and what of them is unpacked where."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from i4q_ai.errors import FormatError
from i4q_ai.oci.image.platforms import PLATFORMS
from i4q_ai.oci.image.wheels import Wheel, unpack
from tests.unit.oci.image.made_wheels import wheel

AMD64, ARM64 = PLATFORMS
INFO = "spam-1.0.dist-info/WHEEL"


@pytest.mark.parametrize(
    ("tags", "amd64", "arm64"),
    [
        ("py3-none-any", True, True),
        ("py2.py3-none-any", True, True),
        ("py2-none-any", False, False),
        ("cp311-cp311-manylinux_2_28_x86_64", True, False),
        ("cp311-cp311-manylinux2014_aarch64.manylinux_2_17_aarch64", False, True),
        ("cp311-cp311-manylinux_2_31_x86_64", False, False),
        ("cp312-cp312-manylinux_2_28_x86_64", False, False),
        ("cp38-abi3-manylinux_2_17_x86_64", True, False),
        ("cp312-abi3-manylinux_2_17_x86_64", False, False),
        ("cp311-cp311-musllinux_1_2_x86_64", False, False),
        ("cp311-cp311-win_amd64", False, False),
        ("py3-none-manylinux1_x86_64", True, False),
    ],
)
def test_a_wheel_fits_by_its_tags(tags: str, amd64: bool, arm64: bool) -> None:
    made = Wheel.of(Path(f"spam-1.0-{tags}.whl"))
    assert (made.fits(AMD64), made.fits(ARM64)) == (amd64, arm64)


def test_the_name_says_what_it_is() -> None:
    made = Wheel.of(Path("Typing_Extensions-4.16.0-1build-py3-none-any.whl"))
    assert (made.name, made.version) == ("typing-extensions", "4.16.0")


@pytest.mark.parametrize("name", ["spam.whl", "spam-1.0-py3-none.whl", "spam-1.0-py3-none-any.zip", "spam-1.0.tar.gz"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(FormatError, match="not the name of a wheel"):
        Wheel.of(Path(name))


def test_what_is_imported_is_unpacked_and_nothing_else(tmp_path: Path) -> None:
    files = {
        "spam/__init__.py": b"1",
        "spam/tests/test_spam.py": b"",
        "spam/tests_of_it.py": b"2",
        "spam/__init__.pyi": b"",
        "spam/__pycache__/__init__.cpython-311.pyc": b"",
        "spam-1.0.data/purelib/pure.py": b"3",
        "spam-1.0.data/platlib/spam/native.so": b"4",
        "spam-1.0.data/scripts/spam": b"#!python",
        "spam-1.0.data/headers/spam.h": b"",
        "spam-1.0.data/data/share/spam.txt": b"",
        "spam-1.0.dist-info/METADATA": b"Name: spam",
        "spam-1.0.dist-info/RECORD": b"",
        "spam-1.0.dist-info/licenses/LICENSE": b"free",
    }
    unpacked = unpack(wheel(tmp_path, files), tmp_path / "site")
    assert unpacked == [
        "pure.py",
        "spam-1.0.dist-info/METADATA",
        "spam-1.0.dist-info/WHEEL",
        "spam-1.0.dist-info/licenses/LICENSE",
        "spam/__init__.py",
        "spam/native.so",
        "spam/tests_of_it.py",
    ]
    site = tmp_path / "site"
    assert sorted(path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()) == unpacked
    assert (tmp_path / "site/spam/native.so").read_bytes() == b"4"


def test_modes_are_one_of_two(tmp_path: Path) -> None:
    files = {"spam/run": b"", "spam/secret": b"", "spam/setuid": b""}
    modes = {"spam/run": stat.S_IFREG | 0o700, "spam/secret": stat.S_IFREG | 0o600, "spam/setuid": 0o104755}
    unpack(wheel(tmp_path, files, modes=modes), tmp_path / "site")
    found = {path: stat.S_IMODE((tmp_path / "site" / path).stat().st_mode) for path in files}
    assert found == {"spam/run": 0o755, "spam/secret": 0o644, "spam/setuid": 0o755}


@pytest.mark.parametrize(
    "path",
    ["../out.py", "/out.py", "spam/../../out.py", "spam-1.0.data/purelib/../../out.py", "..\\out.py", "C:/out.py"],
)
def test_paths_that_lead_out_are_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(FormatError, match="leads out of the folder"):
        unpack(wheel(tmp_path, {path: b""}), tmp_path / "a" / "b" / "site")
    assert not list(tmp_path.rglob("*out.py"))


def test_links_are_refused(tmp_path: Path) -> None:
    made = wheel(tmp_path, {"spam/link": b"/etc/passwd"}, modes={"spam/link": stat.S_IFLNK | 0o777})
    with pytest.raises(FormatError, match="no regular file"):
        unpack(made, tmp_path / "site")


def test_one_path_twice_is_refused(tmp_path: Path) -> None:
    made = wheel(tmp_path, {"spam.py": b"1", "spam-1.0.data/purelib/spam.py": b"2"})
    with pytest.raises(FormatError, match=r"spam\.py twice"):
        unpack(made, tmp_path / "site")


def test_two_wheels_may_share_only_what_is_the_same(tmp_path: Path) -> None:
    unpack(wheel(tmp_path, {"space/__init__.py": b""}), tmp_path / "site")
    assert unpack(wheel(tmp_path, {"space/__init__.py": b""}, name="eggs"), tmp_path / "site")
    with pytest.raises(FormatError, match="another wheel has brought"):
        unpack(wheel(tmp_path, {"space/__init__.py": b"other"}, name="ham"), tmp_path / "site")


def test_a_wheel_of_another_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="version 1"):
        unpack(wheel(tmp_path, {INFO: b"Wheel-Version: 2.0\n"}), tmp_path / "site")
    path = tmp_path / "eggs-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("eggs.py", b"")
    with pytest.raises(FormatError, match="no wheel"):
        unpack(Wheel.of(path), tmp_path / "site")


def test_a_broken_file_is_told_as_such(tmp_path: Path) -> None:
    made = wheel(tmp_path, {"spam.py": b"0123456789"})
    made.path.write_bytes(made.path.read_bytes().replace(b"0123456789", b"9876543210"))
    with pytest.raises(FormatError, match="no whole zip file"):
        unpack(made, tmp_path / "site")
    made.path.write_bytes(b"nothing")
    with pytest.raises(FormatError, match="no whole zip file"):
        unpack(made, tmp_path / "site")
