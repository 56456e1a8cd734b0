"""Whether what a source wants deployed keeps to its rules. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from i4q_ai.errors import UntrustedError
from i4q_ai.listening.containing import within
from i4q_ai.listening.rules import Allow
from i4q_ai.placement import Placement
from i4q_ai.spec import Spec
from i4q_ai.trust import repository_of


def need_allowed(specs: Mapping[str, Spec], allow: Allow, *, source: str) -> None:
    """Refuse what a source may not deploy.

    Args:
        specs: name of the deployment → what it says.
        allow: the source's rules.
        source: its name.

    Raises:
        UntrustedError: with everything that is not allowed.
    """
    found = [f"'{name}' {why}" for name, spec in sorted(specs.items()) for why in _reasons(name, spec, allow)]
    if found:
        raise UntrustedError(
            f"source '{source}' may not deploy that: {'; '.join(found)}",
            hint="the rules of `i4q listen` say what it may",
        )


def _reasons(name: str, spec: Spec, allow: Allow) -> Iterator[str]:
    if not allow.has(name):
        yield f"is none of {', '.join(allow.names)}"
    if spec.kind not in allow.kinds:
        yield f"is a {spec.kind}, which it may not deploy"
    elif spec.kind == "model" and spec.flavour not in allow.flavours:
        yield f"has flavour {spec.flavour}, which is none of {', '.join(allow.flavours)}"
    for repository in dict.fromkeys(map(repository_of, _references(spec))):
        if not any(fnmatchcase(repository, each) for each in allow.repositories):
            yield f"comes from {repository}, which is none of {', '.join(allow.repositories)}"
    if not _may_go(spec.placement, allow):
        yield f"goes to placement '{spec.placement.name}', which {_where(allow)}"


def _references(spec: Spec) -> Iterator[str]:
    """Everything that clusters would fetch."""
    yield from (thing.reference for thing in spec.objects() if thing.reference)
    yield from (image for image in (spec.image, spec.workload.image if spec.workload else None) if image)


def _may_go(placement: Placement, allow: Allow) -> bool:
    if not allow.says_where or allow.everywhere or placement in allow.placements:
        return True
    return allow.clusters is not None and within(placement.rule, allow.clusters)


def _where(allow: Allow) -> str:
    exact = ", ".join(f"'{each.name}'" for each in allow.placements)
    told = [f"does not contain the rule: {allow.clusters.text()}"] if allow.clusters is not None else []
    told += [f"is not exactly that of the rules: {exact}"] if exact else []
    return ", and ".join(told)
