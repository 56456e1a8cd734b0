"""Errors of the disk in our words, and only those."""

from __future__ import annotations

import errno

import pytest

from i4q_ai.errors import DeadlineError, NoSpaceError, StorageError
from i4q_ai.oci.disk import storage_errors


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, NoSpaceError), (errno.EACCES, StorageError)])
def test_what_the_disk_says_is_told_in_our_words(number: int, kind: type[StorageError]) -> None:
    with pytest.raises(kind, match="/srv/models: "), storage_errors("/srv/models"):
        raise OSError(number, "no")


def test_a_deadline_that_passes_meanwhile_stays_one() -> None:
    with pytest.raises(DeadlineError), storage_errors("/srv/models"):
        raise DeadlineError("fetching took too long")
