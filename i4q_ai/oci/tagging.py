"""When a tag may be set: versions do not move by themselves, and nobody overwrites what he has not seen."""

from __future__ import annotations

from types import EllipsisType

from i4q_ai.errors import ConflictError, ReferenceInvalid, VersionExistsError
from i4q_ai.oci.reference import is_digest

IfMatch = str | None | EllipsisType
"""What a tag must stand for to be set: a digest, nothing (None), or `...`: it must be new, as versions are."""


def is_set(where: str, tag: str, *, found: str | None, wanted: str, if_match: IfMatch = ...) -> bool:
    """Whether a tag stands for what it should already; if not, it may be set.

    Args:
        where: the repository, for errors.
        tag: of it.
        found: the digest that it stands for; None for nothing.
        wanted: the digest that it should stand for.
        if_match: what it must stand for now.

    Raises:
        VersionExistsError: it stands for something else, and nothing was said of that.
        ConflictError: it stands for something else than was said.

    Example:
        >>> is_set("r/x", "1", found=None, wanted="sha256:b"), is_set("r/x", "1", found="sha256:b", wanted="sha256:b")
        (False, True)
    """
    if found == wanted:
        return True
    if isinstance(if_match, EllipsisType):
        if found is not None:
            raise taken(where, tag, found)
    elif found != if_match:
        raise ConflictError(
            f"{where}:{tag} stands for {found or 'nothing'}, not for {if_match or 'nothing'}: somebody was there first",
            hint="look what it is now, then push again",
        )
    return False


def need_digest(if_match: IfMatch) -> None:
    """Refuse an `if_match` that can never match.

    Raises:
        ReferenceInvalid: it is a string, but no digest.
    """
    if isinstance(if_match, str) and not is_digest(if_match):
        raise ReferenceInvalid(f"if_match: {if_match!r} is no digest", hint="sha256: and 64 of 0-9, a-f; None: no tag")


def taken(where: str, tag: str, digest: str) -> VersionExistsError:
    """The error for a tag that stands for something else."""
    return VersionExistsError(
        f"{where}:{tag} exists with other content ({digest})",
        hint="give what you push a new version; versions do not change",
    )
