"""A repository in a registry: OCI's distribution protocol over the transport."""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import requests

from i4q_ai.deadline import Deadline
from i4q_ai.errors import I4qError, IntegrityError, NotFoundError, RegistryError
from i4q_ai.oci import contents, credentials, media
from i4q_ai.oci.artifact import Artifact, Blob
from i4q_ai.oci.layout import taken
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.paging import pages
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.transport import Transport
from i4q_ai.progress import Progress
from i4q_ai.retrying import call

_log = logging.getLogger(__name__)

_ACCEPT = ", ".join((media.MANIFEST, media.INDEX, media.DOCKER_MANIFEST, media.DOCKER_INDEX))
_INDEX = {"Accept": media.INDEX}
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class Remote:
    """One repository in a registry.

    Args:
        reference: where; its tag and digest do not matter.
        plain_http: talk http to a registry that is not on this machine.
        transport: another one than the reference asks for.
    """

    def __init__(self, reference: Reference, *, plain_http: bool = False, transport: Transport | None = None) -> None:
        self.name = reference.name
        self._http = transport or Transport(
            reference.api_host,
            functools.partial(credentials.find, reference.host, reference.repository),
            plain_http=plain_http,
        )
        self._rights = f"repository:{reference.repository}:pull,push"
        self._root = f"{self._http.base}/v2/{reference.repository}"

    def resolve(self, tag: str, deadline: Deadline) -> str | None:
        """The digest behind a tag; None if there is no such tag."""
        try:
            return media.digest_of(self._manifest(tag, deadline))
        except NotFoundError:
            return None

    def manifest(self, digest: str, deadline: Deadline) -> bytes:
        """The bytes of a manifest or index, which hash to the digest."""
        raw = self._manifest(digest, deadline)
        if not media.matches(raw, digest):
            raise IntegrityError(f"{self.name}: the bytes under {digest} are others")
        return raw

    def _manifest(self, name: str, deadline: Deadline) -> bytes:
        return call(lambda: self._try_manifest(name, deadline), deadline=deadline)

    def _try_manifest(self, name: str, deadline: Deadline) -> bytes:
        response = self._http.send("GET", f"{self._root}/manifests/{name}", deadline, headers={"Accept": _ACCEPT})
        if response.status_code != 200:
            raise self._http.refusal(response)
        raw = self._http.body(response, deadline, media.LARGEST_MANIFEST)
        self._need_type(raw, response.headers.get("Content-Type", ""), name)
        self._need_echo(response, media.digest_of(raw))
        return raw

    def _need_type(self, raw: bytes, content_type: str, name: str) -> None:
        try:
            inside = json.loads(raw).get("mediaType")
        except (ValueError, AttributeError, RecursionError) as error:
            raise IntegrityError(f"{self.name}: manifest {name} is no JSON object") from error
        outside = content_type.partition(";")[0].strip()
        if inside is not None and outside and inside != outside:
            raise IntegrityError(f"{self.name}: manifest {name} says that it is {inside}, the registry says {outside}")

    def _need_echo(self, response: requests.Response, digest: str) -> None:
        """The digest in the answer must be ours, if it is by the same algorithm."""
        echo = response.headers.get("Docker-Content-Digest", "")
        if echo.startswith("sha256:") and echo != digest:
            raise IntegrityError(f"{self.name}: the registry says {echo[:71]} of the bytes of {digest}")

    def local(self, blob: Descriptor) -> Path | None:  # noqa: ARG002 - as Source wants it
        """None: nothing of a registry lies here."""
        return None

    @contextlib.contextmanager
    def read(self, blob: Descriptor, offset: int, deadline: Deadline) -> Iterator[tuple[int, Iterator[bytes]]]:
        """The bytes of a blob, from the offset on if the registry can, else from the beginning."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        response = self._http.send("GET", f"{self._root}/blobs/{blob.digest}", deadline, headers=headers)
        with contextlib.closing(response):
            if response.status_code == 416 and offset:
                response.close()
                response = self._http.send("GET", f"{self._root}/blobs/{blob.digest}", deadline)
            start = self._start(response, blob, offset)
            yield start, self._http.chunks(response, deadline)

    def _start(self, response: requests.Response, blob: Descriptor, offset: int) -> int:
        if response.status_code == 200:
            return 0
        if response.status_code != 206 or not offset:
            raise self._http.refusal(response)
        match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if not match or int(match[1]) != offset or match[2] not in ("*", str(blob.size)):
            raise IntegrityError(f"{self.name} answers with another range of {blob.digest} than was asked for")
        return offset

    @contextlib.contextmanager
    def range(self, blob: Descriptor, begin: int, end: int, deadline: Deadline) -> Iterator[Iterator[bytes]]:
        """Some bytes of a blob."""
        headers = {"Range": f"bytes={begin}-{end - 1}"}
        response = self._http.send("GET", f"{self._root}/blobs/{blob.digest}", deadline, headers=headers)
        with contextlib.closing(response):
            if response.status_code != 206:
                raise RegistryError(f"{self.name} answers {response.status_code} when asked for a part of {blob.digest}")
            self._start(response, blob, begin)
            yield self._http.chunks(response, deadline)

    def has(self, digest: str, deadline: Deadline) -> bool:
        """Whether a blob is there."""
        response = self._http.request("HEAD", f"{self._root}/blobs/{digest}", deadline)
        response.close()
        if response.status_code not in (200, 404):
            raise self._http.refusal(response)
        return response.status_code == 200

    def push(self, artifact: Artifact, tag: str, deadline: Deadline, progress: Progress) -> None:
        """Send all of an artifact: blobs that are not there yet, manifests by digest, the tag last.

        Raises:
            VersionExistsError: the tag stands for something else.
            RegistryError: the registry refused or lied; the tag is as it was.
        """
        self._http.want(self._rights)
        known = self.resolve(tag, deadline)
        if known == artifact.digest:
            return
        if known is not None:
            raise taken(self.name, tag, known)
        for blob in artifact.blobs:
            self.upload(blob, deadline, progress)
        for descriptor, raw in (*artifact.manifests, artifact.index):
            self.put_manifest(descriptor.digest, descriptor, raw, deadline)
        if (known := self.resolve(tag, deadline)) not in (None, artifact.digest):
            raise taken(self.name, tag, str(known))
        self.put_manifest(tag, *artifact.index, deadline)

    def put_manifest(
        self,
        name: str,
        descriptor: Descriptor,
        raw: bytes,
        deadline: Deadline,
        *,
        root: bool = False,  # noqa: ARG002 - as Repository wants it
    ) -> str | None:
        """Send the bytes of a manifest or index; returns the subject that the registry has noted, if it has.

        Args:
            name: its digest, or a tag.
            descriptor: of the bytes.
            raw: are kept as they are.
            deadline: of the whole job.
            root: for layout folders.
        """
        headers = {"Content-Type": descriptor.media_type}
        response = self._http.request("PUT", f"{self._root}/manifests/{name}", deadline, headers=headers, body=raw)
        if response.status_code not in (200, 201):
            raise self._http.refusal(response)
        response.close()
        self._need_echo(response, descriptor.digest)
        return response.headers.get("OCI-Subject")

    def writing(self, deadline: Deadline) -> contextlib.AbstractContextManager[None]:  # noqa: ARG002 - as Repository wants it
        """Nothing needs to be held."""
        return contextlib.nullcontext()

    def referrers(self, digest: str, artifact_type: str | None, deadline: Deadline) -> list[Descriptor] | None:
        """What the registry lists as referrers of a digest; None if it does not know what they are."""
        asked = f"?artifactType={quote(artifact_type, safe='')}" if artifact_type else ""
        found: list[Descriptor] = []
        for response, raw in pages(self._http, f"{self._root}/referrers/{digest}{asked}", deadline, headers=_INDEX):
            if not _is_index(response):
                return None
            index = contents.parse(raw, where=f"{self.name}: referrers of {digest}")
            listed = contents.listed(index, "manifests", where=f"{self.name}: referrers of {digest}")
            found += [Descriptor.parse(item, where=self.name) for item in listed]
        return found

    def upload(self, blob: Blob, deadline: Deadline, progress: Progress) -> bool:
        """Send a blob, if it is not there yet.

        Returns:
            Whether it was sent.
        """
        followed = _Followed(blob, deadline, progress)
        progress.start(blob.digest, blob.size)
        try:
            return call(lambda: self._try_upload(followed, deadline), deadline=deadline)
        finally:
            progress.done(blob.digest)

    def _try_upload(self, blob: _Followed, deadline: Deadline) -> bool:
        if self.has(blob.digest, deadline):  # also when only the answer to the last try was lost
            return False
        begun = self._http.send("POST", f"{self._root}/blobs/uploads/", deadline, body=b"")
        if begun.status_code != 202 or "Location" not in begun.headers:
            raise self._http.refusal(begun)
        begun.close()
        location = self._http.located(begun.headers["Location"], begun.url)
        url = f"{location}{'&' if '?' in location else '?'}digest={blob.digest}"
        headers = {"Content-Type": "application/octet-stream"}
        try:
            response = self._http.send("PUT", url, deadline, headers=headers, body=blob)
        except I4qError:
            self._abandon(location)
            raise
        if response.status_code != 201:
            raise self._http.refusal(response)
        response.close()
        self._need_echo(response, blob.digest)
        return True

    def _abandon(self, location: str) -> None:
        """Tell the registry that the rest will not come; it would find out by itself, only later."""
        try:
            self._http.send("DELETE", location, Deadline.after(5, "giving up an upload")).close()
        except Exception as error:  # the upload's own error matters more
            _log.debug("giving up an upload to %s: %s", self.name, error)


def _is_index(response: requests.Response) -> bool:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip()
    return response.status_code == 200 and kind == media.INDEX


@dataclass(frozen=True)
class _Followed:
    """A blob whose sending is told to a progress."""

    blob: Blob
    deadline: Deadline
    progress: Progress

    @property
    def digest(self) -> str:
        return self.blob.digest

    @property
    def size(self) -> int:
        return self.blob.size

    def chunks(self) -> Iterator[bytes]:
        sent = 0
        try:
            for chunk in self.blob.chunks():
                self.deadline.check()
                yield chunk
                sent += len(chunk)
                self.progress.advance(self.digest, len(chunk))
        finally:
            if sent < self.size:
                self.progress.advance(self.digest, -sent)
