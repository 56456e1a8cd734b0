"""Line: what is known of one source. Its changes in order, and who is at work; every step is a pure function.

All changes of a source are in one record, so that one compare-and-set decides for all of them which comes last: two
listeners cannot be at two changes of one source at once, and an older one is never applied after a newer one.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import Field

from i4q_ai.errors import ConflictError, NotFoundError
from i4q_ai.listening.rules import ListenedSource
from i4q_ai.listening.tags import order
from i4q_ai.thing import Thing

State = Literal["claimed", "failed", "waiting", "approved", "applied", "refused", "superseded"]
"""How a change is: claimed (somebody is at it, or was killed), failed (will be tried again), waiting (for a person),
approved (by one); then it ends: applied, refused, or superseded by a newer one."""

ENDED = frozenset({"applied", "refused", "superseded"})
ANSWERABLE = frozenset({"waiting", "refused"})
"""What a person may approve: a change that was refused is tried again then, for what was in its way may be gone."""
KEPT = 20
"""How many changes of a source are kept."""
_LONGEST_PLAN = 4000
_LONGEST_WHY = 1000


class Change(Thing):
    """One change of a source.

    Args:
        id: short, for `i4q approve`; the same wherever it is seen.
        commit: or digest.
        label: for people: a tag, or the beginning of the commit's id.
        state: how it is.
        why: it is so, for people.
        content: a hash of the files; empty until they were read.
        seen: when it was seen first.
        ended: when it was applied, refused or superseded.
        by: who approved or refused it.
        back: the source went back to something that it was at before, which only a person can mean.
        deployed: name of each deployment that it changed → its revision.
        plan: what it would do, while it waits for a person.
    """

    id: str
    commit: str
    label: str
    state: State
    why: str = ""
    content: str = ""
    seen: datetime
    ended: datetime | None = None
    by: str = ""
    back: bool = False
    deployed: dict[str, int] = Field(default_factory=dict)
    plan: str = ""


class Line(Thing):
    """What is known of one source.

    Args:
        source: its name in the rules that looked last.
        repository, path: what it is.
        holder: who is at work on it; empty for nobody.
        until: when somebody else may take over.
        content: a hash of the files that were applied last.
        head: the commit or digest that was dealt with last, or is being dealt with.
        changes: the last 20, oldest first.
    """

    source: str
    repository: str
    path: str
    holder: str = ""
    until: datetime | None = None
    content: str = ""
    head: str = ""
    changes: tuple[Change, ...] = ()

    @property
    def last(self) -> Change | None:
        """The newest change."""
        return self.changes[-1] if self.changes else None

    def is_held(self, by_other_than: str, now: datetime) -> bool:
        """Whether somebody else is at work on it."""
        return bool(self.holder) and self.holder != by_other_than and self.until is not None and now < self.until


class Head(Thing):
    """What a source is at now.

    Args:
        commit: or digest.
        label: for people.
    """

    commit: str
    label: str


def key(source: ListenedSource) -> str:
    """The name of a source's record: the same for every listener that listens to that path."""
    return hashlib.sha256(f"{source.repository}\0{source.path}\0{source.mode}".encode()).hexdigest()[:20]


def identity(source: ListenedSource, commit: str) -> str:
    """The id of a change: repository, path, and commit or digest."""
    return hashlib.sha256(f"{key(source)}\0{commit}".encode()).hexdigest()[:10]


def is_answerable(line: Line) -> bool:
    """Whether a person may approve its newest change."""
    return line.last is not None and line.last.commit == line.head and line.last.state in ANSWERABLE


def fresh(source: ListenedSource) -> Line:
    """The line of a source that nobody has looked at yet."""
    return Line(source=source.name, repository=source.repository, path=source.path)


def is_done(line: Line, head: Head) -> bool:
    """Whether there is nothing to do for what a source is at now: dealt with, or waiting for a person."""
    last = line.last
    if line.head != head.commit:
        return False
    return last is None or last.commit != head.commit or last.state in ENDED or last.state == "waiting"


