"""Whom rights are printed for, as options of a program."""

from __future__ import annotations

import argparse

from i4q_ai_kubectl.rbac import Subject


def add_subject(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a user, a group or a service account; one of them must be given."""
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--user", metavar="NAME", help="who gets them: a user")
    who.add_argument("--group", metavar="NAME", help="a group")
    who.add_argument("--service-account", metavar="NAMESPACE/NAME", help="a service account, of a controller in a pod")


def chosen_subject(given: argparse.Namespace) -> Subject:
    """Who is named.

    Raises:
        InvalidError: it is no service account.
    """
    if given.service_account:
        return Subject.account(given.service_account)
    return Subject("User", given.user) if given.user else Subject("Group", given.group)
