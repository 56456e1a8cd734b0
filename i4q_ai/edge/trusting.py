"""Which policies must let in what comes to this machine, and the second look before it is shown."""

from __future__ import annotations

from pathlib import Path

from i4q_ai import config
from i4q_ai.desired import Item
from i4q_ai.trust import Trust


def policies(told: Trust | None) -> tuple[Trust, ...]:
    """What the hub tells with an item, and the machine's own policy, which no hub can change; all must agree.

    Args:
        told: the policy of the item.

    Raises:
        NotFoundError, SchemaError: `I4Q_TRUST` names a file that cannot be read; nothing is let in then.
    """
    own = config.trust()
    found = (told, Trust.read(own) if own is not None else None)
    return tuple(trust for trust in found if trust is not None)


def recheck(item: Item, wanted: Item | None, tree: Path, blobs: Path) -> None:
    """Judge a version that is on disk by the policies of today, before it is shown.

    Registries are asked only for signatures that are not here.

    Args:
        item: that is to be shown.
        wanted: the item that the desired state holds now, which may be stricter than what it replaces.
        tree: its files.
        blobs: the cache, which keeps its signatures.

    Raises:
        UntrustedError: it would not be let in any more.
        I4qError: it cannot be found out.
    """
    told = wanted.trust if wanted is not None and wanted.trust is not None else item.trust
    trusts = policies(told)
    if trusts:
        from i4q_ai.oci.signing.guard import Guard

        Guard(trusts, blobs).recheck(tree, item.digest, item.references)
