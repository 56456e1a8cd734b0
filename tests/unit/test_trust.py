"""The trust policy: which rule counts, what cannot be meant, files and keys beside them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai.errors import NotFoundError, SchemaError, UntrustedError
from i4q_ai.trust import Signer, Trust, TrustRule, repository_of
from tests.testbed.authority import Chain

KEY = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQ==\n-----END PUBLIC KEY-----\n"
SECRET = "-----BEGIN PRIVATE KEY-----\nbm90aGluZyBzZWNyZXQ=\n-----END PRIVATE KEY-----\n"
US = {"us": Signer(key=KEY)}

NAMES = st.sampled_from(["us", "them", "plant"])
RULES = st.builds(
    lambda repository, name, signed, by, formats: TrustRule(
        repository=repository, name=name, signed=signed, by=tuple(by) if signed else (), formats=tuple(formats)
    ),
    st.sampled_from(["*", "registry.factory:5000/*", "*/trial/*", "oci:/srv/?"]),
    st.sampled_from(["*", "wear", "w*"]),
    st.booleans(),
    st.lists(NAMES, max_size=2, unique=True),
    st.lists(st.sampled_from(["onnx", "files"]), max_size=2, unique=True),
)
TRUSTS = st.builds(
    lambda rules, edge: Trust(signers=dict.fromkeys(("us", "them", "plant"), Signer(key=KEY)), rules=rules, edge=edge),
    st.lists(RULES, max_size=4).map(tuple),
    st.booleans(),
)
REPOSITORIES = st.sampled_from(["registry.factory:5000/wear", "elsewhere/trial/wear", "oci:/srv/a", "oci:/srv/ab"])


@given(TRUSTS)
def test_round_trips(trust: Trust) -> None:
    assert Trust.from_yaml(trust.to_yaml()) == trust
    assert Trust.from_json(trust.to_json(), where="it") == trust


@given(TRUSTS, REPOSITORIES, st.sampled_from(["wear", "chatter"]))
def test_the_first_rule_that_matches_counts_and_none_is_a_refusal(trust: Trust, repository: str, name: str) -> None:
    matching = [rule for rule in trust.rules if rule.matches(repository, name)]
    if matching:
        assert trust.rule(repository, name) == matching[0]
    else:
        with pytest.raises(UntrustedError, match="no rule says"):
            trust.rule(repository, name)


@given(TRUSTS, REPOSITORIES, st.sampled_from(["wear", "chatter"]))
def test_a_part_of_a_policy_asks_the_same_and_knows_no_more(trust: Trust, repository: str, name: str) -> None:
    if not any(rule.matches(repository, name) for rule in trust.rules):
        return
    whole, narrowed = trust.rule(repository, name), trust.narrowed(repository, name)
    part = narrowed.rule("any/mirror", name)
    assert (part.signed, part.formats, part.pickle) == (whole.signed, whole.formats, whole.pickle)
    if part.signed:
        assert narrowed.signers_of(part) == trust.signers_of(whole)
    else:
        assert narrowed.signers == {}


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: Signer(), "one 'key' or one 'root'"),
        (lambda: Signer(key=KEY, root=Chain.make("r", "x").root_pem.decode(), identities=("*",)), "one 'key'"),
        (lambda: Signer(root=Chain.make("r", "x").root_pem.decode()), "'identities' say whom"),
        (lambda: Signer(key=KEY, identities=("*",)), "'identities' say whom"),
        (lambda: Signer(key="hello"), "no PEM with one PUBLIC KEY"),
        (lambda: Signer(key=KEY + KEY), "no PEM with one PUBLIC KEY"),
        (lambda: Signer(root=KEY, identities=("*",)), "no PEM with one CERTIFICATE"),
        (lambda: TrustRule(signed=False, pickle=True), "must be 'signed'"),
        (lambda: TrustRule(signed=False, by=("us",)), "who must have signed"),
        (lambda: Trust(signers=US, rules=(TrustRule(by=("use",)),)), "did you mean 'us'"),
        (lambda: Trust(rules=(TrustRule(),)), "there are no 'signers'"),
        (lambda: TrustRule.parse({"signd": True}), "did you mean 'signed'"),
    ],
)
def test_what_cannot_be_meant(make: object, why: str) -> None:
    with pytest.raises(SchemaError, match=why):
        make()  # type: ignore[operator]


def test_a_private_key_is_refused_and_not_told() -> None:
    with pytest.raises(SchemaError, match="private key") as refused:
        Signer(key=SECRET)
    assert "bm90aGluZyBzZWNyZXQ" not in f"{refused.value!r} {refused.value}"


def test_a_file_may_name_files_of_keys(tmp_path: Path) -> None:
    (tmp_path / "us.pub").write_text(KEY)
    (tmp_path / "root.pem").write_bytes(Chain.make("plant", "x").root_pem)
    file = tmp_path / "trust.yaml"
    file.write_text(
        "apiVersion: i4q-ai/v1\nkind: Trust\nsigners:\n  us: {key: us.pub}\n"
        "  plant: {root: root.pem, identities: ['*@factory']}\nrules: [{}]\n"
    )
    read = Trust.read(file)
    assert read.signers["us"].key == KEY
    assert "BEGIN CERTIFICATE" in (read.signers["plant"].root or "")
    (tmp_path / "us.pub").unlink()
    with pytest.raises(NotFoundError, match=r"us\.pub"):
        Trust.read(file)
    with pytest.raises(NotFoundError):
        Trust.read(tmp_path / "missing.yaml")


@pytest.mark.parametrize(
    ("reference", "repository"),
    [
        ("registry.factory:5000/models/wear:1@sha256:00", "registry.factory:5000/models/wear"),
        ("registry.factory:5000/models/wear", "registry.factory:5000/models/wear"),
        ("registry.factory/wear@sha256:00", "registry.factory/wear"),
        ("oci:/srv/wear@sha256:00", "oci:/srv/wear"),
        ("oci:wear", "oci:wear"),
        ("oci:wear:1", "oci:wear"),
    ],
)
def test_repositories_of_references(reference: str, repository: str) -> None:
    assert repository_of(reference) == repository
