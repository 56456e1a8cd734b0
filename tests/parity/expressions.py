"""CEL expressions for random placements: every function of the scheduler's environment, and every way to be wrong."""

from __future__ import annotations

LABELS = "managedCluster.metadata.labels"
CLAIMS = "managedCluster.status.clusterClaims"
_JSON = "managedCluster.metadata.annotations['json'].parseJSON()"
_VERSION = "managedCluster.status.version.kubernetes"
_SCORES = "managedCluster.scores('model-score')"

RIGHT: dict[str, tuple[str, ...]] = {
    "labels": (
        f"{LABELS}['site'] == 'munich'",
        f"'line' in {LABELS} && {LABELS}['line'] != 'cnc'",
        f"has({LABELS}.gpu) ? {LABELS}.gpu == 'true' : {LABELS}['site'].startsWith('m')",
        f"{LABELS}.exists(key, key.startsWith('ga'))",
        f"{LABELS}.all(key, size({LABELS}[key]) < 8 || key.contains('/'))",
        f"size({LABELS}) > 2",
    ),
    "claims": (
        f"{CLAIMS}.exists(c, c.name == 'region' && c.value in ['eu-1', 'us-1'])",
        f"{CLAIMS}.filter(c, c.name == 'storage').map(c, c.value) == ['ssd']",
        f"{CLAIMS}.exists_one(c, c.value.endsWith('1'))",
    ),
    "fields": (
        "managedCluster.spec.hubAcceptsClient",
        "!has(managedCluster.spec.taints)",
        "has(managedCluster.spec.taints) && managedCluster.spec.taints.exists(t, t.effect == 'NoSelect')",
        "size(managedCluster.spec.taints) == 0",
        "managedCluster.spec.leaseDurationSeconds > 30",
        "managedCluster.status.conditions.exists(c, c.type.endsWith('Available') && c.status == 'True')",
        "has(managedCluster.status.conditions)",
        "has(managedCluster.metadata.annotations)",
        "managedCluster.metadata.name in ['edge-1', 'edge-3', 'edge-5', 'edge-7']",
        "has(managedCluster.kind) || has(managedCluster.status.version)",
        "type(managedCluster.spec) == map",
    ),
    "quantity": (
        "quantity(managedCluster.status.allocatable.memory).isGreaterThan(quantity('4Gi'))",
        "quantity(managedCluster.status.allocatable.cpu).compareTo(quantity('3500m')) >= 0",
        "has(managedCluster.status.allocatable) && 'nvidia.com/gpu' in managedCluster.status.allocatable "
        "&& quantity(managedCluster.status.allocatable['nvidia.com/gpu']).asInteger() > 1",
        "isQuantity(managedCluster.metadata.labels['size'])",
        "quantity(managedCluster.status.capacity.cpu).sub(quantity(managedCluster.status.allocatable.cpu)).sign() == 0",
        "quantity(managedCluster.status.capacity.memory).isLessThan(quantity('1Gi').add(quantity('7Gi')))",
        "quantity(managedCluster.status.allocatable.cpu).isInteger()",
        "quantity(managedCluster.status.allocatable.cpu).asApproximateFloat() > 2.5",
    ),
    "semver": (
        "semver(managedCluster.metadata.annotations['version']).compareTo(semver('1.32.0')) > 0",
        f"semver({_VERSION}.substring(1)).isLessThan(semver('1.33.0'))",
        f"semver({_VERSION}.substring({_VERSION}.startsWith('v') ? 1 : 0)).minor() == 31",
        f"isSemver({_VERSION}) || isSemver({_VERSION}.substring(1)) && semver({_VERSION}.substring(1)).patch() > 0",
        f"semver({_VERSION}).major() == 1",
        f"semver({_VERSION}.substring(1)) != semver('1.30.4')",
    ),
    "scores": (
        f"{_SCORES}.filter(s, s.name == 'accuracy').all(s, s.value > 10)",
        f"{_SCORES}.exists(s, s.name == 'latency' && s.value < 0)",
        f"{_SCORES}.map(s, s.value).sum() > 0",
        f"size({_SCORES}) > 1",
        "managedCluster.scores('nobody').size() == 0",
        "managedCluster.scores('resource-usage').exists(s, s.value != 0 && s.name == 'gpus')",
    ),
    "parseJSON": (
        f"{_JSON}.gpus > 1",
        f"{_JSON}.models.exists(m, m == 'chatter')",
        f"{_JSON}.plant.name == 'bilbao'",
        f"type({_JSON}.gpus) == int || type({_JSON}.gpus) == double",
        f"has({_JSON}.plant)",
    ),
    "optionals": (
        f"{LABELS}[?'site'].orValue('none') == 'none'",
        f"{LABELS}[?'gpu'].hasValue()",
        f"{LABELS}.?tier.orValue('prod') == 'prod'",
        "managedCluster.?status.allocatable.hasValue()",
        "managedCluster.status.?nope.?deeper.orValue('x') == 'x'",
        f"{LABELS}[?'site'].optMap(s, s + '!').orValue('') == 'munich!'",
    ),
    "strings": (
        "managedCluster.metadata.name.substring(5) == '3'",
        f"{LABELS}['site'].upperAscii() == 'BILBAO'",
        f"{LABELS}['site'].charAt(0) == 'b'",
        "managedCluster.metadata.name.split('-')[1] == '2'",
        "['edge', '4'].join('-') == managedCluster.metadata.name",
        f"{LABELS}['site'].replace('i', 'y').indexOf('y') > 0",
        "managedCluster.metadata.name.lastIndexOf('e') == 3",
        f"{LABELS}['site'].trim().size() > 6",
        "'%s/%d'.format([managedCluster.metadata.name, 1]).endsWith('1/1')",
        f"{LABELS}['site'].matches('^[a-m]')",
    ),
    "lists": (
        "[3, 1, 2].max() == 3 && [1, 2].isSorted() && managedCluster.metadata.name != 'edge-1'",
        f"{CLAIMS}.map(c, c.name).isSorted()",
        f"{CLAIMS}.map(c, c.name).indexOf('region') == 0",
        f"{CLAIMS}.map(c, c.value).lastIndexOf('ssd') > 0",
        f"{CLAIMS}.map(c, size(c.value)).min() == 3",
        f"{CLAIMS}.map(c, size(c.value)).sum() > 6",
    ),
    "regex": (
        "managedCluster.metadata.name.find('[0-9]+') == '5'",
        "managedCluster.metadata.name.findAll('[a-z]').size() == 4",
        "managedCluster.metadata.name.findAll('e|g', 2) == ['e', 'g']",
    ),
    "url": (
        "isURL('https://' + managedCluster.metadata.name + ':6443/x')",
        "url('https://' + managedCluster.metadata.name + ':6443/x?a=b').getHost() == 'edge-2:6443'",
        "url('https://h/x?a=' + managedCluster.metadata.name).getQuery()['a'] == ['edge-1']",
    ),
    "ip": (
        f"isIP({LABELS}['address'])",
        f"ip({LABELS}['address']).family() == 4",
        f"cidr('10.1.0.0/16').containsIP({LABELS}['address'])",
        f"ip({LABELS}['address']) == ip('10.1.2.3')",
    ),
    "cidr": (
        "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && managedCluster.metadata.name > 'edge-3'",
        f"isCIDR({LABELS}['address'] + '/24')",
        f"cidr({LABELS}['address'] + '/24').masked().ip() == ip('10.1.2.0')",
        f"cidr({LABELS}['address'] + '/24').prefixLength() == 24",
    ),
}
"""Kind → expressions that compile; on some clusters they fail or are no boolean, which is no match."""

