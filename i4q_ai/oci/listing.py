"""The tags of a repository."""

from __future__ import annotations

import re
from dataclasses import dataclass

from i4q_ai.deadline import Deadline
from i4q_ai.errors import IntegrityError
from i4q_ai.oci import contents, opening
from i4q_ai.oci.layout import Layout
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.remote import Remote
from i4q_ai.oci.source import Repository
from i4q_ai.oci.wire.paging import pages

_MOST = 500_000
_OF_REFERRERS = re.compile(r"sha(?:256|512)-[a-f0-9]{64}")


@dataclass(frozen=True)
class Tags:
    """Tags at one moment.

    Args:
        names: in the order of the registry.
        etag: names this list, if the registry says so: with it, the next question may be answered by "unchanged".
    """

    names: tuple[str, ...]
    etag: str | None = None


def tags(reference: str, *, timeout: float = 60) -> list[str]:
    """The tags of a repository, without those under which a registry that cannot list referrers holds their lists.

    Args:
        reference: of the repository: `host/repository` or `oci:FOLDER`; a tag or digest does not matter.
        timeout: in seconds, for all pages.

    Raises:
        NotFoundError: there is no such repository.
        RegistryError: the list never ends, or goes on elsewhere.
    """
    found = changed_tags(reference, etag=None, timeout=timeout)
    return list(found.names) if found else []


def changed_tags(
    reference: str, *, etag: str | None, timeout: float = 60, source: Repository | None = None
) -> Tags | None:
    """The tags of a repository, if they are others than before.

    Args:
        reference: of the repository.
        etag: of the list as it was before.
        timeout: in seconds, for all pages.
        source: what answers for the repository, if it was asked before; its connection is used again.

    Returns:
        None if the registry says that nothing has changed. Many registries never say that.
    """
    parsed = Reference.parse(reference)
    deadline = Deadline.after(timeout, f"listing the tags of {reference}")
    source = source or opening.source(parsed)
    if isinstance(source, Layout):
        return Tags(tuple(sorted(source.tags())))
    assert isinstance(source, Remote), "there are no others"
    uploads = source.uploads
    names: dict[str, None] = {}
    told = None
    headers = {"If-None-Match": etag} if etag else None
    for response, raw in pages(uploads.http, f"{uploads.root}/tags/list", deadline, headers=headers):
        if response.status_code == 304 and etag and not names:
            return None
        if response.status_code != 200:
            raise uploads.http.refusal(response)
        told = told or response.headers.get("ETag")
        names |= dict.fromkeys(_names(raw, source.name))
        if len(names) > _MOST:
            raise IntegrityError(f"{source.name} lists more than {_MOST} tags")
    return Tags(tuple(names), told)


def _names(raw: bytes, where: str) -> list[str]:
    listed = contents.parse(raw, where=f"the tags of {where}").get("tags") or []
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise IntegrityError(f"the tags of {where} are no list of names")
    return [name for name in listed if not _OF_REFERRERS.fullmatch(name)]
