"""One cluster's API: objects as plain dicts, every call with a deadline, every error in our words."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError, InvalidError, NotFoundError
from i4q_ai.kube.certain import holds
from i4q_ai.kube.discovery import discover
from i4q_ai.kube.errors import Asked, Refused
from i4q_ai.kube.forwarding import Forward
from i4q_ai.kube.kinds import DISCOVERY, KINDS, REVIEW, VERSION, Kind, key_of, known
from i4q_ai.kube.link import Opener, from_kubeconfig, in_cluster
from i4q_ai.kube.listing import Keep, Listing, listing, selecting, whole
from i4q_ai.kube.logs import log_lines
from i4q_ai.kube.streaming import Patience
from i4q_ai.kube.transport import Message, Query, Transport
from i4q_ai.kube.watching import Event, Watch

T = TypeVar("T")

_APPLY = "application/apply-patch+yaml"
_STRICT = ("fieldValidation", "Strict")


class Api:
    """One cluster; safe in several threads.

    Make it with `open` or `in_cluster`; nothing is sent before the first call. A `kind` is a short name ("Deployment")
    or a key ("apps/v1/Deployment"); kinds that this project does not use itself are asked of the server once.

    Every call that takes a deadline raises UnreachableError when nobody answers, and DeadlineError when it took too
    long; what it should write may have been written all the same, but never when it raises anything else.

    Example:
        >>> from i4q_ai.deadline import Deadline
        >>> api = Api.open(context="edge-1")                                        # doctest: +SKIP
        >>> api.get("Deployment", "i4q", "tool-wear", deadline=Deadline.after(10))  # doctest: +SKIP
    """

    def __init__(self, opener: Opener, *, cache: Path | None, timeout: float) -> None:
        if not timeout > 0:
            raise InvalidError(f"a timeout is more than 0 seconds, not {timeout!r}")
        self._transport = Transport(opener, timeout)
        self._cache = cache
        self._kinds: dict[str, Kind] = {}

    @classmethod
    def open(
        cls,
        *,
        kubeconfig: Path | None = None,
        context: str | None = None,
        cache: Path | None = None,
        timeout: float = 10.0,
    ) -> Self:
        """The cluster that a kubeconfig names; nothing is sent yet.

        Args:
            kubeconfig: a file; None: $KUBECONFIG, or ~/.kube/config.
            context: its name; None: the current one.
            cache: a folder for what servers told of their kinds; None: in the user's cache folder.
            timeout: in seconds, for connecting and for each wait for an answer.

        Raises:
            NotFoundError: no such file or context.
            InvalidError: a broken kubeconfig, or credentials that cannot be had.
        """
        return cls(lambda: from_kubeconfig(kubeconfig, context), cache=cache, timeout=timeout)

    @classmethod
    def in_cluster(cls, *, cache: Path | None = None, timeout: float = 10.0) -> Self:
        """The cluster that this pod runs in, as its service account; arguments as for `open`.

        Raises:
            InvalidError: this is no pod of a cluster.
        """
        return cls(in_cluster, cache=cache, timeout=timeout)

    def __repr__(self) -> str:
        return f"Api({self.server!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def server(self) -> str:
        """Its address."""
        return self._transport.server

    @property
    def changes(self) -> int:
        """How many messages were sent that may have changed something."""
        return self._transport.changes

    @property
    def default_namespace(self) -> str:
        """The namespace of the context, or of the service account."""
        return self._transport.link.namespace

    def get(self, kind: str, namespace: str | None, name: str, *, deadline: Deadline) -> dict[str, Any] | None:
        """One object; None if it is not there.

        Raises:
            NotFoundError: the server does not know the kind.
            ForbiddenError: the right to get it is missing.
        """
        about = self._kind(kind, deadline)
        try:
            return self._read("get", about, namespace, name, deadline=deadline)
        except NotFoundError as error:
            if isinstance(error.__cause__, Refused) and error.__cause__.names_object:
                return None
            raise

    def list(
        self,
        kind: str,
        namespace: str | None,
        *,
        labels: Mapping[str, str] | str = "",
        fields: str = "",
        keep: Keep = whole,
        deadline: Deadline,
    ) -> Listing:
        """All objects of a kind, page by page.

        Args:
            kind: of the objects.
            namespace: that they lie in; None: all.
            labels: that they carry, as a mapping or a label selector.
            fields: a field selector.
            keep: what is kept of each object.
            deadline: for all pages.

        Raises:
            NotFoundError: the server does not know the kind.
            ForbiddenError: the right to list them is missing.
        """
        about = self._kind(kind, deadline)
        query = selecting(labels, fields)

        def ask(page: Query, read: Callable[[bytes], T]) -> T:
            message = Message("GET", about.path(namespace), page)
            return self._transport.fetch(
                message, self._asked("list", about, namespace, ""), read=read, deadline=deadline
            )

        return listing(about, query, ask, keep=keep)

    def watch(
        self,
        kind: str,
        namespace: str | None,
        *,
        labels: Mapping[str, str] | str = "",
        revision: str | None = None,
        keep: Keep = whole,
        deadline: Deadline,
        stop: threading.Event | None = None,
    ) -> Iterator[Event]:
        """Changes as they happen, until the deadline passes or `stop` is set.

        Begins with a RESYNC that carries all objects, unless there is a revision to go on from; another one comes
        whenever changes may have been missed. Connections that break are made anew.

        Args:
            kind: of the objects.
            namespace: that they lie in; None: all.
            labels: that they carry, as a mapping or a label selector.
            revision: to begin from, of a listing or an event.
            keep: what is kept of each object of a RESYNC.
            deadline: until when.
            stop: ends it within a second.

        Raises:
            NotFoundError: the server does not know the kind.
            ForbiddenError: the right to list or watch is missing.
        """
        about = self._kind(kind, deadline)
        return Watch(
            self._transport,
            self._asked("watch", about, namespace, ""),
            about.path(namespace),
            selecting(labels),
            listing=lambda until: self.list(kind, namespace, labels=labels, keep=keep, deadline=until),
            revision=revision,
            patience=Patience(deadline, stop),
        ).events()

    def create(self, obj: dict[str, Any], *, deadline: Deadline) -> dict[str, Any]:
        """Make a new object.

        Returns:
            The object as the server keeps it.

        Raises:
            ConflictError: there is one of that name.
            InvalidError: it is no such object.
            ForbiddenError: the right to create it is missing.
        """
        kind, namespace, _ = self._identify(obj, deadline)
        message = Message("POST", kind.path(namespace), (_STRICT,), obj)
        return self._write("create", kind, obj, message, deadline)

    def replace(self, obj: dict[str, Any], *, subresource: str = "", deadline: Deadline) -> dict[str, Any]:
        """Put an object in the place of the one that is there; of that revision alone if it has a resourceVersion.

        Args:
            obj: the whole object.
            subresource: the part of it that is written, for instance "status"; empty for all the rest.
            deadline: of the call.

        Returns:
            The object as the server keeps it.

        Raises:
            ConflictError: the one that is there has another revision.
            NotFoundError: there is none.
            InvalidError: it is no such object.
            ForbiddenError: the right to update it is missing.
        """
        kind, namespace, name = self._identify(obj, deadline)
        message = Message("PUT", kind.path(namespace, name, subresource=subresource), (_STRICT,), obj)
        return self._write("update", kind, obj, message, deadline, subresource)

    def apply(
        self, obj: dict[str, Any], *, manager: str, force: bool = False, dry_run: bool = False, deadline: Deadline
    ) -> dict[str, Any]:
        """Make or change an object so that it has these fields, and only these of ours (server-side apply).

        Args:
            obj: the fields that are wanted.
            manager: in whose name; it owns them from then on.
            force: take fields from other managers.
            dry_run: change nothing, and return what would be.
            deadline: of the call.

        Returns:
            The object as the server keeps it, or would.

        Raises:
            FieldConflictError: other managers have set fields to something else.
            ConflictError: the one that is there has another revision than `obj` names.
            NotFoundError: its namespace is not there.
            InvalidError: it is no such object.
            ForbiddenError: the right to patch or create it is missing.
        """
        kind, namespace, name = self._identify(obj, deadline)
        query = [("fieldManager", manager), ("force", str(force).lower()), _STRICT]
        if dry_run:
            query.append(("dryRun", "All"))
        message = Message("PATCH", kind.path(namespace, name), query, obj, _APPLY)
        return self._transport.request(message, self._asked("patch", kind, namespace, name), deadline=deadline)

    def delete(
        self,
        kind: str,
        namespace: str | None,
        name: str,
        *,
        uid: str | None = None,
        propagation: str = "Background",
        deadline: Deadline,
    ) -> bool:
        """Delete an object.

        Args:
            kind: of the object.
            namespace: of the object.
            name: of the object.
            uid: delete that very object, and no other that has its name now.
            propagation: "Background", "Foreground" or "Orphan": what becomes of what it owns.
            deadline: of the call.

        Returns:
            False if it was not there.

        Raises:
            ForbiddenError: the right to delete it is missing.
        """
        about = self._kind(kind, deadline)
        body: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        if uid:
            body["preconditions"] = {"uid": uid}
        message = Message("DELETE", about.path(namespace, name), (), body)
        asked = self._asked("delete", about, namespace, name)
        try:
            self._transport.request(message, asked, deadline=deadline, recheck=_gone)
        except (NotFoundError, ConflictError) as error:
            if isinstance(error.__cause__, Refused) and error.__cause__.tells_absence(uid):
                return False
            raise
        return True

    def logs(
        self,
        namespace: str,
        pod: str,
        *,
        container: str | None = None,
        lines: int = 100,
        follow: bool = False,
        previous: bool = False,
        deadline: Deadline,
    ) -> Iterator[str]:
        """What a container has written, line by line, without the ends of lines.

        Args:
            namespace: of the pod.
            pod: its name.
            container: its name; None: the only one.
            lines: at most, of those that are there already.
            follow: go on with what is written from now on, until the deadline.
            previous: of the container that ran before this one, and ended.
            deadline: of the call.

        Raises:
            NotFoundError: there is no such pod.
            InvalidError: there is no such container, or it has not started yet.
            ForbiddenError: the right to get the log is missing.
        """
        chosen = [("container", container)] if container else []
        query = [*chosen, ("tailLines", str(lines)), ("previous", str(previous).lower())]
        asked = Asked("get", KINDS["Pod"], namespace, pod, self.server, subresource="log")
        return log_lines(self._transport, asked, query, follow=follow, patience=Patience(deadline))

    def forward(self, namespace: str, pod: str | Callable[[], str], port: int) -> Forward:
        """A port of a pod as a port of this machine; close it, or use it as a context manager.

        Nothing is asked yet: a connection that cannot be made is closed, and `Forward.failure` says why.

        Args:
            namespace: of the pod.
            pod: its name; or what gives the name of a pod for each new connection, when pods come and go.
            port: of the pod.

        Raises:
            InvalidError: this is no port.
        """
        if not 0 < port < 1 << 16:
            raise InvalidError(f"{port} is no port", hint="a port is a number from 1 to 65535")
        named = pod if isinstance(pod, str) else ""
        asked = Asked("get", KINDS["Pod"], namespace, named, self.server, subresource="portforward")
        return Forward(self._transport, asked, port, choose=None if isinstance(pod, str) else pod)

    def version(self, *, deadline: Deadline) -> str:
        """The version of the server, for instance "v1.34.4"."""
        asked = self._asked("get", VERSION, None, "")
        return str(self._transport.request(Message("GET", "/version"), asked, deadline=deadline).get("gitVersion", ""))

    def allowed(self, verb: str, resource: str, namespace: str | None, *, group: str = "", deadline: Deadline) -> bool:
        """Whether one may do that.

        Args:
            verb: of RBAC, for instance "patch".
            resource: plural, maybe with a subresource, for instance "pods/log".
            namespace: where; None: everywhere.
            group: of the resource's API; empty for the core.
            deadline: of the call.
        """
        plural, _, subresource = resource.partition("/")
        attributes = {"verb": verb, "resource": plural, "subresource": subresource, "group": group}
        body = {
            "apiVersion": REVIEW.api_version,
            "kind": REVIEW.name,
            "spec": {"resourceAttributes": {**attributes, "namespace": namespace or ""}},
        }
        message = Message("POST", REVIEW.path(), (), body)
        answer = self._transport.request(message, self._asked("create", REVIEW, None, ""), deadline=deadline)
        return bool((answer.get("status") or {}).get("allowed"))

    def close(self) -> None:
        """End all connections."""
        self._transport.close()

    def _read(
        self, verb: str, kind: Kind, namespace: str | None, name: str = "", *, query: Query = (), deadline: Deadline
    ) -> dict[str, Any]:
        message = Message("GET", kind.path(namespace, name), query)
        return self._transport.request(message, self._asked(verb, kind, namespace, name), deadline=deadline)

    def _write(
        self, verb: str, kind: Kind, obj: dict[str, Any], message: Message, deadline: Deadline, subresource: str = ""
    ) -> dict[str, Any]:
        """Send what must not be told to have failed when it was only cut off."""
        about = obj["metadata"]
        namespace, name = about.get("namespace"), about["name"]

        def _kept(refused: Refused | None) -> dict[str, Any] | None:
            if refused is not None and refused.status != 409:
                return None
            live = self.get(kind.key, namespace, name, deadline=deadline)
            return live if live is not None and holds(live, obj, subresource=subresource) else None

        asked = Asked(verb, kind, namespace, name, self.server, subresource=subresource)
        return self._transport.request(message, asked, deadline=deadline, recheck=_kept)

    def _identify(self, obj: dict[str, Any], deadline: Deadline) -> tuple[Kind, str | None, str]:
        kind = self._kind(key_of(obj), deadline)
        about = obj.get("metadata") or {}
        name, namespace = about.get("name"), about.get("namespace")
        if not name:
            raise InvalidError(f"{kind.name}: an object needs metadata.name")
        if kind.namespaced and not namespace:
            raise InvalidError(f"{kind.name} {name!r} needs metadata.namespace")
        return kind, namespace, name

    def _kind(self, kind: str, deadline: Deadline) -> Kind:
        found = known(kind) or self._kinds.get(kind)
        if found is None:
            found = self._kinds[kind] = self._transport.persist(
                lambda: discover(
                    kind, self._transport.link, folder=self._cache, timeout=self._transport.timeout, deadline=deadline
                ),
                self._asked("get", DISCOVERY, None, ""),
                deadline=deadline,
            )
        return found

    def _asked(self, verb: str, kind: Kind, namespace: str | None, name: str) -> Asked:
        return Asked(verb, kind, namespace, name, self.server)


def _gone(refused: Refused | None) -> dict[str, Any] | None:
    """Gone after a try that was cut off: that try has done it."""
    return {} if refused is not None and refused.tells_absence() else None
