"""A client for any server of the Open Inference Protocol v2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self
from urllib.parse import quote, urlsplit

from i4q_ai.errors import InvalidError, MissingDependencyError, ServingError, UnreachableError, nearest

try:
    from i4q_ai.serve.datatypes import Array
    from i4q_ai.serve.wire import Packed, fit, pack, unpack
except ImportError as error:
    raise MissingDependencyError("asking a model server", extra="serve") from error

import requests

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Client:
    """Asks one model of one server.

    Args:
        url: of the server, as `http://host:port`, or of the model, as `http://host:port/v2/models/NAME`.
        model: its name; may be left out where the URL names it.
        timeout: seconds that any call may take.

    Example:
        >>> with Client("http://127.0.0.1:8080", "tool-wear") as wear:  # doctest: +SKIP
        ...     wear.predict([[298.1, 308.6, 1551.0, 42.8]])
    """

    def __init__(self, url: str, model: str | None = None, *, timeout: float = 30) -> None:
        base, _, named = url.rstrip("/").partition("/v2/models/")
        if not (model or named):
            raise InvalidError(f"{url} names no model", hint="give its name: Client(url, model)")
        self.model = model or named
        self.url = base.removesuffix("/v2")
        self.timeout = timeout
        self._session = requests.Session()
        # A proxy of this machine's environment cannot know what listens on its loopback.
        self._session.trust_env = urlsplit(self.url).hostname not in _LOOPBACK
        self._schemas: dict[str | None, dict[str, Any]] = {}

    def __repr__(self) -> str:
        return f"Client({self.url!r}, {self.model!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._session.close()

    def ready(self, version: str | None = None) -> bool:
        """Whether the model can infer.

        Raises:
            UnreachableError: no server answers.
        """
        response = self._send("GET", f"{self._path(version)}/ready")
        return bool(response.status_code == 200)

    def metadata(self, version: str | None = None) -> dict[str, Any]:
        """The model's name, versions, platform, inputs and outputs.

        Raises:
            UnreachableError: no server answers.
            ServingError: it answers with an error.
        """
        return dict(_document(self._checked(self._send("GET", self._path(version)))))

    def infer(
        self,
        X: Any,  # noqa: N803
        *,
        outputs: Sequence[str] | None = None,
        version: str | None = None,
        binary: bool = True,
    ) -> dict[str, Array]:
        """Ask the model.

        Args:
            X: what goes in: an array, DataFrame or list for a model with one input; a dict by the inputs' names, or a
                DataFrame with a column for each, for one with several. It is converted to the model's datatypes.
            outputs: names of those wanted; None: all.
            version: None: the one that the server serves by default.
            binary: send and receive arrays as bytes, which is faster and keeps NaN; False: as JSON.

        Returns:
            Name of the output → array.

        Raises:
            InvalidError: X is nothing that this model takes.
            UnreachableError: no server answers.
            ServingError: it answers with an error; `.status` is its HTTP status.
        """
        known = version in self._schemas
        try:
            return self._infer(X, outputs, version, binary)
        except (ServingError, InvalidError) as error:
            if not known or (isinstance(error, ServingError) and error.status != 400):
                raise
        # The schema we knew may be that of a version before.
        self._schemas.pop(version)
        return self._infer(X, outputs, version, binary)

    def predict(self, X: Any, *, version: str | None = None) -> Array:  # noqa: N803
        """The first output for X; see `infer`."""
        return next(iter(self.infer(X, version=version).values()))

    def _infer(self, X: Any, outputs: Sequence[str] | None, version: str | None, binary: bool) -> dict[str, Array]:  # noqa: N803
        schema = self._schemas.get(version)
        if schema is None:
            schema = self._schemas[version] = self.metadata(version)
        packed = pack(_by_name(X, schema["inputs"]), outputs, binary=binary)
        response = self._checked(self._send("POST", f"{self._path(version)}/infer", packed))
        length = response.headers.get("Inference-Header-Content-Length")
        return unpack(response.content, int(length) if length else None)

    def load(self, tree: str | None = None, *, timeout: float = 0) -> None:
        """Let the server load a version of the model and make it the default.

        Args:
            tree: the folder beside `current`; None: what `current` names.
            timeout: in seconds, for a model that takes longer than any call may; 0: the client's.

        Raises:
            UnreachableError: no server answers.
            ServingError: it could not; the version before goes on.
        """
        body = {"parameters": {"tree": tree}} if tree is not None else {}
        self._checked(self._send("POST", f"/v2/repository/models/{quote(self.model, safe='')}/load", body, timeout))
        self._schemas.clear()

    def unload(self) -> None:
        """Let the server take the model out of memory."""
        self._checked(self._send("POST", f"/v2/repository/models/{quote(self.model, safe='')}/unload", {}))

    def index(self) -> list[dict[str, str]]:
        """The server's rows about this model: version, state and reason of each."""
        rows = _document(self._checked(self._send("POST", "/v2/repository/index", {})))
        return [dict(row) for row in rows if row.get("name") == self.model]

    def _path(self, version: str | None) -> str:
        path = f"/v2/models/{quote(self.model, safe='')}"
        return path if version is None else f"{path}/versions/{quote(version, safe='')}"

    def _send(self, method: str, path: str, body: Packed | dict[str, Any] | None = None, timeout: float = 0) -> Any:
        content: dict[str, Any] = {"json": body} if body is not None else {}
        if isinstance(body, Packed):
            content = {"data": body.body, "headers": body.headers}
        call = {"timeout": timeout or self.timeout, **content}
        try:
            try:
                return self._session.request(method, self.url + path, **call)
            except requests.ConnectionError as error:
                if isinstance(error, requests.Timeout):
                    raise
                # The server may have closed a connection that was kept; a new one tells whether it is there.
                return self._session.request(method, self.url + path, **call)
        except requests.RequestException as error:
            raise UnreachableError(f"no answer from {self.url}: {_cause(error)}") from error

    def _checked(self, response: Any) -> Any:
        if response.status_code == 200:
            return response
        try:
            what = str(response.json()["error"])
        except (ValueError, KeyError, TypeError):
            what = f"{response.reason}: {response.text[:200]}"
        raise ServingError(f"model '{self.model}' at {self.url}: {what}", status=response.status_code)


def _document(response: Any) -> Any:
    try:
        return response.json()
    except ValueError as error:
        raise ServingError(f"{response.url} answered no JSON", status=response.status_code) from error


def _cause(error: BaseException) -> str:
    if isinstance(error, requests.Timeout):
        return "it took too long"
    while error.__context__ is not None:
        error = error.__context__
    return getattr(error, "strerror", None) or str(error)


def _by_name(X: Any, specs: list[dict[str, Any]]) -> dict[str, Array]:  # noqa: N803
    """X as arrays by the inputs' names, in the model's datatypes."""
    names = [spec["name"] for spec in specs]
    columns = [str(column) for column in getattr(X, "columns", ())]
    if columns and len(names) > 1:
        given = {name: X.iloc[:, position].to_numpy() for position, name in enumerate(columns)}
    elif isinstance(X, Mapping):
        given = dict(X)
    elif len(names) == 1:
        given = {names[0]: X}
    else:
        raise InvalidError(f"the model has {len(names)} inputs", hint=f"give a dict by their names: {', '.join(names)}")
    for name in given:
        if name not in names:
            raise InvalidError(f"the model has no input '{name}'", hint=nearest(name, names))
    missing = [name for name in names if name not in given]
    if missing:
        raise InvalidError(f"input {', '.join(missing)} is missing")
    return {spec["name"]: fit(given[spec["name"]], spec) for spec in specs}
