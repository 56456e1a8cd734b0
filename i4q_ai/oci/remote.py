"""A repository in a registry: OCI's distribution protocol over the transport."""

from __future__ import annotations

import contextlib
import functools
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import requests

from i4q_ai.deadline import Deadline
from i4q_ai.errors import IntegrityError, NotFoundError, RegistryError
from i4q_ai.oci import contents, media, tagging, together
from i4q_ai.oci.artifact import Artifact, Blob
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.rates import Rate
from i4q_ai.oci.reference import Reference, is_digest
from i4q_ai.oci.tagging import IfMatch
from i4q_ai.oci.uploads.uploading import Terms, Uploads, need_echo
from i4q_ai.oci.wire import credentials
from i4q_ai.oci.wire.paging import pages
from i4q_ai.oci.wire.transport import Transport
from i4q_ai.progress import Progress
from i4q_ai.retrying import call

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
        self.uploads = Uploads(self._http, reference.repository, self.name)
        self._rights = f"repository:{reference.repository}:pull,push"
        self._root = f"{self._http.base}/v2/{reference.repository}"

    def resolve(self, tag: str, deadline: Deadline) -> str | None:
        """The digest behind a tag; None if there is no such tag."""
        try:
            return media.digest_of(self._manifest(tag, deadline))
        except NotFoundError:
            return None

    def glance(self, tag: str, deadline: Deadline) -> str | None:
        """The digest behind a tag as the registry says, without its bytes; None if there is no such tag.

        A hint that costs little: what is read by that digest is checked.
        """
        response = self._http.request("HEAD", f"{self._root}/manifests/{tag}", deadline, headers={"Accept": _ACCEPT})
        self._http.finish(response)
        told = response.headers.get("Docker-Content-Digest", "")
        # Otherwise the whole answer says why not, or is hashed here.
        return told if response.status_code == 200 and is_digest(told) else self.resolve(tag, deadline)

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
        need_echo(response, media.digest_of(raw), self.name)
        return raw

    def _need_type(self, raw: bytes, content_type: str, name: str) -> None:
        try:
            inside = json.loads(raw).get("mediaType")
        except (ValueError, AttributeError, RecursionError) as error:
            raise IntegrityError(f"{self.name}: manifest {name} is no JSON object") from error
        outside = content_type.partition(";")[0].strip()
        if inside is not None and outside and inside != outside:
            raise IntegrityError(f"{self.name}: manifest {name} says that it is {inside}, the registry says {outside}")

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
            if response.status_code == 200:
                raise RegistryError(f"{self.name} gives {blob.digest} only as a whole")
            if response.status_code != 206:
                raise self._http.refusal(response)
            told, _, total = response.headers.get("Content-Range", "").partition("/")
            if told != f"bytes {begin}-{end - 1}" or total not in ("*", str(blob.size)):
                raise IntegrityError(f"{self.name} answers with another range of {blob.digest} than was asked for")
            yield self._http.chunks(response, deadline)

    def has(self, digest: str, deadline: Deadline) -> bool:
        """Whether a blob is there."""
        return self.uploads.has(digest, deadline)

    def has_manifest(self, digest: str, deadline: Deadline) -> bool:
        """Whether a manifest or index is there."""
        url = f"{self._root}/manifests/{digest}"
        response = self._http.request("HEAD", url, deadline, headers={"Accept": _ACCEPT})
        self._http.finish(response)
        return response.status_code == 200

    def push(
        self,
        artifact: Artifact,
        tag: str,
        deadline: Deadline,
        progress: Progress,
        *,
        if_match: IfMatch = ...,
        rate: Rate | None = None,
        mounts: Sequence[str] = (),
    ) -> None:
        """Send all of an artifact: blobs that are not there yet, manifests by digest, the tag last.

        Args:
            artifact: with its files here.
            tag: to be set.
            deadline: of the whole job.
            progress: told of bytes sent.
            if_match: what the tag must stand for now.
            rate: how fast at most.
            mounts: repositories of the same registry that may hold its blobs, besides those it was pushed to from here.

        Raises:
            VersionExistsError, ConflictError: the tag stands for something else.
            RegistryError: the registry refused or lied; the tag is as it was.
        """
        self.want_push()
        if self._is_set(tag, artifact, deadline, if_match):
            return
        terms = Terms(deadline, progress, rate or Rate(None), mounts)
        self.put_artifact(artifact, terms)
        if self._is_set(tag, artifact, deadline, if_match):
            return
        self.put_manifest(tag, *artifact.index, deadline)

    def want_push(self) -> None:
        """Say beforehand that something will be pushed, so that one token is enough."""
        self._http.want(self._rights)

    def _is_set(self, tag: str, artifact: Artifact, deadline: Deadline, if_match: IfMatch) -> bool:
        found = self.resolve(tag, deadline)
        return tagging.is_set(self.name, tag, found=found, wanted=artifact.digest, if_match=if_match)

    def put_artifact(self, artifact: Artifact, terms: Terms) -> None:
        """Send what is not there yet of an artifact, without a tag: blobs at once, then manifests, then the index.

        Args:
            artifact: with its files here.
            terms: how.
        """
        listed = [*artifact.manifests, artifact.index]
        if all(self.has_manifest(descriptor.digest, terms.deadline) for descriptor, _ in reversed(listed)):
            return  # a registry takes a manifest only when it has what that lists
        self.uploads.send_all(artifact.blobs, terms)
        together.each(artifact.manifests, self._put, terms.deadline)
        self._put(artifact.index, terms.deadline)

    def _put(self, manifest: tuple[Descriptor, bytes], deadline: Deadline) -> None:
        self.put_manifest(manifest[0].digest, *manifest, deadline)

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
        self._http.finish(response)
        need_echo(response, descriptor.digest, self.name)
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
        return self.uploads.send(blob, Terms(deadline, progress))


def _is_index(response: requests.Response) -> bool:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip()
    return response.status_code == 200 and kind == media.INDEX
