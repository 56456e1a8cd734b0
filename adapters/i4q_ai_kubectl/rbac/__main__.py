"""The program `python -m i4q_ai_kubectl.rbac`: prints the rights that somebody needs, for `kubectl apply -f -`."""

from __future__ import annotations

import argparse
import sys

from i4q_ai.errors import I4qError
from i4q_ai.manifests import Object
from i4q_ai_kubectl import rbac
from i4q_ai_kubectl.rbac.asking import add_subject, chosen_subject


def main(arguments: list[str] | None = None) -> int:
    """Print what was asked for, as YAML."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        objects = _objects(given)
    except I4qError as error:
        parser.error(str(error))
    if not objects:
        parser.error("name what for: --namespace, --home, --facts or --all-namespaces")
    sys.stdout.write(rbac.to_yaml(objects))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m i4q_ai_kubectl.rbac",
        description="Rights of a hub on plain Kubernetes clusters, as YAML for `kubectl apply -f -`.",
    )
    add_subject(parser)
    parser.add_argument(
        "--namespace", action="append", default=[], help="to deliver into this namespace; several times for several"
    )
    parser.add_argument("--home", metavar="NAMESPACE", help="to keep records in this namespace of the home cluster")
    parser.add_argument("--facts", action="store_true", help="to read what nodes have to offer; optional")
    parser.add_argument(
        "--all-namespaces", action="store_true", help="to deliver into every namespace, and make missing ones"
    )
    return parser


def _objects(given: argparse.Namespace) -> list[Object]:
    subject = chosen_subject(given)
    found = [each for namespace in given.namespace for each in rbac.in_cluster_namespace(namespace, subject)]
    found += rbac.in_home_namespace(given.home, subject) if given.home else []
    found += rbac.in_all_namespaces(subject) if given.all_namespaces else []
    found += rbac.facts(subject) if given.facts else []
    return found


if __name__ == "__main__":
    sys.exit(main())