NOT_MODELLED = (
    "!format.dns1123Label().validate(managedCluster.metadata.name).hasValue()",
    f"!format.named('uuid').value().validate({LABELS}['site']).hasValue()",
    f"!format.labelValue().validate({LABELS}['site']).hasValue()",
)
"""What the scheduler understands and we refuse, rather than guess."""

UNLIKE: dict[str, tuple[str, ...]] = {
    "no boolean": ("managedCluster.metadata.name", "1 + 1", "managedCluster.spec", "[true]"),
    "runtime error": (
        "managedCluster.nope == 1",
        "1 / 0 == 1",
        "managedCluster.metadata.name > 3",
        "quantity('x').isInteger()",
        f"int({LABELS}['site']) == 1",
        f"duration({LABELS}['site']) > duration('1s')",
        "managedCluster.metadata.name.parseJSON().a == 1",
        "[1][5] == 1",
    ),
    "or over an error": (
        "managedCluster.nope == 1 || managedCluster.metadata.name == 'edge-2'",
        "managedCluster.metadata.name != 'edge-2' && managedCluster.nope == 1 ? false : true",
    ),
}
"""What matches no cluster, or some, without being wrong."""

WRONG: dict[str, tuple[str, ...]] = {
    "bad CEL syntax": ("managedCluster.nope(", "managedCluster.metadata.name = 'x'", "", "a b", "'open"),
    "bad CEL reference": ("undefined.thing == 1", "managedCluster.metadata.name.nope()", "nope(1)", "cluster == 1"),
    "bad CEL type": (
        "1 == 'a'",
        "quantity(1).isInteger()",
        "'a' + 1 == 'a1'",
        "semver('1.0.0').compareTo('1.0.0') == 0",
        "size(1) == 1",
        f"semver({_VERSION}, true).minor() == 31",  # Kubernetes' own CEL has it
        f"isSemver({_VERSION}, true)",
        "!('a')",
        "managedCluster == 1",
    ),
}
"""Kind → expressions that do not compile, each of which empties the whole placement."""
