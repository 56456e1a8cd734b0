"""The program `python -m i4q_ai_ocm.rbac`: prints the rights that somebody needs, for `kubectl apply -f -`."""

from __future__ import annotations

import argparse
import sys

from i4q_ai.errors import I4qError
from i4q_ai.manifests import Object
from i4q_ai_kubectl.rbac import to_yaml
from i4q_ai_kubectl.rbac.asking import add_subject, chosen_subject
from i4q_ai_ocm import rbac


def main(arguments: list[str] | None = None) -> int:
    """Print what was asked for, as YAML."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        objects = _objects(given)
    except I4qError as error:
        parser.error(str(error))
    if not objects:
        parser.error("name what for: --namespace, --hub, --probe, --git, --clusters, --all-namespaces or --edge")
    sys.stdout.write(to_yaml(objects))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m i4q_ai_ocm.rbac",
        description="Rights on a hub of Open Cluster Management, as YAML for `kubectl apply -f -`.",
    )
    add_subject(parser)
    parser.add_argument(
        "--namespace", action="append", default=[], help="deployments in this namespace; several times for several"
    )
    parser.add_argument("--hub", action="store_true", help="clusters, sets and works; needed once on a hub")
    parser.add_argument(
        "--probe", action="store_true", help="find out whether the hub follows standing orders; not for `replicaSets`"
    )
    parser.add_argument("--git", action="store_true", help="have clusters take from Git; beside --hub and --namespace")
    parser.add_argument("--clusters", action="store_true", help="label, taint, add and remove clusters; optional")
    parser.add_argument(
        "--all-namespaces", action="store_true", help="deployments in every namespace, and make missing ones"
    )
    parser.add_argument(
        "--edge", action="append", default=[], metavar="NAMESPACE",
        help="on a cluster itself, to see pods and logs of this namespace and to talk to its models; optional",
    )  # fmt: skip
    return parser


def _objects(given: argparse.Namespace) -> list[Object]:
    subject = chosen_subject(given)
    found = [each for namespace in given.namespace for each in rbac.in_namespace(namespace, subject)]
    found += rbac.on_hub(subject) if given.hub else []
    found += rbac.probe(subject) if given.probe else []
    found += rbac.from_git(subject) if given.git else []
    found += rbac.clusters(subject) if given.clusters else []
    found += rbac.in_all_namespaces(subject) if given.all_namespaces else []
    found += [each for namespace in given.edge for each in rbac.in_edge_namespace(namespace, subject)]
    return found


if __name__ == "__main__":
    sys.exit(main())
