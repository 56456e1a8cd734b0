"""Registries that refuse, lie, stall, cut and send us elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from i4q_ai import oci
from i4q_ai.deadline import Deadline
from i4q_ai.errors import AuthError, DeadlineError, IntegrityError, NotFoundError, RegistryError
from i4q_ai.model import Model
from i4q_ai.oci.artifact import Artifact, build
from tests.e2e.oci.liar import Request, lying


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("i4q_ai.retrying.FIRST_WAIT", 0.001)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))


@pytest.fixture
def model(tmp_path: Path) -> Model:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights.dat").write_bytes(bytes(range(256)) * 8000)
    return Model.from_dir(folder, name="tool-wear", version="1")


@pytest.fixture
def artifact(model: Model) -> Artifact:
    return build(model, Deadline.after(60, "building"))


def _stored(artifact: Artifact) -> dict[str, tuple[str, bytes]]:
    """What an honest registry would answer: digest or tag → media type, bytes."""
    stored = {blob.digest: ("application/octet-stream", b"".join(blob.chunks())) for blob in artifact.blobs}
    for descriptor, raw in (*artifact.manifests, artifact.index):
        stored[descriptor.digest] = (descriptor.media_type, raw)
    return {**stored, "1": (artifact.index[0].media_type, artifact.index[1])}


def _serve(request: Request, stored: dict[str, tuple[str, bytes]]) -> None:
    kind, raw = stored.get(request.path.rpartition("/")[2], ("", b""))
    if not kind:
        request.answer(404)
        return
    start = int((request.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
    if start:
        request.answer(206, raw[start:], Content_Type=kind, Content_Range=f"bytes {start}-{len(raw) - 1}/{len(raw)}")
    else:
        request.answer(200, raw, Content_Type=kind)


def _fetch(host: str, digest: str, tmp_path: Path, timeout: float = 60) -> object:
    return oci.fetch([f"{host}/x"], digest, tmp_path / "tree", timeout=timeout, blobs=tmp_path / "blobs")


def test_cut_download_is_carried_on(artifact: Artifact, tmp_path: Path) -> None:
    stored, weights = _stored(artifact), artifact.blobs[0]

    def _reply(request: Request) -> None:
        if request.path.endswith(weights.digest) and not request.headers.get("Range"):
            request.answer(200, stored[weights.digest][1][:1_500_000], length=weights.size)
        else:
            _serve(request, stored)

    with lying(_reply) as server:
        _fetch(server.host, artifact.digest, tmp_path)
        ranges = [request.headers.get("Range") for request in server.asked("GET", weights.digest)]
    assert ranges[0] is None
    assert ranges[1].startswith("bytes=1")


@pytest.mark.parametrize(
    "headers",
    [{"Content_Range": "bytes 0-9/10"}, {"Content_Range": "nonsense"}, {}],
)
def test_range_that_was_not_asked_for(artifact: Artifact, tmp_path: Path, headers: dict[str, str]) -> None:
    stored, weights = _stored(artifact), artifact.blobs[0]

    def _reply(request: Request) -> None:
        if not request.path.endswith(weights.digest):
            _serve(request, stored)
        elif request.headers.get("Range"):
            request.answer(206, b"x" * 10, **headers)
        else:
            request.answer(200, stored[weights.digest][1][:1000], length=weights.size)

    with lying(_reply) as server, pytest.raises(IntegrityError, match="another range"):
        _fetch(server.host, artifact.digest, tmp_path)
    assert not (tmp_path / "tree").exists()


@pytest.mark.parametrize("spoil", [lambda raw: raw[::-1], lambda raw: raw + b"x", lambda raw: raw[:-1]])
def test_other_bytes_never_appear(artifact: Artifact, tmp_path: Path, spoil: object) -> None:
    stored = _stored(artifact)
    weights = artifact.blobs[0]
    stored[weights.digest] = ("application/octet-stream", spoil(stored[weights.digest][1]))  # type: ignore[operator]
    with lying(lambda request: _serve(request, stored)) as server, pytest.raises((IntegrityError, RegistryError)):
        _fetch(server.host, artifact.digest, tmp_path)
    assert not (tmp_path / "tree").exists()
    assert not (tmp_path / "blobs" / "sha256" / weights.digest[7:]).exists()


def test_other_manifest_under_a_digest(artifact: Artifact, tmp_path: Path) -> None:
    stored = _stored(artifact)
    stored[artifact.digest] = (stored[artifact.digest][0], stored[artifact.digest][1] + b" ")
    with lying(lambda request: _serve(request, stored)) as server, pytest.raises(IntegrityError, match="are others"):
        _fetch(server.host, artifact.digest, tmp_path)


def test_manifest_that_says_it_is_something_else(artifact: Artifact) -> None:
    stored = _stored(artifact)
    stored["1"] = ("application/vnd.oci.image.manifest.v1+json", stored["1"][1])
    with (
        lying(lambda request: _serve(request, stored)) as server,
        pytest.raises(IntegrityError, match="the registry says"),
    ):
        oci.resolve(f"{server.host}/x:1")


def test_manifest_without_end(artifact: Artifact) -> None:
    stored = {"1": ("application/json", b"{" * (5 * 1024 * 1024))}
    with lying(lambda request: _serve(request, stored)) as server, pytest.raises(RegistryError, match="more than"):
        oci.resolve(f"{server.host}/x:1")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_asked_to_try_again(artifact: Artifact, status: int) -> None:
    stored = _stored(artifact)

    def _reply(request: Request) -> None:
        if len(request.server.requests) < 3:
            request.answer(status, Retry_After="0")
        else:
            _serve(request, stored)

    with lying(_reply) as server:
        assert oci.resolve(f"{server.host}/x:1").endswith(artifact.digest)
        assert len(server.requests) == 3


def test_told_to_wait_longer_than_there_is_time() -> None:
    with (
        lying(lambda request: request.answer(503, Retry_After="3600")) as server,
        pytest.raises(DeadlineError),
    ):
        oci.resolve(f"{server.host}/x:1", timeout=30)


def test_never_tried_again() -> None:
    body = json.dumps({"errors": [{"code": "DENIED", "message": "not for you\n"}]}).encode()
    with lying(lambda request: request.answer(400, body)) as server:
        with pytest.raises(RegistryError, match=r"answers 400 to GET /v2/x/manifests/1 \(DENIED: not for you\)"):
            oci.resolve(f"{server.host}/x:1")
        assert len(server.requests) == 1


def test_gives_up_after_five_tries() -> None:
    with lying(lambda request: request.answer(500)) as server:
        with pytest.raises(RegistryError, match="answers 500"):
            oci.resolve(f"{server.host}/x:1")
        assert len(server.requests) == 5


def test_authorization_stays_with_its_origin(artifact: Artifact, tmp_path: Path) -> None:
    """A registry that redirects blobs to a store elsewhere: the store sees no password."""
    stored = _stored(artifact)
    (tmp_path / "docker").mkdir()
    with lying(lambda request: _serve(request, stored)) as store:

        def _reply(request: Request) -> None:
            if not request.headers.get("Authorization"):
                request.answer(401, WWW_Authenticate='Basic realm="x"')
            elif "/blobs/" in request.path:
                request.answer(307, Location=f"http://{store.host}{request.path}")
            else:
                _serve(request, stored)

        with lying(_reply) as server:
            login = {"auths": {server.host: {"username": "press", "password": "oil"}}}
            (tmp_path / "docker" / "config.json").write_text(json.dumps(login))
            _fetch(server.host, artifact.digest, tmp_path)
            assert server.asked("GET", "/blobs/")
        assert store.asked("GET", "/blobs/")
        assert all(request.headers.get("Authorization") is None for request in store.requests)


def test_upload_to_a_store_elsewhere_carries_no_password(model: Model, artifact: Artifact, tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    with lying(lambda request: request.answer(201)) as store:

        def _reply(request: Request) -> None:
            if not request.headers.get("Authorization"):
                request.answer(401, WWW_Authenticate='Basic realm="x"')
            elif request.command == "POST":
                request.answer(202, Location=f"http://{store.host}/upload?state=1")
            else:
                request.answer(201 if request.command == "PUT" else 404)

        with lying(_reply) as server:
            login = {"auths": {server.host: {"username": "press", "password": "oil"}}}
            (tmp_path / "docker" / "config.json").write_text(json.dumps(login))
            model.push(f"{server.host}/x")
            unauthorised = [request for request in server.requests if not request.headers.get("Authorization")]
        sent = store.asked("PUT")
        assert {request.path for request in sent} == {
            f"/upload?state=1&digest={blob.digest}" for blob in artifact.blobs
        }
        assert all(request.headers.get("Authorization") is None for request in sent)
        assert all(not request.body for request in unauthorised)


def test_redirects_without_end() -> None:
    with (
        lying(lambda request: request.answer(307, Location=request.path)) as server,
        pytest.raises(RegistryError, match="redirects more than"),
    ):
        oci.resolve(f"{server.host}/x:1")


def test_password_is_not_sent_to_a_realm_inside(tmp_path: Path) -> None:
    """Loopback may name loopback, but not the cloud's metadata service."""
    (tmp_path / "docker").mkdir()
    challenge = 'Bearer realm="http://169.254.169.254/token",service="x"'
    with lying(lambda request: request.answer(401, WWW_Authenticate=challenge)) as server:
        login = {"auths": {server.host: {"username": "press", "password": "oil"}}}
        (tmp_path / "docker" / "config.json").write_text(json.dumps(login))
        with pytest.raises(AuthError) as refused:
            oci.resolve(f"{server.host}/x:1")
    assert "oil" not in str(refused.value)


