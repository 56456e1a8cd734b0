"""The guard: lets an artifact in, or not, before a byte of it is seen; and again whenever it is to be shown."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from i4q_ai.deadline import Deadline
from i4q_ai.errors import I4qError, NotFoundError, RegistryError, StorageError, UnreachableError, UntrustedError
from i4q_ai.model import Model
from i4q_ai.oci import contents, disk, opening
from i4q_ai.oci.artifact import ABOUT
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.signing import bundle as bundles
from i4q_ai.oci.source import Repository
from i4q_ai.trust import Trust
from i4q_ai.workload import Workload

if TYPE_CHECKING:
    from i4q_ai.oci.signing.artifacts import Pushed

_log = logging.getLogger(__name__)

_TIMEOUT = 60.0
SHELF = "signatures"
"""The folder in the cache of blobs that keeps signatures: `signatures/<hex of the artifact>/<hex>.json`."""


@dataclass(frozen=True)
class Guard:
    """Policies that all must let an artifact in.

    Args:
        trusts: the policies.
        blobs: the cache of blobs, in which signatures are kept beside, so that they are there when no registry is.
    """

    trusts: Sequence[Trust]
    blobs: Path

    def admit(
        self, source: Repository | None, repository: str, digest: str, thing: Model | Workload, about: bytes,
        deadline: Deadline,
    ) -> None:  # fmt: skip
        """Refuse what is not signed as it must be, before its files travel.

        Args:
            source: where it, and its signatures, come from; None for what is here alone.
            repository: its name, for the rules.
            digest: of the artifact.
            thing: what it is.
            about: the bytes of its `i4q.json`.
            deadline: for asking.

        Raises:
            UntrustedError: it is not let in; says why.
        """
        if not self.trusts:
            return
        from i4q_ai.oci.signing.artifacts import Pushed  # with what it stands on; who trusts everybody needs none of it

        pushed, where = Pushed.of(digest, thing, about), f"{repository}@{digest}"
        kept = list(self._kept(digest))
        try:
            self._judge(repository, thing, pushed, kept, where)
        except UntrustedError as refusal:
            if source is None:
                raise
            new = self._asked(source, digest, deadline, refusal)
            for raw in self._judge(repository, thing, pushed, [*kept, *new], where):
                self._keep(digest, raw)

    def admit_from(
        self, sources: Sequence[Repository | None], repository: str, digest: str, thing: Model | Workload,
        about: bytes, deadline: Deadline,
    ) -> None:  # fmt: skip
        """As `admit`, from several repositories: the rules about each count, and the signatures of all.

        Args:
            sources: where it may come from; None for what is here alone.
            repository: the name of what is here alone.
            digest, thing, about, deadline: as for `admit`.

        Raises:
            UntrustedError, RegistryError, UnreachableError, NotFoundError: as `admit`.
        """
        for name in dict.fromkeys(source.name if source else repository for source in sources):
            failures: list[I4qError] = []
            for source in sources:
                try:
                    self.admit(source, name, digest, thing, about, deadline)
                except (UntrustedError, RegistryError, UnreachableError, NotFoundError) as error:
                    failures.append(error)
                else:
                    break
            else:
                raise next((each for each in failures if isinstance(each, UntrustedError)), failures[0])

    def inspect(self, folder: Path, thing: Model | Workload, repositories: Sequence[str]) -> None:
        """Refuse files that can run code when they are loaded, before anybody can load them.

        Args:
            folder: that holds the files.
            thing: what it is; the code of a workload may run, which is what it is for.
            repositories: where it may come from.

        Raises:
            UntrustedError: one can; says which, and what it asks for.
        """
        rules = [trust.rule(repository, thing.name) for trust in self.trusts for repository in repositories]
        if isinstance(thing, Workload) or all(rule.pickle for rule in rules):
            return
        from i4q_ai.oci.signing import pickles

        found = pickles.scan(folder, [file.path for file in thing.files])
        for path, why in found.items():
            raise UntrustedError(
                f"{thing.name} {thing.version}: {path} can run code when it is loaded: {why}",
                hint=pickles.HINT,
            )

    def recheck(self, folder: Path, digest: str, references: Sequence[str]) -> None:
        """Judge again what was let in once, by the policies of today; asks only for signatures that are not here.

        Args:
            folder: a tree that was fetched.
            digest: of its artifact.
            references: where it came from.

        Raises:
            UntrustedError: it would not be let in any more.
            StorageError: it cannot be read.
        """
        if not self.trusts:
            return
        try:
            about = (folder / ABOUT).read_bytes()
        except OSError as error:
            raise StorageError(f"{folder / ABOUT} cannot be read: {error.strerror}") from error
        thing = contents.thing_of(about, where=str(folder))
        deadline = Deadline.after(_TIMEOUT, f"judging {folder}")
        parsed = [Reference.parse(reference) for reference in references]
        sources: list[Repository | None] = [*(opening.source(each) for each in parsed)] or [None]
        self.inspect(folder, thing, [each.name for each in parsed] or [str(folder)])
        self.admit_from(sources, str(folder), digest, thing, about, deadline)

    def _judge(
        self, repository: str, thing: Model | Workload, pushed: Pushed, raw: list[bytes], where: str
    ) -> list[bytes]:
        """The signatures that count."""
        from i4q_ai.oci.signing.artifacts import admit

        counting = []
        for trust in self.trusts:
            found = admit(trust, repository, thing, pushed, raw, where)
            if found is not None:
                _log.info("%s is signed by '%s', %s", where, found.signer, found.identity)
                counting.append(found.raw)
        return counting

    def _asked(self, source: Repository, digest: str, deadline: Deadline, refusal: UntrustedError) -> list[bytes]:
        from i4q_ai.oci.signing.artifacts import fetched

        try:
            return fetched(source, digest, deadline)
        except (RegistryError, UnreachableError, NotFoundError) as error:
            raise _unanswered(error, refusal) from error

    def _kept(self, digest: str) -> Iterator[bytes]:
        folder = self._shelf(digest)
        for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
            try:
                if path.stat().st_size <= bundles.LARGEST:
                    yield path.read_bytes()
            except OSError as error:
                _log.warning("%s cannot be read: %s", path, error)

    def _keep(self, digest: str, raw: bytes) -> None:
        folder = self._shelf(digest)
        with disk.storage_errors(str(folder)):
            folder.mkdir(parents=True, exist_ok=True)
        disk.write(folder / f"{hashlib.sha256(raw).hexdigest()}.json", [raw])

    def _shelf(self, digest: str) -> Path:
        return self.blobs / SHELF / digest.partition(":")[2]


def _unanswered(error: I4qError, refusal: UntrustedError) -> I4qError:
    """The registry's trouble, which may pass, with what is missing."""
    return type(error)(f"its signatures cannot be fetched: {error.what}", hint=error.hint or refusal.hint)
