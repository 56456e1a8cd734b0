"""CEL over clusters: what is true, what is refused, what is an error while evaluating."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from i4q_ai.errors import MissingDependencyError, RuleError, UnsupportedError
from i4q_ai.placing import cel
from i4q_ai.placing.cel import program

CLUSTER: dict[str, Any] = {
    "metadata": {"name": "edge-1", "labels": {"site": "bilbao", "version": "1.14.3"}},
    "spec": {"hubAcceptsClient": True},
    "status": {
        "version": {"kubernetes": "v1.31.1+k3s1"},
        "allocatable": {"cpu": "10500m", "memory": "8Gi"},
        "clusterClaims": [{"name": "sku", "value": '{"H100": [{"large": 2}]}'}],
    },
}
MEMORY = "managedCluster.status.allocatable.memory"
KUBERNETES = "semver(managedCluster.status.version.kubernetes.substring(1))"

TRUE = [
    "managedCluster.metadata.labels['site'] == 'bilbao'",
    "managedCluster.metadata.labels['version'].matches('^1\\\\.(14|15)\\\\.\\\\d+$')",
    "managedCluster.status.clusterClaims.exists(c, c.value.parseJSON().H100.exists(e, e.large == 2))",
    "managedCluster.?metadata.?labels.?nope.orValue('none') == 'none'",
    "!has(managedCluster.spec.taints)",
    f"quantity({MEMORY}).isGreaterThan(quantity('7.5Gi'))",
    f"quantity({MEMORY}).isLessThan(quantity('9e9'))",
    f"quantity({MEMORY}).compareTo(quantity('8192Mi')) == 0",
    "quantity(managedCluster.status.allocatable.cpu).asApproximateFloat() == 10.5",
    "quantity('2k').asInteger() == 2000 && !quantity('50m').isInteger()",
    "quantity('1').add(quantity('500m')).sub(1) == quantity('0.5')",
    "sign(quantity('-1')) == -1 && isQuantity('1Gi') && !isQuantity('1GiB')",
    f"{KUBERNETES}.compareTo(semver('1.31.1')) == 0",
    f"{KUBERNETES}.isGreaterThan(semver('1.31.1-rc.1')) && {KUBERNETES}.isLessThan(semver('1.32.0'))",
    f"{KUBERNETES}.major() == 1 && {KUBERNETES}.minor() == 31 && {KUBERNETES}.patch() == 1",
    "semver('1.0.0-alpha.2').isLessThan(semver('1.0.0-alpha.10')) && !isSemver('1.2') && isSemver('1.2.3+b')",
    "'abc 123 xyz 9'.find('[0-9]+') == '123' && 'a1b2'.findAll('[0-9]') == ['1', '2']",
    "'a1b2'.findAll('[0-9]', 1) == ['1'] && 'a'.find('b') == ''",
    "[1, 2, 2].isSorted() && [1, 2].sum() == 3 && [3, 1].min() == 1 && ['a', 'b'].max() == 'b'",
    "[1, 2, 1].indexOf(1) == 0 && [1, 2, 1].lastIndexOf(1) == 2 && [1].indexOf(true) == -1",
    "'hello mellow'.indexOf('ello', 2) == 7 && 'hello mellow'.lastIndexOf('ello') == 7 && 'x'.indexOf('y') == -1",
    "'a,b,c'.split(',') == ['a', 'b', 'c'] && 'a,b,c'.split(',', 2) == ['a', 'b,c'] && 'ab'.split('') == ['a', 'b']",
    "['x', 'y'].join('-') == 'x-y' && ' a '.trim() == 'a' && 'abc'.reverse() == 'cba' && 'abc'.charAt(3) == ''",
    "'TacoCÆt'.lowerAscii() == 'tacocÆt' && 'abc'.upperAscii() == 'ABC' && 'aXa'.replace('a', 'b', 1) == 'bXa'",
    "'tacocat'.substring(4) == 'cat' && 'tacocat'.substring(0, 4) == 'taco' && strings.quote('a\"b') == '\"a\\\\\"b\"'",
    "'%s has %d and %.2f of %x, 100%%'.format(['a', 5, 2.0, 255]) == 'a has 5 and 2.00 of ff, 100%'",
    "'%s %s'.format([[1, true], null]) == '[1, true] null'",
    "ip('10.0.0.1').family() == 4 && ip('::1').isLoopback() && ip.isCanonical('::1') && !isIP('::ffff:1.2.3.4')",
    "ip('10.0.0.1').isGlobalUnicast() && ip('169.254.1.1').isLinkLocalUnicast() && ip('0.0.0.0').isUnspecified()",
    "ip('224.0.0.1').isLinkLocalMulticast() && ip('ff02::1').isLinkLocalMulticast()",
    "cidr('10.0.0.0/8').containsIP('10.1.2.3') && cidr('10.0.0.0/8').containsIP(ip('10.0.0.1'))",
    "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && !cidr('10.1.0.0/16').containsCIDR(cidr('10.0.0.0/8'))",
    "cidr('10.0.0.1/8').masked() == cidr('10.0.0.0/8') && cidr('10.0.0.1/8').ip() == ip('10.0.0.1')",
    "cidr('10.0.0.0/8').prefixLength() == 8 && !isCIDR('10.0.0.0/08') && !isCIDR('10.0.0.0')",
    "url('https://u@h.example:80/a b?k=1&k=2'.replace(' ', '%20')).getQuery() == {'k': ['1', '2']}",
    "url('https://[::1]:80/p').getHostname() == '::1' && url('https://h:80/p').getHost() == 'h:80'",
    "url('https://h:80/p').getPort() == '80' && url('/p').getEscapedPath() == '/p' && url('a://b').getScheme() == 'a'",
    "isURL('https://h/p') && !isURL('h/p')",
]
FALSE = [
    "size(managedCluster.spec.taints) == 0",
    "managedCluster.metadata.labels['nope'] == 'x'",
    "managedCluster.scores('none').exists(s, s.value > 0)",
    "quantity('x').isGreaterThan(quantity('1'))",
    "'nonsense'.parseJSON().a == 1",
    "managedCluster.metadata.name",
    "[].min() == 0",
    "'a'.charAt(5) == 'b'",
    "semver(managedCluster.status.version.kubernetes).major() == 1",
]


@pytest.mark.parametrize("expression", TRUE)
def test_is_true(expression: str) -> None:
    assert cel.compile(expression).matches(CLUSTER)


@pytest.mark.parametrize("expression", FALSE)
def test_errors_and_other_types_match_nobody(expression: str) -> None:
    assert not cel.compile(expression).matches(CLUSTER)


def test_scores_are_looked_up_by_the_name_of_their_object() -> None:
    asked: list[str] = []

    def scores(resource: str) -> list[dict[str, Any]] | None:
        asked.append(resource)
        return [{"name": "accuracy", "value": 42}] if resource == "model" else None

    expression = "managedCluster.scores('{}').exists(s, s.name == 'accuracy' && s.value == 42)"
    assert cel.compile(expression.format("model")).matches(CLUSTER, scores)
    assert not cel.compile(expression.format("other")).matches(CLUSTER, scores)
    assert asked == ["model", "other"]


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("managedCluster.nope(", "line 1, column 21: Syntax error"),
        ("undefined.thing == 1", "undeclared reference"),
        ("managedCluster.metadata.name.startWith('a')", "undeclared reference to 'startWith'"),
        ("quantity('1') < quantity('2')", "'(quantity, quantity)'"),
        ("quantity('1').compareTo(semver('1.0.0')) == 0", "'(quantity, semver)'"),
        ("quantity('1').isGreaterThan('2')", "'(quantity, string)'"),
        ("1 == 'a'", "line 1, column 3"),
        ("semver('v1.2', true).major() == 1", "semver"),
        ("['a'].sum() == 'a'", "no matching overload for 'sum'"),
    ],
)
def test_what_does_not_compile_says_where(expression: str, said: str) -> None:
    with pytest.raises(RuleError) as caught:
        cel.compile(expression)
    assert said in caught.value.what
    assert caught.value.hint


def test_a_result_that_is_never_true_is_refused_unless_the_scheduler_asks() -> None:
    with pytest.raises(RuleError, match="gives int"):
        cel.compile("1 + 1")
    assert not cel.compile("1 + 1", strict=False).matches(CLUSTER)


@pytest.mark.parametrize("expression", ["format.dns1123Label().validate('a').hasValue()", "string(ip('::1')) == '::1'"])
def test_what_is_not_modelled_is_refused_by_name_and_not_called_wrong(expression: str) -> None:
    with pytest.raises(UnsupportedError, match="only the scheduler itself"):
        cel.compile(expression)


def test_without_the_extra_the_hint_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cel_expr_python", None)
    monkeypatch.delitem(sys.modules, "i4q_ai.placing.cel.environment", raising=False)
    program._environment.cache_clear()
    program._compiled.cache_clear()
    try:
        with pytest.raises(MissingDependencyError, match=r"i4q-ai\[cel\]"):
            cel.compile("true")
    finally:
        program._environment.cache_clear()
