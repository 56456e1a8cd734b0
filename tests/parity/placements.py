"""Random placements, right and wrong ones."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.parity.clusters import CLAIMS, KEYS, RESOURCES, SCORES, TAINT_KEYS, TAINT_VALUES
from tests.parity.expressions import RIGHT, UNLIKE, WRONG

Object = dict[str, Any]

_BUILTINS = ("Balance", "Steady", "ResourceAllocatableCPU", "ResourceAllocatableMemory")
_SIZES = (None, 0, -1, 1, 2, 3, 100, "1%", "25%", "33%", "50%", "100%", "2", "5")
_SECONDS = (None, None, None, 600, 601, 86_400, 0, -5, 10_000_000_000)


def placement(random: Random, sets: tuple[str, ...], traits: set[str]) -> Object:
    """A spec; one in five has one thing wrong, that an API server accepts all the same."""
    wrong = random.choice(_WRONGS) if random.random() < 0.2 else None
    spec: Object = {}
    if random.random() < 0.35:
        spec["clusterSets"] = random.sample(sets, random.choice((0, 1, 1, 2, 3)))
    if random.random() < 0.6:
        spec["numberOfClusters"] = random.choice((0, 1, 2, 3, 5, 50))
    spec["predicates"] = [_predicate(random, traits) for _ in range(random.choice((0, 0, 1, 1, 1, 1, 2, 3)))]
    if random.random() < 0.75:
        spec["tolerations"] = [_toleration(random) for _ in range(random.choice((0, 1, 1, 2, 3)))]
    if random.random() < 0.6:
        spec["prioritizerPolicy"] = _policy(random)
    if random.random() < 0.5:
        spec["decisionStrategy"] = {"groupStrategy": _groups(random, traits)} if random.random() < 0.97 else {}
    if random.random() < 0.05:
        spec["spreadPolicy"] = {"spreadConstraints": [{"topologyKey": "site", "topologyKeyType": "Label"}]}
    if wrong is not None:
        traits.add(f"wrong: {_break(random, spec, wrong)}")
    if not spec["predicates"] and random.random() < 0.5:
        del spec["predicates"]
    return spec


def _predicate(random: Random, traits: set[str]) -> Object:
    selector: Object = {}
    if random.random() < 0.45:
        selector["labelSelector"] = _labels(random, traits)
    if random.random() < 0.25:
        selector["claimSelector"] = {"matchExpressions": _expressions(random, "claim", CLAIMS, traits)}
    if random.random() < 0.6:
        selector["celSelector"] = {"celExpressions": [_cel(random, traits) for _ in range(random.choice((1, 1, 1, 2)))]}
    return {"requiredClusterSelector": selector} if selector or random.random() < 0.9 else {}


def _cel(random: Random, traits: set[str]) -> str:
    kinds = RIGHT if random.random() < 0.88 else UNLIKE
    kind = random.choice(sorted(kinds))
    traits.add(f"predicate: CEL {kind}")
    expression = random.choice(kinds[kind])
    return f"!({expression})" if kinds is RIGHT and random.random() < 0.25 else expression


def _labels(random: Random, traits: set[str]) -> Object:
    selector: Object = {}
    if random.random() < 0.5:
        key = random.choice(sorted(KEYS))
        selector["matchLabels"] = {key: random.choice(KEYS[key])}
        traits.add("predicate: label matchLabels")
    if random.random() < 0.7:
        selector["matchExpressions"] = _expressions(random, "label", KEYS, traits)
    return selector


def _expressions(random: Random, what: str, keys: dict[str, tuple[str, ...]], traits: set[str]) -> list[Object]:
    found = []
    for _ in range(random.choice((1, 1, 2))):
        key, operator = random.choice([*keys, "nope"]), random.choice(("In", "NotIn", "Exists", "DoesNotExist"))
        expression: Object = {"key": key, "operator": operator}
        if operator.endswith("In"):
            values = keys.get(key, ("x",))
            expression["values"] = random.sample(values, random.randint(1, len(values)))
        traits.add(f"predicate: {what} {operator}")
        found.append(expression)
    return found


def _toleration(random: Random) -> Object:
    operator = random.choice(("Equal", "Exists", "Exists", None, "Weird" if random.random() < 0.2 else "Equal"))
    toleration: Object = {} if operator is None else {"operator": operator}
    if operator != "Exists" or random.random() < 0.75:
        toleration["key"] = random.choice(TAINT_KEYS)
    if operator != "Exists" and (value := random.choice(TAINT_VALUES)):
        toleration["value"] = value
    if random.random() < 0.4:
        toleration["effect"] = random.choice(("NoSelect", "PreferNoSelect", "NoSelectIfNew"))
    if (seconds := random.choice(_SECONDS)) is not None:
        toleration["tolerationSeconds"] = seconds
    return toleration


def _policy(random: Random) -> Object:
    policy: Object = {}
    if random.random() < 0.7:
        policy["mode"] = random.choice(("Additive", "Exact", "Exact", ""))
    policy["configurations"] = [_prioritizer(random) for _ in range(random.choice((0, 1, 1, 2, 2, 3)))]
    return policy


def _prioritizer(random: Random) -> Object:
    if random.random() < 0.65:
        coordinate: Object = {"builtIn": random.choice(_BUILTINS)}
        if random.random() < 0.6:
            coordinate["type"] = "BuiltIn"
    else:
        score = {"resourceName": random.choice((*RESOURCES, "nope")), "scoreName": random.choice((*SCORES, "nope"))}
        coordinate = {"type": "AddOn", "addOn": score}
    found: Object = {"scoreCoordinate": coordinate}
    if random.random() < 0.8:
        found["weight"] = random.choice((-10, -3, -1, 0, 1, 2, 5, 10))
    return found


def _groups(random: Random, traits: set[str]) -> Object:
    found: Object = {}
    if (size := random.choice(_SIZES)) is not None:
        found["clustersPerDecisionGroup"] = size
    named = random.choice((0, 1, 1, 2, 3))
    if named:
        found["decisionGroups"] = [_group(random, random.choice(("canary", "first", "rest"))) for _ in range(named)]
        traits.add("groups: named")
    if isinstance(size, str) and not size.endswith("%"):
        traits.add("wrong: group size in quotes")
    elif isinstance(size, str):
        traits.add("groups: %")
    elif size and size > 0:
        traits.add("groups: number")
    return found


def _group(random: Random, name: str) -> Object:
    selector: Object = {}
    if random.random() < 0.8:
        selector["labelSelector"] = _labels(random, set())
    if random.random() < 0.3:
        selector["claimSelector"] = {"matchExpressions": _expressions(random, "claim", CLAIMS, set())}
    return {"groupName": name, "groupClusterSelector": selector}


_SELECTORS: dict[str, Object] = {
    "selector In without values": {"key": "site", "operator": "In"},
    "selector Exists with values": {"key": "site", "operator": "Exists", "values": ["x"]},
    "selector operator unknown": {"key": "site", "operator": "Near", "values": ["x"]},
    "selector key": {"key": "not a key", "operator": "Exists"},
    "selector value": {"key": "site", "operator": "In", "values": ["not a value!"]},
    "selector value too long": {"key": "site", "operator": "NotIn", "values": ["x" * 64]},
}
_TOLERATIONS: dict[str, Object] = {
    "toleration without key": {"operator": "Equal", "value": "x"},
    "toleration with nothing": {},
    "toleration Exists with value": {"key": "dedicated", "operator": "Exists", "value": "x"},
}
_PRIORITIZERS: dict[str, Object] = {
    "prioritizer unknown": {"scoreCoordinate": {"builtIn": "Spread"}, "weight": 1},
    "prioritizer unknown without weight": {"scoreCoordinate": {"builtIn": "Nope"}},
    "prioritizer empty": {"scoreCoordinate": {}},
    "prioritizer AddOn without addOn": {"scoreCoordinate": {"type": "AddOn"}, "weight": 2},
}
_WRONGS = (*WRONG, *WRONG, *WRONG, *_SELECTORS, "claim", "group", *_TOLERATIONS, *_PRIORITIZERS, "mode unknown")


def _break(random: Random, spec: Object, wrong: str) -> str:
    """Put one wrong thing into a spec; says what."""
    if wrong in WRONG:
        selector: Object = {"celSelector": {"celExpressions": [random.choice(WRONG[wrong])]}}
        spec["predicates"].append({"requiredClusterSelector": selector})
    elif wrong in _SELECTORS:
        selector = {"labelSelector": {"matchExpressions": [_SELECTORS[wrong]]}}
        spec["predicates"].append({"requiredClusterSelector": selector})
    elif wrong == "claim":
        selector = {"claimSelector": {"matchExpressions": [random.choice(list(_SELECTORS.values()))]}}
        spec["predicates"].append({"requiredClusterSelector": selector})
        return "claim selector"
    elif wrong == "group":
        selector = {"labelSelector": {"matchExpressions": [random.choice(list(_SELECTORS.values()))]}}
        groups = (
            spec.setdefault("decisionStrategy", {}).setdefault("groupStrategy", {}).setdefault("decisionGroups", [])
        )
        groups.append({"groupName": "bad", "groupClusterSelector": selector})
        return "group selector"
    elif wrong in _TOLERATIONS:
        spec.setdefault("tolerations", []).append(_TOLERATIONS[wrong])
    elif wrong in _PRIORITIZERS:
        spec.setdefault("prioritizerPolicy", {}).setdefault("configurations", []).append(_PRIORITIZERS[wrong])
    else:
        spec.setdefault("prioritizerPolicy", {})["mode"] = "Both"
    return wrong
