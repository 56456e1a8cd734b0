"""Helm charts as helm keeps them: one file that always has the same bytes, or an artifact in a registry."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from i4q_ai import progress as progresses
from i4q_ai.deadline import Deadline
from i4q_ai.errors import InvalidError
from i4q_ai.manifests.charts import Chart
from i4q_ai.oci import disk, media, opening
from i4q_ai.oci.artifact import Artifact, Bytes
from i4q_ai.oci.media import Descriptor, canonical
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.tarring import BLOCK, header
from i4q_ai.progress import Progress

CONFIG = "application/vnd.cncf.helm.config.v1+json"
CONTENT = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"

_SCHEME = "oci://"
_ARCHIVE = ".tgz"
_MODE = 0o644
_END = bytes(2 * BLOCK)
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"  # no name, time 0, an unknown system
_LARGEST_STORED = 0xFFFF


def write(chart: Chart, to: str | Path, *, timeout: float = 60, progress: Progress | None = None) -> str:
    """Push a chart to a registry, or write it to a file.

    Args:
        chart: as `i4q_ai.manifests.chart` makes it.
        to: `oci://host[:port]/path`, to which helm adds the name and version of the chart, or `FILE.tgz`.
        timeout: in seconds.
        progress: told of bytes sent; the default draws bars on a terminal.

    Returns:
        The reference by digest, `oci://…@sha256:…`; or the path of the file.

    Raises:
        ReferenceInvalid, InvalidError: it cannot be written there.
        VersionExistsError: the registry has that version with other content.
        RegistryError, UnreachableError, StorageError, DeadlineError: it could not be written.
    """
    deadline = Deadline.after(timeout, f"writing chart {chart.name} {chart.version}")
    where = str(to)
    if not where.startswith(_SCHEME):
        return _to_file(chart, where)
    reference = Reference.parse(f"{where.removeprefix(_SCHEME).rstrip('/')}/{chart.name}")
    made = artifact(chart)
    opening.source(reference).push(made, chart.tag, deadline, progress or progresses.default())
    return f"{_SCHEME}{reference.at(made.digest)}"


def _to_file(chart: Chart, where: str) -> str:
    if where.startswith("oci:") or not where.endswith(_ARCHIVE):
        raise InvalidError(
            f"a chart is written to oci://host/path or to FILE{_ARCHIVE}, not to {where!r}",
            hint="helm adds the chart's name to oci://host/path",
        )
    path = Path(where).expanduser().absolute()
    with disk.storage_errors(str(path.parent)):
        path.parent.mkdir(parents=True, exist_ok=True)
    disk.write(path, [archive(chart)])
    return str(path)


def artifact(chart: Chart) -> Artifact:
    """A chart as helm keeps it in a registry: a manifest, `Chart.yaml` as its config, the archive as its layer."""
    config, content = Bytes(canonical(dict(chart.metadata))), Bytes(archive(chart))
    told = {
        media.TITLE: chart.name,
        media.VERSION: chart.version,
        "org.opencontainers.image.description": chart.metadata["description"],
        **chart.metadata["annotations"],
    }
    raw = canonical(
        {
            "schemaVersion": 2,
            "mediaType": media.MANIFEST,
            "config": Descriptor(CONFIG, config.digest, config.size).dump(),
            "layers": [Descriptor(CONTENT, content.digest, content.size).dump()],
            "annotations": told,
        }
    )
    return Artifact(f"chart {chart.name}", (config, content), (), (Descriptor.of(media.MANIFEST, raw), raw))


def archive(chart: Chart) -> bytes:
    """The chart as one file, `.tgz`: the same bytes everywhere, for nothing in it is left to a compressor."""
    return _stored(b"".join(_tar(chart)))


def _tar(chart: Chart) -> Iterator[bytes]:
    for path, text in chart.files.items():
        content = text.encode()
        yield header(f"{chart.name}/{path}", len(content), _MODE)
        yield content
        yield bytes(-len(content) % BLOCK)
    yield _END


def _stored(data: bytes) -> bytes:
    """A gzip file of blocks that are not compressed."""
    pieces = [_GZIP_HEADER]
    for start in range(0, len(data), _LARGEST_STORED):
        piece = data[start : start + _LARGEST_STORED]
        last = start + len(piece) == len(data)
        pieces += [struct.pack("<BHH", last, len(piece), len(piece) ^ _LARGEST_STORED), piece]
    return b"".join([*pieces, struct.pack("<II", zlib.crc32(data), len(data))])
