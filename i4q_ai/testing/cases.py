"""The one table of what a backend need not do. A case that is left out has a refusal that is tested instead."""

from __future__ import annotations

from dataclasses import dataclass

from i4q_ai.capabilities import Capabilities


@dataclass(frozen=True)
class Need:
    """What a case asks of a backend.

    Args:
        capability: field of Capabilities, or a flavour as "flavours:files".
        there: it is for backends that have it; else for those that do not.
    """

    capability: str
    there: bool = True

    def met(self, capabilities: Capabilities) -> bool:
        """Whether the case is for a backend with these capabilities."""
        field, _, member = self.capability.partition(":")
        value = getattr(capabilities, field)
        return bool(member in value if member else value) is self.there


NEEDS: dict[str, Need] = {
    "test_files_are_switched_under_a_running_workload": Need("flavours:files"),
    "test_a_workload_waits_for_its_model_and_outlives_its_updates": Need("commands"),
    "test_a_workload_says_what_it_does_in_its_log": Need("commands"),
    "test_stop_and_start": Need("stop"),
    "test_what_does_not_run_cannot_be_reached": Need("reach"),
    "test_nothing_has_drifted_where_nobody_has_changed_anything": Need("compare"),
    "test_a_score_is_kept_until_it_is_replaced": Need("scores"),
    "test_who_is_preferred_comes_first": Need("scores"),
    "test_refuses_files": Need("flavours:files", there=False),
    "test_refuses_charts": Need("flavours:chart", there=False),
    "test_refuses_images": Need("images", there=False),
    "test_refuses_commands": Need("commands", there=False),
    "test_refuses_addresses": Need("reach", there=False),
    "test_refuses_logs": Need("logs", there=False),
    "test_refuses_to_stop": Need("stop", there=False),
    "test_refuses_to_compare": Need("compare", there=False),
    "test_refuses_to_take_from_git": Need("gitops", there=False),
    "test_refuses_scores": Need("scores", there=False),
    "test_refuses_to_let_join": Need("joins", there=False),
}
"""Name of the case → what it needs; a case that is not listed is for every backend."""
