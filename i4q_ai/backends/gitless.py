"""What a fleet whose clusters take nothing from Git answers; a class to inherit, for those who like."""

from __future__ import annotations

from typing import NoReturn

from i4q_ai.backends.subscriptions import Pulled, Subscription
from i4q_ai.deadline import Deadline
from i4q_ai.errors import UnsupportedError

_HINT = "deploy from here, or let `i4q listen` do it when something is pushed"


class Gitless:
    """The refusals of a Fleet without `capabilities.gitops`."""

    def check_subscription(self, subscription: Subscription, *, deadline: Deadline) -> None:
        """Refused.

        Raises:
            UnsupportedError: always.
        """
        self._refuse(subscription.namespace, subscription.name, deadline)

    def subscribe(self, subscription: Subscription, *, deadline: Deadline) -> None:
        """Refused.

        Raises:
            UnsupportedError: always.
        """
        self._refuse(subscription.namespace, subscription.name, deadline)

    def unsubscribe(self, namespace: str, name: str, *, deadline: Deadline) -> None:
        """Refused.

        Raises:
            UnsupportedError: always.
        """
        self._refuse(namespace, name, deadline)

    def pulled(self, namespace: str, name: str, *, deadline: Deadline) -> list[Pulled]:
        """Refused.

        Raises:
            UnsupportedError: always.
        """
        self._refuse(namespace, name, deadline)

    def _refuse(self, namespace: str, name: str, deadline: Deadline) -> NoReturn:
        deadline.check()
        raise UnsupportedError(f"'{namespace}/{name}': the clusters of this hub take nothing from Git", hint=_HINT)