def claimed(line: Line, source: ListenedSource, head: Head, *, holder: str, seconds: float, now: datetime) -> Line:
    """The line once somebody has taken what a source is at now; what was not ended before is superseded."""
    last = line.last
    until = now + timedelta(seconds=seconds)
    if last is not None and last.commit == head.commit and last.state not in ENDED:
        # Tried again, or approved: it stays the change that it was. What is claimed was not approved any more.
        state: State = "approved" if last.state == "approved" else "claimed"
        changes = (*line.changes[:-1], last.replace(state=state))
    else:
        back = _goes_back(line, source, head)
        one = Change(
            id=identity(source, head.commit), commit=head.commit, label=head.label, state="claimed", seen=now, back=back
        )
        older = [each for each in _superseded(line.changes, head, now) if each.commit != head.commit]
        changes = (*older, one)[-KEPT:]
    return line.replace(source=source.name, holder=holder, until=until, head=head.commit, changes=changes)


def renewed(line: Line, *, seconds: float, now: datetime) -> Line:
    """The line with more time for who is at work on it."""
    return line.replace(until=now + timedelta(seconds=seconds))


def finished(line: Line, state: State, *, now: datetime, **about: object) -> Line:
    """The line once its newest change is as it is now; nobody is at work on it any more.

    Args:
        line: held by who is finished.
        state: of the change.
        now: the time.
        about: fields of the change.
    """
    last = _newest(line)
    fields: dict[str, object] = {"why": "", "plan": "", **about}
    fields["why"], fields["plan"] = str(fields["why"])[:_LONGEST_WHY], str(fields["plan"])[:_LONGEST_PLAN]
    done = last.replace(state=state, ended=now if state in ENDED else None, **fields)
    content = done.content if state == "applied" else line.content
    return line.replace(holder="", until=None, content=content, changes=(*line.changes[:-1], done))


def unchanged(line: Line) -> Line:
    """The line once it shows that the newest commit is about other files: it is no change of this source."""
    return line.replace(holder="", until=None, changes=line.changes[:-1])


def answered(line: Line, id: str, *, approve: bool, by: str, why: str, now: datetime) -> Line:
    """The line once a person has approved or refused its newest change.

    Raises:
        NotFoundError: there is no such change.
        ConflictError: it does not wait for anybody, or a newer one has come.
    """
    found = next((each for each in line.changes if each.id == id), None)
    if found is None:
        raise NotFoundError(f"source '{line.source}' has no change '{id}'")
    if found != line.last or found.state not in (ANSWERABLE if approve else {"waiting"}):
        raise ConflictError(f"change '{id}' of source '{line.source}' is {found.state}; it waits for nobody")
    if approve:
        answer = found.replace(state="approved", by=by, why=why, ended=None)
    else:
        answer = found.replace(state="refused", by=by, why=why or "a person said no", ended=now, plan="")
    return line.replace(changes=(*line.changes[:-1], answer))


def moment(line: Line) -> datetime:
    """When something happened to it last."""
    times = [each.ended or each.seen for each in line.changes]
    return max(times, default=datetime.min.replace(tzinfo=UTC))


def _goes_back(line: Line, source: ListenedSource, head: Head) -> bool:
    """Whether it was there before: a force-push, a server that answers with old news, or a tag that was taken away.

    One tag that is set anew goes where it is set: that is how it is moved back.
    """
    if source.registry is not None and source.registry.moves:
        return False
    if any(each.commit == head.commit for each in line.changes):
        return True
    return source.registry is not None and any(order(each.label) > order(head.label) for each in line.changes)


def _newest(line: Line) -> Change:
    assert line.last is not None, "who is at work has claimed a change"
    return line.last


def _superseded(changes: tuple[Change, ...], head: Head, now: datetime) -> list[Change]:
    return [
        each if each.state in ENDED
        else each.replace(state="superseded", why=f"{head.label} came after it", ended=now, plan="")
        for each in changes
    ]  # fmt: skip
