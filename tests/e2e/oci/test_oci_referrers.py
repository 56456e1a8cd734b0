"""Referrers in registries: one that knows nothing of them, one that lists them, and some that do it wrong."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest

from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError, IntegrityError, RegistryError
from i4q_ai.oci import media, opening, referrers
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.source import Repository
from tests.e2e.oci.liar import Request, lying
from tests.testbed.registry import Crane, Registry

NOTE = "application/vnd.test.note"
SBOM = "application/vnd.test.sbom"
INDEX = media.canonical({"schemaVersion": 2, "mediaType": media.INDEX, "manifests": []})
SUBJECT = Descriptor.of(media.INDEX, INDEX)


@pytest.fixture
def deadline() -> Deadline:
    return Deadline.after(60, "a test")


def _opened(host: str) -> Repository:
    return opening.source(Reference.parse(f"{host}/models/x"))


def test_distribution_lists_them_under_a_tag(registry: Registry, crane: Crane, deadline: Deadline) -> None:
    repository = _opened(registry.host)
    repository.put_manifest("1", SUBJECT, INDEX, deadline)
    assert referrers.referrers(repository, SUBJECT.digest, deadline=deadline) == []
    note = referrers.attach(
        repository, SUBJECT, artifact_type=NOTE, data=b"fine", annotations={"a": "b"}, deadline=deadline
    )
    sbom = referrers.attach(repository, SUBJECT, artifact_type=SBOM, data=b"", deadline=deadline)
    assert referrers.attach(repository, SUBJECT, artifact_type=SBOM, data=b"", deadline=deadline) == sbom
    assert referrers.referrers(repository, SUBJECT.digest, deadline=deadline) == [note, sbom]
    assert referrers.referrers(repository, SUBJECT.digest, SBOM, deadline=deadline) == [sbom]
    ((_, data),) = referrers.read(repository, note, SUBJECT.digest, deadline=deadline)
    assert data == b"fine"
    tag = f"sha256-{SUBJECT.digest[7:]}"
    listed = json.loads(crane("manifest", f"{registry.host}/models/x:{tag}"))
    assert listed["manifests"] == [note.dump(), sbom.dump()]
    manifest = json.loads(crane("manifest", f"{registry.host}/models/x@{note.digest}"))
    assert manifest["subject"] == {"mediaType": media.INDEX, "digest": SUBJECT.digest, "size": SUBJECT.size}


def test_many_at_once_lose_none(registry: Registry, deadline: Deadline) -> None:
    def _attach(number: int) -> str:
        data = str(number).encode()
        return referrers.attach(
            _opened(registry.host), SUBJECT, artifact_type=NOTE, data=data, deadline=deadline
        ).digest

    attached = [_attach(0)]  # the empty config is there then: distribution mixes up one blob that comes twice at once
    with ThreadPoolExecutor(8) as pool:
        attached += pool.map(_attach, range(1, 12))
    found = referrers.referrers(_opened(registry.host), SUBJECT.digest, deadline=deadline)
    assert sorted(one.digest for one in found) == sorted(attached)


class Listing:
    """A registry that keeps manifests and lists referrers, as it is told.

    Args:
        header: say in answers to PUT that the subject is noted.
        filters: by type, and say so.
    """

    def __init__(self, *, header: bool = True, filters: bool = False) -> None:
        self.header, self.filters = header, filters
        self.manifests: dict[str, bytes] = {}

    def __call__(self, request: Request) -> None:
        url = urlsplit(request.path)
        name = url.path.rpartition("/")[2]
        if "/referrers/" in url.path:
            self._list(request, name, parse_qs(url.query).get("artifactType"))
        elif "/blobs/uploads/" in url.path and request.command == "POST":
            request.answer(202, Location="/v2/models/x/blobs/uploads/1")
        elif "/manifests/" in url.path and request.command == "PUT":
            self.manifests[name] = request.body
            subject = json.loads(request.body).get("subject", {}).get("digest")
            request.answer(201, **({"OCI_Subject": subject} if subject and self.header else {}))
        elif request.command == "PUT":
            request.answer(201)
        elif name in self.manifests:
            kind = json.loads(self.manifests[name])["mediaType"]
            request.answer(200, self.manifests[name], Content_Type=kind)
        else:
            request.answer(404)

    def _list(self, request: Request, subject: str, types: list[str] | None) -> None:
        found = []
        for raw in self.manifests.values():
            data = json.loads(raw)
            if data.get("subject", {}).get("digest") != subject:
                continue
            if not self.filters or not types or data["artifactType"] in types:
                one = Descriptor.of(media.MANIFEST, raw, artifact_type=data["artifactType"])
                found.append(one.dump())
        body = media.canonical({"schemaVersion": 2, "mediaType": media.INDEX, "manifests": found})
        told = {"OCI_Filters_Applied": "artifactType"} if self.filters else {}
        request.answer(200, body, Content_Type=media.INDEX, **told)


@pytest.mark.parametrize("filters", [True, False])
@pytest.mark.parametrize("header", [True, False])
def test_registry_that_lists_them_gets_no_tag(header: bool, filters: bool, deadline: Deadline) -> None:
    with lying(Listing(header=header, filters=filters)) as server:
        repository = _opened(server.host)
        note = referrers.attach(repository, SUBJECT, artifact_type=NOTE, data=b"fine", deadline=deadline)
        sbom = referrers.attach(repository, SUBJECT, artifact_type=SBOM, data=b"", deadline=deadline)
        assert referrers.referrers(repository, SUBJECT.digest, deadline=deadline) == [note, sbom]
        assert referrers.referrers(repository, SUBJECT.digest, SBOM, deadline=deadline) == [sbom]
        assert not server.asked("PUT", "/manifests/sha256-")


def test_pages_are_followed_only_at_the_registry_and_not_for_ever(deadline: Deadline) -> None:
    def _page(one: str) -> bytes:
        listed = Descriptor(media.MANIFEST, f"sha256:{one * 64}", 1, artifact_type=NOTE).dump()
        return media.canonical({"schemaVersion": 2, "mediaType": media.INDEX, "manifests": [listed]})

    links = {"": '<?page=b>; rel="next"', "page=b": ""}

    def _reply(request: Request) -> None:
        query = urlsplit(request.path).query
        link = {"Link": links[query]} if links[query] else {}
        request.answer(200, _page(query[-1:] or "a"), Content_Type=media.INDEX, **link)

    with lying(_reply) as server:
        repository = _opened(server.host)
        found = referrers.referrers(repository, SUBJECT.digest, deadline=deadline)
        assert [one.digest[7] for one in found] == ["a", "b"]
        links["page=b"] = '<?page=b>; rel="next"'
        with pytest.raises(RegistryError, match="again and again"):
            referrers.referrers(repository, SUBJECT.digest, deadline=deadline)
        for elsewhere in ("http://127.0.0.2:1/v2/", "//example.com/v2/", "https://" + server.host):
            links["page=b"] = f'<{elsewhere}>; rel="next"'
            with pytest.raises(RegistryError, match="another place"):
                referrers.referrers(repository, SUBJECT.digest, deadline=deadline)


def test_tag_that_always_forgets_is_told(monkeypatch: pytest.MonkeyPatch, deadline: Deadline) -> None:
    monkeypatch.setattr(referrers, "_TRIES", 3)
    keeps = Listing(header=False)

    def _reply(request: Request) -> None:
        if "/referrers/" in request.path:
            request.answer(404, b"404 page not found", Content_Type="text/plain")
        elif request.command == "PUT" and "/manifests/sha256-" in request.path:
            request.answer(201)
        else:
            keeps(request)

    with lying(_reply) as server, pytest.raises(ConflictError, match="at the same time"):
        referrers.attach(_opened(server.host), SUBJECT, artifact_type=NOTE, data=b"fine", deadline=deadline)
    assert len(server.asked("PUT", "/manifests/sha256-")) == 3


def test_tag_that_is_something_else_is_told(registry: Registry, deadline: Deadline) -> None:
    repository = _opened(registry.host)
    note = referrers.attach(repository, SUBJECT, artifact_type=NOTE, data=b"fine", deadline=deadline)
    raw = repository.manifest(note.digest, deadline)
    repository.put_manifest(referrers.tag_of(SUBJECT.digest), note, raw, deadline)
    with pytest.raises(IntegrityError, match="no index of referrers"):
        referrers.attach(repository, SUBJECT, artifact_type=SBOM, data=b"", deadline=deadline)
