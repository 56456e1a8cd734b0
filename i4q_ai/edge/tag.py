"""A tag that an agent follows, in a registry or a layout folder: what it stands for, checked and trusted."""

from __future__ import annotations

from i4q_ai.deadline import Deadline
from i4q_ai.edge import trusting
from i4q_ai.edge.places import HINT, Found
from i4q_ai.errors import NotFoundError, ReferenceInvalid
from i4q_ai.oci import opening, telling
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.remote import Remote
from i4q_ai.trust import Trust

_VERIFYING = 60.0


class Tag:
    """A tag that stands for a desired state.

    Args:
        reference: `host/repository:tag` or `oci:FOLDER:tag`.

    Raises:
        ReferenceInvalid: it is no tag.
    """

    def __init__(self, reference: str) -> None:
        self._reference = Reference.parse(reference)
        if self._reference.digest or not self._reference.tag:
            raise ReferenceInvalid(f"{reference!r} is no tag, and nothing else is followed", hint=HINT)
        self._repository = opening.source(self._reference)
        self._trusts: tuple[Trust, ...] = ()
        self.name = str(self._reference) if self._reference.is_layout else f"oci://{self._reference}"

    def look(self, known: str, deadline: Deadline) -> Found | None:
        """The documents that the tag stands for, once the machine's own policy lets them in."""
        tag, trusts = self._reference.tag or "", trusting.policies(None)
        asked = self._repository.glance if isinstance(self._repository, Remote) else self._repository.resolve
        digest = asked(tag, deadline)
        if digest is None:
            raise NotFoundError(f"{self._repository.name} has no tag '{tag}'")
        if digest == known and trusts == self._trusts:
            return None
        files = telling.documents(self._repository, digest, deadline)
        self._verify(digest, trusts, deadline)
        self._trusts = trusts
        return Found(digest, files)

    def _verify(self, digest: str, trusts: tuple[Trust, ...], deadline: Deadline) -> None:
        if trusts:
            from i4q_ai.oci.signing import artifacts  # with what it stands on; who trusts everybody needs none of it

            for trust in trusts:
                artifacts.verify(
                    str(self._reference.at(digest)), trust, timeout=deadline.left(_VERIFYING) or _VERIFYING
                )
