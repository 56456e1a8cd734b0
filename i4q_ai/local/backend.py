"""The embedded backend, put together."""

from __future__ import annotations

from pathlib import Path

from i4q_ai import config
from i4q_ai.capabilities import Capabilities
from i4q_ai.deadline import Deadline
from i4q_ai.desired import Policy
from i4q_ai.local import settings
from i4q_ai.local.agents import Agents
from i4q_ai.local.database import Database
from i4q_ai.local.fleet import EmbeddedFleet
from i4q_ai.local.store import EmbeddedStore

_OPEN_TIMEOUT = 30.0


class EmbeddedBackend:
    """Clusters on this machine, with nothing else installed.

    Several processes may open the same home at once.

    Args:
        address: the home, if not empty.
        home: the folder of the state; without it and an address, see `I4Q_HOME`.
        policy: how agents keep, probe and settle; remembered in the home for all its clusters.

    Raises:
        StorageError: no room, no right, or the state is damaged.
        UnsupportedError: a later version has written the state.

    Example:
        >>> backend = EmbeddedBackend(home=home)
        >>> backend.fleet.clusters(deadline=Deadline.after(5))
        []
        >>> backend.close()
    """

    def __init__(self, address: str = "", /, *, home: str | Path | None = None, policy: Policy | None = None) -> None:
        chosen = home or address or config.home()
        self.home = Path(chosen).expanduser().absolute()
        deadline = Deadline.after(_OPEN_TIMEOUT)
        self._database = Database(self.home / "state.db", deadline=deadline)
        if policy is not None:
            with self._database.write(deadline) as connection:
                settings.set_policy(connection, policy)
        self.store = EmbeddedStore(self._database)
        self.fleet = EmbeddedFleet(self._database, Agents(self.home / "clusters"))

    @property
    def name(self) -> str:
        """As in the registry."""
        return "embedded"

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return Capabilities(
            flavours=frozenset({"server", "files"}), commands=True, reach=True, logs=True, stop=True, scores=True
        )

    def close(self) -> None:
        """Let go of the state and of threads; agents and what they run go on."""
        self.fleet.close()
        self._database.close()

    def __repr__(self) -> str:
        return f"EmbeddedBackend(home={str(self.home)!r})"
