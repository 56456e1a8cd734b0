"""Platforms that an image can be built for: as OCI, wheels and ELF files call them."""

from __future__ import annotations

from dataclasses import dataclass

from i4q_ai.errors import InvalidError, nearest

PYTHON = (3, 11)
"""The Python of the image; wheels with compiled parts fit only one."""

GLIBC = (2, 28)
"""The oldest C library that a base may have: wheels that want a newer one are not taken."""

_ELF_MAGIC = b"\x7fELF"
_OLD_NAMES = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}


@dataclass(frozen=True)
class Platform:
    """A platform.

    Args:
        architecture: as OCI calls it.
        machine: as wheels call it.
        elf: the number of the machine in ELF files.
    """

    architecture: str
    machine: str
    elf: int

    def __str__(self) -> str:
        return f"linux/{self.architecture}"

    def wheel_tags(self) -> list[str]:
        """Platform tags of the wheels that run there, besides `any`; the best first."""
        new = [f"manylinux_{GLIBC[0]}_{minor}_{self.machine}" for minor in range(GLIBC[1], 4, -1)]
        return [*new, *(f"{name}_{self.machine}" for name in reversed(_OLD_NAMES))]


PLATFORMS = (Platform("amd64", "x86_64", 62), Platform("arm64", "aarch64", 183))


def parse(text: str) -> Platform:
    """The platform of that name.

    Raises:
        InvalidError: there is none.

    Example:
        >>> parse("linux/arm64").machine
        'aarch64'
    """
    for platform in PLATFORMS:
        if str(platform) == text:
            return platform
    raise InvalidError(f"an image cannot be built for platform {text!r}", hint=nearest(text, map(str, PLATFORMS)))


def of_architecture(architecture: object) -> Platform | None:
    """The platform whose architecture OCI calls so; None for one that no image can be built for."""
    return next((platform for platform in PLATFORMS if platform.architecture == architecture), None)


def of_elf(head: bytes) -> Platform | None:
    """The platform of an ELF file.

    Args:
        head: its first 20 bytes.
    """
    if len(head) < 20 or not head.startswith(_ELF_MAGIC):
        return None
    machine = int.from_bytes(head[18:20], "little")
    return next((platform for platform in PLATFORMS if platform.elf == machine), None)
