"""The registry class that code written for `oras` knows, on top of our transport. The only file that imports oras.

Signatures are oras'; what is behind them is ours: digests are checked, files appear whole or not at all, nothing
is held in memory, tokens stay with the registry that they are for, and every call has a deadline.
"""

from __future__ import annotations

import functools
import json as jsons
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import oras.defaults
import oras.oci
import oras.provider
import oras.utils
import requests
from oras.container import Container

from i4q_ai.deadline import Deadline
from i4q_ai.errors import InvalidError, NotFoundError, ReferenceInvalid, RegistryError, UnsupportedError
from i4q_ai.oci import contents, media, reading
from i4q_ai.oci.disk import storage_errors
from i4q_ai.oci.downloads import cache, naming
from i4q_ai.oci.downloads.ingesting import Means
from i4q_ai.oci.downloads.untarring import unpack
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.rates import limit
from i4q_ai.oci.reference import Reference, is_digest
from i4q_ai.oci.remote import Remote
from i4q_ai.oci.tarring import Entry, checked
from i4q_ai.oci.transfers import copying
from i4q_ai.oci.uploads.rawblobs import FileBlob
from i4q_ai.oci.wire import credentials
from i4q_ai.oci.wire.credentials import Credentials
from i4q_ai.oci.wire.origins import origin_of
from i4q_ai.oci.wire.paging import PAGES
from i4q_ai.oci.wire.transport import Transport
from i4q_ai.packing.paths import clashes
from i4q_ai.progress import Silent

_ANSWER = 16 * 1024 * 1024
_FOLDER = oras.defaults.default_blob_dir_media_type


