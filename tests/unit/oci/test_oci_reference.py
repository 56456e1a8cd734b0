from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai.errors import ReferenceInvalid
from i4q_ai.oci.reference import Reference

DIGEST = f"sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("text", "host", "repository", "tag", "digest"),
    [
        ("alpine", "docker.io", "library/alpine", None, None),
        ("alpine:3.20", "docker.io", "library/alpine", "3.20", None),
        ("bitnami/redis", "docker.io", "bitnami/redis", None, None),
        ("index.docker.io/bitnami/redis", "docker.io", "bitnami/redis", None, None),
        ("localhost/x:1", "localhost", "x", "1", None),
        ("localhost:5000/x", "localhost:5000", "x", None, None),
        ("[::1]:5000/x:1", "[::1]:5000", "x", "1", None),
        (f"ghcr.io/a/b-c__d.e:v1@{DIGEST}", "ghcr.io", "a/b-c__d.e", "v1", DIGEST),
        (f"registry.factor:5000/models/x@{DIGEST}", "registry.factor:5000", "models/x", None, DIGEST),
    ],
)
def test_parse(text: str, host: str, repository: str, tag: str | None, digest: str | None) -> None:
    assert Reference.parse(text) == Reference(host, repository, tag, digest)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "UPPER/x",
        "a//b",
        "host.io/",
        "host.io/a:",
        "host.io/a:-x",
        "host.io/a@sha256:12",
        "host.io/a@sha256:../../x",
        f"host.io/a@md5:{'a' * 32}",
        "host.io/../a",
        "http://host.io/a",
        "user:secret@host.io/a",
        "host.io:99999/a",
        "host.io:x/a",
        "ho st.io/a",
        f"host.io/{'a' * 250}",
        "oci:",
        "oci:@" + DIGEST,
    ],
)
def test_bad_grammar_is_refused(text: str) -> None:
    with pytest.raises(ReferenceInvalid):
        Reference.parse(text)


def test_docker_hub_is_asked_elsewhere() -> None:
    assert Reference.parse("alpine").api_host == "registry-1.docker.io"
    assert Reference.parse("localhost:5000/x").api_host == "localhost:5000"


@pytest.mark.parametrize("text", ["host.io/a/b:1", f"host.io/a@{DIGEST}", f"oci:/srv/m:1@{DIGEST}", "oci:/srv/a:b/m"])
def test_str_reads_back(text: str) -> None:
    assert str(Reference.parse(text)) == text
    assert Reference.parse(str(Reference.parse(text))) == Reference.parse(text)


def test_layout_folder_is_absolute_in_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert str(Reference.parse("oci:models:1").at(DIGEST)) == f"oci:{tmp_path}/models@{DIGEST}"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1:5000", True),
        ("[::1]:5000", True),
        ("127.0.0.1.example.com", False),
        ("10.0.0.1:5000", False),
        ("localhost.example.com", False),
    ],
)
def test_loopback(host: str, loopback: bool) -> None:
    assert Reference(host, "x").is_loopback is loopback


@given(st.text(max_size=60) | st.from_regex(r"[a-zA-Z0-9.:/@_\-\[\]%?#\\ ]{1,80}", fullmatch=True))
def test_any_text_is_a_reference_or_a_clear_error(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except ReferenceInvalid:
        return
    if not reference.is_layout:
        assert Reference.parse(str(reference)) == reference
        assert not set(f"{reference.host}{reference.repository}{reference.tag or ''}") & set("@?#%\\ \t\n\0")
        assert ".." not in reference.repository.split("/")


@pytest.mark.parametrize(
    "text",
    [
        "host.io/a\n",
        "host.io/a:1\n",
        "host.io/a?x",
        "host.io/a#x",
        "host.io/a%2e%2e/b",
        "host.io/a\\b",
        "host.io/a b",
        "host.io/ä",
        "höst.io/a",
        "host.io/a_-b",
        "host.io/a...b",
        "host.io/-a",
        "host.io/a-",
        "-host.io/a",
        "host..io/a",
        "host.io:/a",
        "host.io:0x50/a",
        "[::1/a",
        "::1/a",
        f"host.io/a:{'t' * 129}",
        f"host.io/a@sha256:{'A' * 64}",
        f"host.io/a@sha512:{'a' * 64}",
        f"host.io/a@{DIGEST}@{DIGEST}",
        f"host.io/a@{DIGEST}x",
        "host.io/a@",
        "@",
        ":",
        "/",
    ],
)
def test_odd_references_are_refused(text: str) -> None:
    with pytest.raises(ReferenceInvalid):
        Reference.parse(text)
