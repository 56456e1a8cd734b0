"""Code that was written for oras works with our Registry."""

from __future__ import annotations

import hashlib
import inspect
from pathlib import Path

import oras.provider
import pytest

from i4q_ai.errors import (
    AuthError,
    ConflictError,
    IntegrityError,
    InvalidError,
    NotFoundError,
    ReferenceInvalid,
    RegistryError,
)
from i4q_ai.oci.registry import Registry
from tests.e2e.oci.accounts import HTPASSWD, PASSWORD, USER
from tests.e2e.oci.liar import lying
from tests.testbed.registry import Registry as RegistryProcess

OVERRIDDEN = (
    "__init__",
    "do_request",
    "login",
    "get_blob",
    "blob_exists",
    "upload_blob",
    "put_upload",
    "chunked_upload",
    "download_blob",
    "upload_manifest",
    "get_manifest",
    "push",
    "pull",
    "_do_paginated_request",
)
INHERITED = {
    "get_tags": ["self", "container", "N"],
    "delete_tag": ["self", "container", "tag"],
    "delete_tags": ["self", "name", "tags"],
    "get_container": ["self", "name"],
    "logout": ["self", "hostname"],
    "_check_200_response": ["self", "response"],
}
"""What code written for oras calls, and oras' layouts too, and is as it was."""


@pytest.mark.parametrize("name", OVERRIDDEN)
def test_signatures_are_those_of_oras(name: str) -> None:
    theirs = inspect.signature(getattr(oras.provider.Registry, name))
    ours = inspect.signature(getattr(Registry, name))
    assert [(p.name, p.kind, p.default) for p in ours.parameters.values()] == [
        (p.name, p.kind, p.default) for p in theirs.parameters.values()
    ]


@pytest.mark.parametrize("name", INHERITED)
def test_what_is_inherited_has_not_drifted(name: str) -> None:
    assert getattr(Registry, name) is getattr(oras.provider.Registry, name)
    method = inspect.unwrap(getattr(oras.provider.Registry, name))
    assert list(inspect.signature(method).parameters) == INHERITED[name]


def test_tags_that_never_end_or_are_elsewhere() -> None:
    for link in ("</v2/a/x/tags/list>", "<http://127.0.0.2/v2/a/x/tags/list>"):
        with lying(
            lambda request, link=link: request.answer(200, b'{"tags": ["a"]}', Link=f'{link}; rel="next"')
        ) as server:  # type: ignore[misc]
            with pytest.raises(RegistryError, match=r"never ends|another place"):
                Registry(insecure=True).get_tags(f"{server.host}/a/x")
            assert len(server.requests) == 1


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(bytes(range(256)) * 5000)
    return path


def test_push_and_pull_of_a_file(registry: RegistryProcess, file: Path, tmp_path: Path) -> None:
    ours, target = Registry(), f"{registry.host}/raw/model:1"
    answer = ours.push(target, files=[str(file)], disable_path_validation=True)
    assert answer.status_code == 201
    digest = answer.headers["Docker-Content-Digest"]
    assert ours.pull(target, outdir=str(tmp_path / "out")) == [str(tmp_path / "out" / "model.onnx")]
    assert (tmp_path / "out" / "model.onnx").read_bytes() == file.read_bytes()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["model.onnx"]
    assert ours.get_tags(target) == ["1"]
    manifest = ours.get_manifest(f"{registry.host}/raw/model@{digest}")
    assert manifest == ours.get_manifest(target)
    assert ours.blob_exists(manifest["layers"][0], ours.get_container(target))


def test_oras_itself_reads_what_we_push_and_we_what_it_pushes(
    registry: RegistryProcess, file: Path, tmp_path: Path
) -> None:
    theirs, ours = oras.provider.Registry(insecure=True), Registry()
    ours.push(f"{registry.host}/raw/ours:1", files=[str(file)], disable_path_validation=True)
    theirs.push(f"{registry.host}/raw/theirs:1", files=[str(file)], disable_path_validation=True)
    (by_theirs,) = theirs.pull(f"{registry.host}/raw/ours:1", outdir=str(tmp_path / "a"))
    (by_ours,) = ours.pull(f"{registry.host}/raw/theirs:1", outdir=str(tmp_path / "b"))
    assert Path(by_theirs).read_bytes() == Path(by_ours).read_bytes() == file.read_bytes()


def test_blob_that_rots_in_the_registry_never_appears(registry: RegistryProcess, file: Path, tmp_path: Path) -> None:
    ours, target = Registry(), f"{registry.host}/raw/model:1"
    ours.push(target, files=[str(file)], disable_path_validation=True)
    digest = f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
    (stored,) = registry.blobs.glob(f"*/*/{digest[7:]}/data")
    stored.write_bytes(b"x" * file.stat().st_size)
    with pytest.raises(IntegrityError):
        ours.download_blob(target, digest, str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_bad_input(registry: RegistryProcess, file: Path, tmp_path: Path) -> None:
    ours, target = Registry(), f"{registry.host}/raw/model:1"
    with pytest.raises(ReferenceInvalid):
        ours.download_blob(target, "sha256:../../x", str(tmp_path / "out"))
    with pytest.raises(NotFoundError):
        ours.download_blob(target, f"sha256:{'0' * 64}", str(tmp_path / "out"))
    with pytest.raises(NotFoundError):
        ours.get_manifest(target)
    twin = tmp_path / "twin" / file.name
    twin.parent.mkdir()
    twin.write_text("other")
    with pytest.raises(InvalidError, match="stands twice"):
        ours.push(target, files=[str(file), str(twin)], disable_path_validation=True)
    layer = {"digest": f"sha256:{'0' * 64}", "size": file.stat().st_size}
    with pytest.raises(ConflictError, match="has changed"):
        ours.upload_blob(str(file), target, layer)
    assert not registry.requests("PUT")


def test_login_is_for_one_host(tmp_path: Path, file: Path) -> None:
    folder = tmp_path / "private"
    folder.mkdir()
    with RegistryProcess(folder, htpasswd=HTPASSWD) as private:
        ours, target = Registry(), f"{private.host}/raw/model:1"
        with pytest.raises(AuthError):
            ours.push(target, files=[str(file)], disable_path_validation=True)
        ours.login(USER, PASSWORD, hostname=private.host, config_path=str(tmp_path / "config.json"))
        assert ours.push(target, files=[str(file)], disable_path_validation=True).status_code == 201
        assert PASSWORD not in repr(ours._logins)