class Registry(oras.provider.Registry):  # type: ignore[misc]  # oras has no types
    """`oras.provider.Registry` with our transport.

    Args:
        hostname: of the registry, for names that have none.
        insecure: talk http to a registry that is not on this machine.
        tls_verify: False, or a file of certificates.
        auth_backend: accepted as oras takes it; challenges are answered by us.

    Example:
        Registry().push("localhost:5000/models/x:1", files=["model.onnx"], disable_path_validation=True)
    """

    timeout: float = 3600.0
    """Seconds that one call may take."""

    def __init__(
        self,
        hostname: str | None = None,
        insecure: bool = False,
        tls_verify: bool | str = True,
        auth_backend: str = "token",
    ) -> None:
        super().__init__(hostname, insecure, tls_verify, auth_backend)
        self._insecure = insecure
        self._logins: dict[str, Credentials] = {}
        self._transports: dict[str, Transport] = {}

    def do_request(
        self,
        url: str,
        method: str = "GET",
        data: dict[str, Any] | bytes | None = None,
        headers: dict[str, str] | None = None,
        json: dict[str, Any] | None = None,
        stream: bool = False,
    ) -> requests.Response:
        """Send a request; credentials, redirects and retries are the transport's."""
        body = jsons.dumps(json).encode() if json is not None else data
        if body is not None and not isinstance(body, bytes):
            raise UnsupportedError(f"a request body is bytes here, not {type(body).__name__}")
        told = {**self.headers, **({"Content-Type": "application/json"} if json is not None else {}), **(headers or {})}
        host, repository = urlsplit(url).netloc, urlsplit(url).path.removeprefix("/v2/").partition("/blobs/")[0]
        transport = self._transport(host, repository)
        deadline = Deadline.after(self.timeout, f"{method} {host}")
        path = f"{urlsplit(url).path}{'?' if urlsplit(url).query else ''}{urlsplit(url).query}"
        response = transport.request(method, f"{transport.base}{path}", deadline, headers=told, body=body)
        if not stream:
            response._content = transport.body(response, deadline, _ANSWER)  # as requests does it, but with a limit
        return response

    def login(
        self,
        username: str,
        password: str,
        password_stdin: bool = False,
        tls_verify: bool = True,
        hostname: str | None = None,
        config_path: str | None = None,
    ) -> dict[str, Any]:
        """Use these credentials for this host from now on, and keep them where docker does."""
        host = hostname or self.hostname
        if not host:
            raise InvalidError("a login is for one host", hint="login(…, hostname=…)")
        answer: dict[str, Any] = super().login(username, password, password_stdin, tls_verify, host, config_path)
        self._logins[host] = Credentials(username, password)
        self._transports.pop(host, None)
        return answer

    def _transport(self, host: str, repository: str) -> Transport:
        if host not in self._transports:
            who = self._logins.get(host) or functools.partial(credentials.find, host, repository)
            self._transports[host] = Transport(host, who, plain_http=self._insecure, verify=self._tls_verify)
        return self._transports[host]

    def _remote(self, container: Container) -> Remote:
        reference = Reference.parse(f"{container.registry}/{container.api_prefix}")
        return Remote(reference, transport=self._transport(reference.api_host, reference.repository))

    def _do_paginated_request(self, url: str, callable: Callable[[requests.Response], bool]) -> None:
        """As oras does it, but only at the registry, and not for ever."""
        seen: set[str] = set()
        while url not in seen and len(seen) < PAGES:
            seen.add(url)
            response = self.do_request(url)
            self._check_200_response(response)
            link = response.links.get("next", {}).get("url") if callable(response) else None
            if not link:
                return
            begun, url = origin_of(url), urljoin(url, link)
            if origin_of(url) != begun:
                raise RegistryError(f"{begun.host} continues a list at another place, {url[:100]!r}")
        raise RegistryError(f"{origin_of(url).host} gives a list that never ends")

    def get_blob(
        self, container: str | Container, digest: str, stream: bool = False, head: bool = False
    ) -> requests.Response:
        """The response that carries a blob; the caller checks it, or uses `download_blob`."""
        _need_digest(digest)
        container = self.get_container(container)
        url = f"{self.prefix}://{container.get_blob_url(digest)}"
        return self.do_request(url, "HEAD" if head else "GET", stream=stream)

    def blob_exists(self, layer: dict[str, Any], container: Container) -> bool:
        """Whether the registry has a layer."""
        _need_digest(layer["digest"])
        return self._remote(container).has(layer["digest"], Deadline.after(self.timeout, "asking for a blob"))

    def upload_blob(
        self,
        blob: str,
        container: str | Container,
        layer: dict[str, Any],
        do_chunked: bool = False,  # noqa: ARG002 - one streamed PUT needs no chunks to save memory
        chunk_size: int = oras.defaults.default_chunksize,  # noqa: ARG002
    ) -> requests.Response:
        """Send a file, if it is not there yet; it must be what the layer says."""
        _need_digest(layer["digest"])
        remote = self._remote(self.get_container(container))
        path, digest = Path(blob).absolute(), layer["digest"]
        file = _FileBlob(path, digest, layer["size"]) if digest.startswith("sha256:") else FileBlob(path, digest)
        sent = remote.upload(file, Deadline.after(self.timeout, f"uploading {blob}"), Silent())
        return _answer(201 if sent else 200, {"Docker-Content-Digest": layer["digest"]})

    def put_upload(self, blob: str, container: Container, layer: dict[str, Any]) -> requests.Response:
        """As `upload_blob`."""
        return self.upload_blob(blob, container, layer)

    def chunked_upload(
        self,
        blob: str,
        container: Container,
        layer: dict[str, Any],
        chunk_size: int = oras.defaults.default_chunksize,  # noqa: ARG002
    ) -> requests.Response:
        """As `upload_blob`."""
        return self.upload_blob(blob, container, layer)

    def download_blob(self, container: str | Container, digest: str, outfile: str) -> str:
        """Fetch a blob into a file, which appears verified or not at all; returns its path."""
        _need_digest(digest)
        container = self.get_container(container)
        with self.get_blob(container, digest, head=True) as head:
            if head.status_code != 200:
                raise self._transport(container.registry, container.api_prefix).refusal(head)
            size = int(head.headers.get("Content-Length", 0))
        self._download(container, {Path(outfile).absolute(): Descriptor("", digest, size)})
        return outfile

    def _download(self, container: Container, blobs: Mapping[Path, Descriptor]) -> None:
        for to in blobs:
            with storage_errors(str(to.parent)):
                to.parent.mkdir(parents=True, exist_ok=True)
        deadline = Deadline.after(self.timeout, f"downloading from {container}")
        cache.download_all(blobs, self._remote(container), Means(deadline, Silent(), limit()))

    def upload_manifest(self, manifest: dict[str, Any], container: Container) -> requests.Response:
        """Send a manifest under the container's tag or digest; the answer says its digest."""
        raw = jsons.dumps(manifest).encode()
        descriptor = Descriptor.of(manifest.get("mediaType") or media.MANIFEST, raw)
        deadline = Deadline.after(self.timeout, f"uploading the manifest of {container}")
        self._remote(container).put_manifest(container.digest or container.tag, descriptor, raw, deadline)
        return _answer(201, {"Docker-Content-Digest": descriptor.digest})

    def get_manifest(
        self,
        container: str | Container,
        allowed_media_type: list[str] | None = None,
        validation_schema: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """A manifest or index; one that is asked for by digest hashes to it."""
        container = self.get_container(container)
        deadline = Deadline.after(self.timeout, f"reading {container}")
        remote = self._remote(container)
        digest = container.digest or remote.resolve(container.tag, deadline)
        if digest is None:
            raise NotFoundError(f"there is no {container}")
        manifest = contents.parse(remote.manifest(digest, deadline), where=str(container))
        kind = manifest.get("mediaType") or media.MANIFEST
        if allowed_media_type and kind not in allowed_media_type:
            raise UnsupportedError(f"{container} is a {kind}, which was not asked for")
        if validation_schema:
            import jsonschema  # type: ignore[import-untyped]

            jsonschema.validate(manifest, schema=validation_schema)
        return manifest

    def push(
        self,
        target: str,
        config_path: str | None = None,
        disable_path_validation: bool = False,
        files: list[Any] | None = None,
        manifest_config: str | None = None,
        annotation_file: str | None = None,
        manifest_annotations: dict[str, str] | None = None,
        subject: str | None = None,
        do_chunked: bool = False,
        chunk_size: int = oras.defaults.default_chunksize,
        quiet: bool = False,
    ) -> requests.Response:
        """Push files as oras does; two of one name are refused before anything is sent."""
        names = [Path(str(file).rpartition(":")[0] or str(file)).name for file in files or []]
        if problems := [problem for problem in clashes(names) if "stands twice" in problem]:
            raise InvalidError(f"{target}: {'; '.join(problems)}")
        response: requests.Response = super().push(
            target,
            config_path,
            disable_path_validation,
            files,
            manifest_config,
            annotation_file,
            manifest_annotations,
            subject,
            do_chunked,
            chunk_size,
            quiet,
        )
        return response

    def pull(
        self,
        target: str,
        config_path: str | None = None,  # noqa: ARG002 - our transport finds its credentials itself
        allowed_media_type: list[str] | None = None,
        overwrite: bool = True,
        outdir: str | None = None,
    ) -> list[str]:
        """Pull the files of an artifact; all names are checked before the first is written.

        Of an index, what it lists for this machine is pulled. A packed folder is unpacked, its plain files and folders
        only, over what is there.

        Raises:
            UnsupportedError: it is an index that lists nothing for this machine; says what it lists.
            IntegrityError: a name leads out of the folder, or two are one.
        """
        container = self.get_container(target)
        manifest = self._image(container, allowed_media_type)
        folder = Path(outdir) if outdir else Path(oras.utils.get_tmpdir())
        layers = [Descriptor.parse(layer, where=target) for layer in contents.listed(manifest, "layers", where=target)]
        named = _named(layers, target)
        wanted = {name: layer for name, layer in named.items() if overwrite or not (folder / name).exists()}
        for name in wanted:
            _need_no_link(folder, name)
        plain = {name: layer for name, layer in wanted.items() if layer.media_type != _FOLDER}
        self._download(container, {(folder / name).absolute(): layer for name, layer in plain.items()})
        for name in wanted.keys() - plain.keys():
            self._unpack(container, wanted[name], folder.absolute(), name, target)
        return [str(folder / name) for name in wanted]

    def _image(self, container: Container, allowed_media_type: list[str] | None) -> dict[str, Any]:
        """The manifest, or of an index the one that it lists for this machine."""
        manifest = self.get_manifest(container, allowed_media_type)
        if not contents.is_index(manifest):
            return manifest
        deadline = Deadline.after(self.timeout, f"reading {container}")
        platform = f"linux/{contents.architecture()}"
        child = contents.for_platform(manifest, platform, where=str(container))
        remote = self._remote(container)
        return reading.manifest(remote, copying.pick(remote, child.digest, platform, deadline), deadline)

    def _unpack(self, container: Container, layer: Descriptor, folder: Path, name: str, target: str) -> None:
        staged = folder / f".{uuid.uuid4().hex}"
        try:
            self._download(container, {staged / "packed": layer})
            with storage_errors(str(staged)):
                (staged / "files").mkdir()
            deadline = Deadline.after(self.timeout, f"unpacking {name}")
            # The names inside begin with the folder's own, wherever that is.
            below, parent = name.rpartition("/")[2], (folder / name).parent
            files = unpack(
                staged / "packed", staged / "files", below=below, packed=True, where=target, deadline=deadline
            )
            with storage_errors(str(folder)):
                (folder / name).mkdir(parents=True, exist_ok=True)
                for file in files:
                    _need_no_link(parent, file)
                    (parent / file).parent.mkdir(parents=True, exist_ok=True)
                    (staged / "files" / file).replace(parent / file)
        finally:
            shutil.rmtree(staged, ignore_errors=True)


@dataclass(frozen=True)
class _FileBlob:
    """A file that is sent as it is."""

    path: Path
    digest: str
    size: int

    def chunks(self) -> Iterator[bytes]:
        return checked(Entry(self.path.name, self.size, self.digest.removeprefix("sha256:"), self.path))


def _named(layers: list[Descriptor], target: str) -> dict[str, Descriptor]:
    """Name → layer; names stay inside a folder and are all different."""
    listed = [layer.annotations.get(media.TITLE) or layer.digest for layer in layers]
    naming.need_names(listed, where=target)
    return dict(zip(listed, layers, strict=True))


def _need_no_link(folder: Path, name: str) -> None:
    """A folder on the way that is a link would lead elsewhere."""
    for parent in Path(name).parents:
        if (folder / parent).is_symlink() and parent != Path():
            raise InvalidError(f"{folder / parent} is a link, and {name} is to be written below it")


def _need_digest(digest: str) -> None:
    if not is_digest(digest):
        raise ReferenceInvalid(f"{digest!r} is no digest", hint="sha256: and 64 of 0-9, a-f")


def _answer(status: int, headers: dict[str, str]) -> requests.Response:
    """What oras expects back where several requests were one job."""
    response = requests.Response()
    response.status_code = status
    response.headers.update(headers)
    response._content = b""
    return response
