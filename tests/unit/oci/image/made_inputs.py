"""Small inputs of a build: a root file system with nothing in it, and a lock with its wheels."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

from tests.unit.oci.image.made_wheels import wheel

_ELF = b"\x7fELF" + bytes(14)


def root(path: Path, *, machine: int = 62, name: str = "usr/bin/python3.11") -> Path:
    """A tar with the head of a program.

    Args:
        path: of the tar.
        machine: for which it is, as ELF files number them.
        name: of the program.
    """
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as tar:
        member, program = tarfile.TarInfo(name), _ELF + machine.to_bytes(2, "little")
        member.mode, member.size = 0o755, len(program)
        tar.addfile(member, io.BytesIO(program))
    return path


def lock_with_wheels(folder: Path) -> Path:
    """A lock of two packages, one of them compiled; their wheels for both platforms are in `wheels` beside it."""
    wheels = folder / "wheels"
    wheels.mkdir()
    made = [
        wheel(wheels, {"spam.py": b"x = 1\n"}),
        wheel(wheels, {"eggs/native.so": b"amd64"}, name="eggs", tags="cp311-cp311-manylinux_2_28_x86_64"),
        wheel(wheels, {"eggs/native.so": b"arm64"}, name="eggs", tags="cp311-cp311-manylinux_2_28_aarch64"),
    ]
    hashes: dict[str, list[str]] = {}
    for each in made:
        hashes.setdefault(each.name, []).append(f"--hash=sha256:{hashlib.sha256(each.path.read_bytes()).hexdigest()}")
    lock = folder / "some.lock"
    lock.write_text("".join(f"{name}==1.0 {' '.join(each)}\n" for name, each in hashes.items()))
    return lock