def test_token_is_fetched_and_used(artifact: Artifact) -> None:
    stored = _stored(artifact)

    def _reply(request: Request) -> None:
        if request.path.startswith("/token?"):
            request.answer(200, json.dumps({"token": "abc"}).encode())
        elif request.headers.get("Authorization") == "Bearer abc":
            _serve(request, stored)
        else:
            realm = f"http://{request.headers['Host']}/token"
            request.answer(401, WWW_Authenticate=f'Bearer realm="{realm}",service="r",scope="repository:x:pull"')

    with lying(_reply) as server:
        assert Model.from_oci(f"{server.host}/x:1").name == "tool-wear"
        assert [request.path for request in server.asked("GET", "/token")] == [
            "/token?service=r&scope=repository%3Ax%3Apull"
        ]


def test_registry_that_echoes_another_digest(model: Model) -> None:
    def _reply(request: Request) -> None:
        if request.command == "POST":
            request.answer(202, Location="/upload")
        elif request.command == "PUT":
            request.answer(201, Docker_Content_Digest=f"sha256:{'0' * 64}")
        else:
            request.answer(404)

    with lying(_reply) as server, pytest.raises(IntegrityError, match="the registry says"):
        model.push(f"{server.host}/x")


def test_lost_answer_to_an_upload_is_not_sent_again(model: Model) -> None:
    kept: set[str] = set()

    def _reply(request: Request) -> None:
        digest = request.path.rpartition("digest=" if request.command == "PUT" else "/")[2]
        if request.command == "POST":
            request.answer(202, Location="/upload")
        elif request.command == "PUT" and "digest=" in request.path:
            kept.add(digest)
            request.answer(201, length=5)  # and the connection is cut before the 5 bytes
        elif request.command == "HEAD":
            request.answer(200 if digest in kept else 404)
        else:
            request.answer(201 if request.command == "PUT" else 404)

    with lying(_reply) as server:
        model.push(f"{server.host}/x")
        assert len(server.asked("PUT", "digest=")) == len(kept)


def test_answer_in_chunks(artifact: Artifact) -> None:
    raw = artifact.index[1]

    def _reply(request: Request) -> None:
        request.send_response(200)
        request.send_header("Content-Type", artifact.index[0].media_type)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        for piece in (raw[:100], raw[100:], b""):
            request.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))

    with lying(_reply) as server:
        assert oci.resolve(f"{server.host}/x:1").endswith(artifact.digest)


def test_unknown_artifact() -> None:
    with lying(lambda request: request.answer(404, b"404 page not found")) as server, pytest.raises(NotFoundError):
        Model.from_oci(f"{server.host}/x:1")
