"""A repository elsewhere: its refs, objects from it, a commit to it. What goes wrong there is told in our errors."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Self

from i4q_ai.deadline import Deadline
from i4q_ai.errors import (
    ForbiddenError,
    GitError,
    I4qError,
    MissingDependencyError,
    NotFoundError,
    UnreachableError,
    UnsupportedError,
)
from i4q_ai.gitops.credentials import Credentials
from i4q_ai.retrying import TransientError

try:
    from dulwich.client import HTTPUnauthorized
    from dulwich.config import StackedConfig, apply_instead_of
    from dulwich.errors import GitProtocolError, HangupException, NotGitRepository, SendPackError
    from dulwich.objects import ObjectID, ShaFile
    from dulwich.pack import pack_objects_to_data
    from dulwich.refs import Ref

    from i4q_ai.gitops import clients, packs
except ImportError as error:
    if error.name is None or not error.name.startswith(("dulwich", "urllib3")):
        raise
    raise MissingDependencyError("working with Git", extra="git") from error

if TYPE_CHECKING:
    from dulwich.object_store import GraphWalker
    from dulwich.repo import Repo

ZERO = ObjectID(b"0" * 40)
_HEADS = b"refs/heads/"


class MovedError(Exception):
    """The branch is no longer at the commit that ours stands on."""


class _Nothing:
    """Tells a server of nothing that is here, but for where history ends."""

    def __init__(self, shallow: set[ObjectID]) -> None:
        self.shallow = shallow

    def __next__(self) -> ObjectID | None:
        return None

    def ack(self, sha: ObjectID) -> None:
        """Nothing was said."""

    def nak(self) -> None:
        """Nothing was said."""


class Remote:
    """One repository on a server, or in a folder.

    Args:
        repo: as a Source has it.
        credentials: None looks for some once the server asks.
        deadline: of everything that is asked of it.
        keep: connections by http stay for the next one who looks.

    Raises:
        MissingDependencyError: the extra "git" is not installed.
    """

    def __init__(self, repo: str, *, credentials: Credentials | None, deadline: Deadline, keep: bool = False) -> None:
        self.repo, self.deadline = repo, deadline
        config = StackedConfig.default()
        url = apply_instead_of(config, repo)
        self._client, self._path = clients.opened(url, config, credentials, deadline, keep=keep)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def refs(self) -> dict[str, str]:
        """Every ref → the commit it is at; `HEAD` → `refs/heads/…`, as far as the server says so."""
        with self._told("read"):
            version = clients.REFS if isinstance(self._client, clients.Http) else 2
            found = self._client.get_refs(self._path.encode(), protocol_version=version)
        self._known(found.object_format)
        refs = {_text(name): _text(value) for name, value in found.refs.items() if value and not name.endswith(b"^{}")}
        head = found.symrefs.get(Ref(b"HEAD")) if found.symrefs else None
        return refs | ({"HEAD": _text(head)} if head else {})

    def fetch(
        self,
        target: Repo,
        choose: Callable[[Mapping[str, str]], Sequence[str]],
        *,
        depth: int | None,
        without: str,
        prefixes: Sequence[str] = (),
        onto: GraphWalker | None = None,
    ) -> dict[str, str]:
        """Take objects into a repository here.

        Args:
            target: on this disk.
            choose: from the refs there, the ids of objects that are wanted.
            depth: of the history; None for what the wanted objects need alone.
            without: what the server may leave out, as `git fetch --filter` says it.
            prefixes: of refs that matter.
            onto: what is here, so that the server leaves it out; None hides it, as it may be there in parts only.

        Returns:
            The refs there.
        """
        found: dict[str, str] = {}

        def _wanted(refs: Mapping[Ref, ObjectID], depth: int | None = None) -> list[ObjectID]:  # noqa: ARG001
            found.update({_text(name): _text(value) for name, value in refs.items()})
            return [ObjectID(each.encode()) for each in choose(found)]

        with self._told("read"), tempfile.TemporaryFile() as pack:
            result = self._client.fetch_pack(
                self._path.encode(), _wanted, onto or _Nothing(target.get_shallow()), pack.write, depth=depth,
                filter_spec=without.encode(), ref_prefix=[prefix.encode() for prefix in prefixes] or None,
                protocol_version=2,
            )  # fmt: skip
            self._known(result.object_format)
            packs.take_in(target, pack, self.deadline)
            target.update_shallow(result.new_shallow, result.new_unshallow)
        return found

    def push(self, branch: str, commit: str, objects: Sequence[ShaFile], *, expected: str | None) -> None:
        """Move a branch to a commit, if it still is where it was.

        Args:
            branch: made if it must not exist yet.
            commit: whose parents are there.
            objects: that are new with it, itself included.
            expected: the commit it is at; None if there is no such branch.

        Raises:
            MovedError: it is at another one.
            GitError: a hook or a rule of the server says no.
        """
        ref = Ref(_HEADS + branch.encode())

        def _moved(refs: dict[Ref, ObjectID]) -> dict[Ref, ObjectID]:
            if refs.get(ref, ZERO) != (expected or "0" * 40).encode():
                raise MovedError(branch)
            return {ref: ObjectID(commit.encode())}

        said: list[bytes] = []
        with self._told("push to"):
            try:
                result = self._client.send_pack(
                    self._path.encode(), _moved, lambda *_, **__: pack_objects_to_data(list(objects), deltify=False),
                    progress=said.append,
                )  # fmt: skip
            except SendPackError as error:
                raise GitError(f"{self.repo} does not take the commit: {error}") from error
        refused = (result.ref_status or {}).get(ref)
        if refused:
            if self.refs().get(_text(ref)) != expected:
                raise MovedError(branch)
            words = b"".join(said).decode(errors="replace").strip()
            raise GitError(
                f"{self.repo} does not take the commit on '{branch}': {refused}" + (f": {words}" if words else ""),
                hint="a rule or a hook of the server says so; a branch of your own to propose it from may be let in",
            )

    @contextlib.contextmanager
    def _told(self, verb: str) -> Iterator[None]:
        """What fails below, as one of our errors; what may be gone at the next try, as a TransientError."""
        try:
            yield
        except (I4qError, TransientError, MovedError):
            raise
        except HTTPUnauthorized as error:
            raise self._forbidden(verb, "wants other credentials than it got") from error
        except NotGitRepository as error:
            raise NotFoundError(
                f"there is no repository {self.repo}, or none that these credentials may see",
                hint="look at its address; a private one may need credentials",
            ) from error
        except (GitProtocolError, HangupException, OSError, ValueError, AssertionError, KeyError) as error:
            self.deadline.check()
            raise self._failed(verb, error) from error

    def _failed(self, verb: str, error: Exception) -> Exception:
        lines = getattr(error, "stderr_lines", None) or ()
        words = b"\n".join(lines).decode(errors="replace").strip() or str(error) or type(error).__name__
        low = words.lower()
        if "permission denied" in low or "403" in low or "authentication failed" in low:
            return self._forbidden(verb, "does not let us in")
        if any(told in low for told in ("not appear to be a git repository", "repository not found", "no such file")):
            return NotFoundError(f"there is no repository {self.repo}", hint="look at its address")
        if isinstance(error, KeyError) or "not our ref" in low or "upload-pack: not" in low:
            return NotFoundError(f"{self.repo} has no such commit", hint="it may have been taken away by a force-push")
        if isinstance(error, ValueError | AssertionError):
            return GitError(f"{self.repo} answers with something that is not Git: {words[:300]}")
        return TransientError(
            UnreachableError(
                f"{self.repo} does not answer: {words[:300]}", hint="is the server there? look at its address"
            )
        )

    def _known(self, hashing: str | None) -> None:
        if hashing not in (None, "sha1"):
            raise UnsupportedError(
                f"{self.repo} names its objects by {hashing}", hint="only sha1 is read and written here"
            )

    def _forbidden(self, verb: str, why: str) -> ForbiddenError:
        hint = "give credentials: git's credential helper, I4Q_GIT_CREDENTIALS, or a key of ssh"
        return ForbiddenError(
            f"{self.repo} {why}; we may not {verb} it", verb=verb, resource="repository", namespace=None, hint=hint
        )


def _text(value: bytes) -> str:
    return value.decode(errors="surrogateescape")
