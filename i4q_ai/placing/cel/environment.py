"""The CEL environment: the only importer of the CEL runtime.

Two environments, because the runtime tells overloads apart by kind (a map, a list) and the type checker must tell them
apart by type (a quantity, a version): the first checks, the second, in which each function stands once, evaluates.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext import ext_optional

from i4q_ai.placing.cel.apart import VARIABLE, taken_apart
from i4q_ai.placing.cel.functions import FUNCTIONS, Function, Signature
from i4q_ai.placing.cel.parts import Evaluate, Part

_Scores = Callable[[Any, str], Any]

_SIMPLE = {
    "bool": cel.Type.BOOL,
    "int": cel.Type.INT,
    "uint": cel.Type.UINT,
    "double": cel.Type.DOUBLE,
    "string": cel.Type.STRING,
    "bytes": cel.Type.BYTES,
    "duration": cel.Type.DURATION,
    "timestamp": cel.Type.TIMESTAMP,
    "dyn": cel.Type.DYN,
}
# Kubernetes' types, for the checker: map types that nothing in an object has, and that no operator but == takes.
_CARRIED = {
    "quantity": cel.Type.Map(cel.Type.BOOL, cel.Type.STRING),
    "semver": cel.Type.Map(cel.Type.UINT, cel.Type.STRING),
    "ip": cel.Type.Map(cel.Type.BOOL, cel.Type.BYTES),
    "cidr": cel.Type.Map(cel.Type.UINT, cel.Type.BYTES),
    "url": cel.Type.Map(cel.Type.BOOL, cel.Type.INT),
}
_SPOKEN = {
    "map(bool, string)": "quantity",
    "map(uint, string)": "semver",
    "map(bool, bytes)": "ip",
    "map(uint, bytes)": "cidr",
    "map(bool, int)": "url",
}
_VARIABLES = {VARIABLE: cel.Type.Map(cel.Type.STRING, cel.Type.DYN)}


class Environment:
    """What OCM's scheduler knows in CEL.

    Args:
        scores: what `managedCluster.scores(name)` calls, with the cluster and the name.
    """

    def __init__(self, *, scores: _Scores) -> None:
        functions = [*FUNCTIONS, Function("scores", True, (Signature(("dyn", "string"), "list(dyn)"),), scores)]
        self._checking = _made(functions, _checked)
        self._evaluating = _made(functions, _evaluated)

    def compile(self, expression: str) -> tuple[Evaluate, Part, str]:
        """A function from cluster to result, the expression's parts, and the static type of the result.

        Raises:
            RuntimeError: in the words of the compiler, with `ERROR: <input>:line:column: …`.
        """
        try:
            checked = self._checking.compile(expression)
        except RuntimeError as error:
            raise RuntimeError(_spoken(str(error))) from None
        written = checked.serialize()
        returns = _spoken(checked.return_type().name().lower())
        return self._planned(written), taken_apart(written, self._planned), returns

    def _planned(self, written: bytes) -> Evaluate:
        evaluate = self._evaluating.deserialize(written).eval
        return lambda cluster: evaluate(data={VARIABLE: cluster}).value()


def _made(functions: list[Function], overloads: Callable[[Function], list[Any]]) -> Any:
    by_name: dict[str, list[Any]] = {}
    for function in functions:
        by_name.setdefault(function.name, []).extend(overloads(function))
    declarations = [cel.FunctionDecl(name, declared) for name, declared in by_name.items()]
    extensions = [ext_optional.ExtOptional(), cel.CelExtension("ocm", declarations)]
    return cel.NewEnv(variables=_VARIABLES, extensions=extensions)


def _checked(function: Function) -> list[Any]:
    return [
        cel.Overload(
            _id(function, number),
            return_type=_type(signature.returns),
            parameters=[_type(parameter) for parameter in signature.takes],
            is_member=function.member,
        )
        for number, signature in enumerate(function.signatures)
    ]


def _evaluated(function: Function) -> list[Any]:
    counts = sorted({len(signature.takes) for signature in function.signatures})
    return [
        cel.Overload(
            _id(function, count),
            return_type=cel.Type.DYN,
            parameters=[cel.Type.DYN] * count,
            is_member=function.member,
            impl=function.does,
        )
        for count in counts
    ]


def _id(function: Function, number: int) -> str:
    return f"{'member' if function.member else 'plain'}_{function.name}_{number}".replace(".", "_")


def _type(name: str) -> Any:
    if name.startswith("list("):
        return cel.Type.List(_type(name[5:-1]))
    if name == "map(string,list(string))":
        return cel.Type.Map(cel.Type.STRING, cel.Type.List(cel.Type.STRING))
    return _CARRIED.get(name) or _SIMPLE[name]


def _spoken(message: str) -> str:
    return re.sub(r"map\((?:bool|uint), \w+\)", lambda found: _SPOKEN.get(found[0], found[0]), message)
