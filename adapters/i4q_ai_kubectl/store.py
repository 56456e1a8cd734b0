"""The Store: each record a ConfigMap in home, each of its earlier revisions an `apps/v1 ControllerRevision`."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from i4q_ai.backends import revisions
from i4q_ai.backends.base import Record
from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError
from i4q_ai.kube import Api
from i4q_ai.spec import RECORD_KIND
from i4q_ai_kubectl.home import MANAGED, ROLE, config_map

KEPT = 20
"""How many revisions of a record are kept, the present one included."""

KIND, NAMESPACE, NAME = "i4q.ai/record", "i4q.ai/record-namespace", "i4q.ai/record-name"
_LIFE = "i4q.ai/life"
_RECORD = "record.json"


class Place(Protocol):
    """Where records lie."""

    @property
    def api(self) -> Api:
        """Of the cluster."""

    def place(self, namespace: str | None) -> str | None:
        """In which namespace the records of a deployment's namespace lie; None, only for None: in several."""

    def create(self, wanted: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
        """Create an object, and its namespace where that is missing."""


class KubectlStore:
    """Records in one cluster.

    A put first keeps the revision that it replaces, then replaces it by compare-and-set: a writer that is killed in
    between has kept something that is there already.

    Args:
        home: where they lie.
        forgotten: called with namespace and name when a deployment's record goes.
    """

    def __init__(self, home: Place, forgotten: Callable[[str, str, Deadline], None]) -> None:
        self._home = home
        self._forgotten = forgotten

    def get(self, kind: str, namespace: str, name: str, *, deadline: Deadline) -> Record | None:
        """The present revision of a record; None if there is none."""
        found = self._get(kind, namespace, name, deadline)
        return _present(found) if found else None

    def put(self, record: Record, *, expected: int, deadline: Deadline) -> Record:
        """Write a record, if the stored one still has the expected revision.

        Args:
            record: its revision and time are set here.
            expected: the revision it was made from; 0 if it must not exist yet.
            deadline: when to give up.

        Raises:
            ConflictError: the stored revision is another one.
        """
        found = self._get(record.kind, record.namespace, record.name, deadline)
        present = _present(found) if found else None
        revisions.check(record.kind, record.namespace, record.name, present=_revision(present), expected=expected)
        if found is not None and present is None:
            self._bury(found, record.kind, record.namespace, record.name, deadline)
            found = None
        stored = record.replace(revision=expected + 1, time=datetime.now(UTC))
        try:
            if found is None or present is None:
                self._home.create(self._config_map(stored, secrets.token_hex(4)), deadline)
            else:
                self._keep(found, present, deadline)
                self._home.api.replace({**found, "data": _data(stored)}, deadline=deadline)
        except ConflictError as error:
            now = self.get(record.kind, record.namespace, record.name, deadline=deadline)
            raise revisions.conflict(
                record.kind, record.namespace, record.name, present=_revision(now), expected=expected
            ) from error
        return stored

    def remove(self, kind: str, namespace: str, name: str, *, expected: int, deadline: Deadline) -> None:
        """Forget a record and its history, if it still has the expected revision; nothing if it is gone.

        Raises:
            ConflictError: the stored revision is another one.
        """
        found = self._get(kind, namespace, name, deadline)
        if found is None:
            return
        present = _present(found)
        if present is not None:
            revisions.check(kind, namespace, name, present=_revision(present), expected=expected)
            try:
                # Emptied by compare-and-set first: nobody can write between the look and the end.
                found = self._home.api.replace({**found, "data": {}}, deadline=deadline)
            except ConflictError as error:
                now = self.get(kind, namespace, name, deadline=deadline)
                raise revisions.conflict(kind, namespace, name, present=_revision(now), expected=expected) from error
        self._bury(found, kind, namespace, name, deadline)

    def history(self, kind: str, namespace: str, name: str, *, deadline: Deadline) -> list[Record]:
        """The last 20 revisions of a record, oldest first, the present one last."""
        found = self._get(kind, namespace, name, deadline)
        present = _present(found) if found else None
        if found is None or present is None:
            return []
        life = found["metadata"]["annotations"][_LIFE]
        kept = [
            Record.parse(each["data"])
            for each in self._revisions(kind, namespace, name, deadline)
            if each["metadata"]["annotations"][_LIFE] == life and each["revision"] < present.revision
        ]
        return [*sorted(kept, key=lambda record: record.revision), present]

    def _get(self, kind: str, namespace: str, name: str, deadline: Deadline) -> dict[str, Any] | None:
        return self._home.api.get(
            "ConfigMap", self._home.place(namespace), _object_name(kind, namespace, name), deadline=deadline
        )

    def _revisions(self, kind: str, namespace: str, name: str, deadline: Deadline) -> Sequence[dict[str, Any]]:
        labels = {**MANAGED, KIND: kind, NAMESPACE: namespace, NAME: name}
        return self._home.api.list(
            "ControllerRevision", self._home.place(namespace), labels=labels, deadline=deadline
        ).items

    def _config_map(self, record: Record, life: str) -> dict[str, Any]:
        made = config_map(
            self._home.place(record.namespace),
            _object_name(record.kind, record.namespace, record.name),
            {**_labels(record), ROLE: "record"},
            _data(record),
        )
        made["metadata"]["annotations"] = {_LIFE: life}
        return made

    def _bury(self, found: dict[str, Any], kind: str, namespace: str, name: str, deadline: Deadline) -> None:
        """The rest of a removal, once the record is emptied; whoever uses the name next does it for one who was killed.

        Only what is of that life goes: the name may have begun a new one since.
        """
        home = self._home
        if kind == RECORD_KIND:
            self._forgotten(namespace, name, deadline)
        life, place = found["metadata"]["annotations"][_LIFE], found["metadata"]["namespace"]
        for revision in self._revisions(kind, namespace, name, deadline):
            if revision["metadata"]["annotations"][_LIFE] == life:
                home.api.delete(
                    "ControllerRevision", place, revision["metadata"]["name"],
                    uid=revision["metadata"]["uid"], deadline=deadline,
                )  # fmt: skip
        home.api.delete("ConfigMap", place, found["metadata"]["name"], uid=found["metadata"]["uid"], deadline=deadline)

    def _keep(self, found: dict[str, Any], present: Record, deadline: Deadline) -> None:
        """Keep the present revision before it is replaced, and drop the one that is too old."""
        life, name = found["metadata"]["annotations"][_LIFE], found["metadata"]["name"]
        place = found["metadata"]["namespace"]
        revision = {
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "metadata": {
                "name": f"{name}-{life}-{present.revision}",
                "namespace": place,
                "labels": _labels(present),
                "annotations": {_LIFE: life},
            },
            "revision": present.revision,
            "data": present.model_dump(mode="json"),
        }
        try:
            self._home.api.create(revision, deadline=deadline)
        except ConflictError:
            return  # whoever was to replace it before us has kept it
        oldest = present.revision - KEPT + 1
        if oldest > 0:
            self._home.api.delete("ControllerRevision", place, f"{name}-{life}-{oldest}", deadline=deadline)

    def list(self, kind: str, *, namespace: str | None = None, deadline: Deadline) -> list[Record]:
        """The present revision of all records of a kind, by name; of one namespace, or of all."""
        labels = {**MANAGED, KIND: kind, **({NAMESPACE: namespace} if namespace else {})}
        place = self._home.place(namespace)
        found = self._home.api.list("ConfigMap", place, labels=labels, deadline=deadline).items
        records = [record for record in map(_present, found) if record is not None]
        return sorted(records, key=lambda record: (record.name, record.namespace))


def _object_name(kind: str, namespace: str, name: str) -> str:
    full = f"i4q-{kind}-{namespace}-{name}"
    # Dashes stand in all of the parts; the hash tells "a-b" of "c" from "a" of "b-c".
    return f"{full[:180]}-{hashlib.sha256(f'{kind}/{namespace}/{name}'.encode()).hexdigest()[:8]}"


def _labels(record: Record) -> dict[str, str]:
    return {**MANAGED, KIND: record.kind, NAMESPACE: record.namespace, NAME: record.name}


def _data(record: Record) -> dict[str, str]:
    return {_RECORD: json.dumps(record.model_dump(mode="json"), ensure_ascii=False, separators=(",", ":"))}


def _present(found: dict[str, Any]) -> Record | None:
    text = (found.get("data") or {}).get(_RECORD)
    return Record.parse(json.loads(text), where=f"ConfigMap {found['metadata']['name']}") if text else None


def _revision(record: Record | None) -> int:
    return record.revision if record else 0
