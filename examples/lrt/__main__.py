"""`python -m lrt deploy|push|ask|remove`: the module from a terminal."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import urllib.request
from pathlib import Path

import i4q_ai as i4q
from i4q_ai.errors import I4qError
from lrt.deploy import Module, deploy
from lrt.push import push

NAMES = ("failure-risk", "overstrain", "line-advisor")


def ask(app: i4q.Deployment, cluster: str, configurations: list[object]) -> dict[str, object]:
    """What the module on a cluster says to a list of configurations."""
    request = urllib.request.Request(f"{app.address(cluster)}/best", json.dumps(configurations).encode())
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="lrt", description=__doc__)
    parser.add_argument("--hub", help="as I4Q_HUB, whose value is the default")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("deploy", help="train, push and deploy everything")
    verb.add_argument("--line", default="cnc", help="clusters with the label line=… (default: %(default)s)")
    verb.add_argument("--models", default="1", help="version of the models (default: %(default)s)")
    verb = verbs.add_parser("push", help="train, push, and hand over a release by Git, for a listener to deploy")
    verb.add_argument("repo", help="URL of the repository")
    verb.add_argument("--line", default="cnc", help="clusters with the label line=… (default: %(default)s)")
    verb.add_argument("--models", default="1", help="version of the models (default: %(default)s)")
    verb = verbs.add_parser("ask", help="which of these configurations is best")
    verb.add_argument("cluster")
    verb.add_argument("configurations", type=Path, help="a JSON file with a list of them")
    verbs.add_parser("remove", help="take everything away")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Do what the command line says."""
    given = arguments(argv)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    if given.verb == "push":
        print(push(given.repo, line=given.line, version=given.models))
        return 0
    with i4q.Hub(given.hub) as hub:
        if given.verb == "deploy":
            module = deploy(hub, line=given.line, version=given.models).wait()
            print(module.app.status())
        elif given.verb == "ask":
            text = given.configurations.read_text(encoding="utf-8")
            print(json.dumps(ask(hub.get("line-advisor"), given.cluster, json.loads(text)), indent=2))
        else:
            Module(*(hub.get(name) for name in NAMES)).delete()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except I4qError as error:
        sys.exit(f"error: {error}")
