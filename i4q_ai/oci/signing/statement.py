"""The statement that is signed: which files, with which digests. Pure; what it reads, it does not trust."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from i4q_ai.errors import IntegrityError, UnsupportedError
from i4q_ai.oci.media import canonical

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
MODEL = "https://model_signing/signature/v1.0"
"""The predicate of OpenSSF Model Signing: every file with its digest."""
COSIGN = "https://sigstore.dev/cosign/sign/v1"
"""The predicate of cosign: nothing but the digest of a manifest."""

_OLD = "https://model_signing/Digests/"
_HEX = re.compile(r"[0-9a-f]{64}")
_UNSEEN = frozenset({".git", ".gitattributes", ".github", ".gitignore"})
_MOST = 1_000_000


@dataclass(frozen=True)
class Statement:
    """What somebody has signed.

    Args:
        predicate: MODEL or COSIGN.
        subject: digests that it is about, `sha256:…`: of the files' digests, or of a manifest.
        resources: with MODEL, path (or `path:start:end`, a shard) → sha256, 64 hex digits.
        shard: with shards, how many bytes each has.
        ignored: with MODEL, paths that were left out.
        links: with MODEL, links count as the files that they name.
    """

    predicate: str
    subject: tuple[str, ...]
    resources: Mapping[str, str]
    shard: int | None = None
    ignored: tuple[str, ...] = ()
    links: bool = False


def encoded(payload: bytes) -> bytes:
    """The bytes that are signed: DSSE's pre-authentication encoding.

    Example:
        >>> encoded(b"{}")
        b'DSSEv1 28 application/vnd.in-toto+json 2 {}'
    """
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def in_order(paths: Iterable[str]) -> list[str]:
    """By the parts of each path, so that what lies in a folder stands together.

    Example:
        >>> in_order(["a.txt", "a/b"])
        ['a/b', 'a.txt']
    """
    return sorted(paths, key=lambda path: path.split("/"))


def root(digests: Iterable[str]) -> str:
    """The one sha256 over the digests of all files, as they are listed.

    Args:
        digests: 64 hex digits each.
    """
    total = hashlib.sha256()
    for digest in digests:
        total.update(bytes.fromhex(digest))
    return total.hexdigest()


def of_files(name: str, files: Mapping[str, str], *, ignored: Sequence[str] = ()) -> bytes:
    """The statement about all files of a model.

    Args:
        name: of the model.
        files: path → sha256, 64 hex digits.
        ignored: paths in its folder that are none of its files, as the signature itself.
    """
    paths = in_order(files)
    serialization = {
        "method": "files",
        "hash_type": "sha256",
        "allow_symlinks": False,
        "ignore_paths": sorted(ignored),
    }
    resources = [{"name": path, "algorithm": "sha256", "digest": files[path]} for path in paths]
    subject = {"name": name, "digest": {"sha256": root(files[path] for path in paths)}}
    return _statement(MODEL, subject, {"serialization": serialization, "resources": resources})


def of_manifest(digest: str) -> bytes:
    """The statement about a manifest or index, as cosign reads it.

    Args:
        digest: `sha256:…`.
    """
    algorithm, _, value = digest.partition(":")
    return _statement(COSIGN, {"digest": {algorithm: value}}, {})


def _statement(predicate_type: str, subject: Mapping[str, Any], predicate: Mapping[str, Any]) -> bytes:
    return canonical(
        {"_type": STATEMENT, "subject": [subject], "predicateType": predicate_type, "predicate": predicate}
    )


def parse(payload: bytes) -> Statement:
    """Read a statement, and check that it agrees with itself.

    Raises:
        UnsupportedError: it is of another kind or age than can be checked.
        IntegrityError: it is broken, or its subject is not what its resources say.
    """
    try:
        data = json.loads(payload)
        kind = data["predicateType"]
        if data["_type"] != STATEMENT:
            raise UnsupportedError(f"a signature holds a statement of type {str(data['_type'])[:100]!r}")
        if kind == COSIGN:
            subjects = [f"{key}:{value}" for one in data["subject"] for key, value in one["digest"].items()]
            return Statement(COSIGN, tuple(subjects), {})
        if kind == MODEL:
            return _model(data)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise IntegrityError("a signature holds no statement that can be read") from error
    if isinstance(kind, str) and kind.startswith(_OLD):
        raise UnsupportedError(
            "the signature was made by model-signing 0.2 or older, whose signatures do not protect all that they list",
            hint="sign again, with i4q sign or model-signing 1.0 or newer",
        )
    raise UnsupportedError(f"a signature is of a kind that says nothing about a model: {str(kind)[:100]!r}")


def _model(data: Mapping[str, Any]) -> Statement:
    predicate = data["predicate"]
    serialization, listed = predicate["serialization"], predicate["resources"]
    method, algorithm = serialization["method"], serialization["hash_type"]
    if not isinstance(listed, list) or not 0 < len(listed) <= _MOST:
        raise IntegrityError("a signature lists no files")
    shard = int(serialization["shard_size"]) if method == "shards" else None
    if shard is not None and shard < 1:
        raise IntegrityError("a signature has shards of no bytes")
    known = ("sha256", f"sha256-sharded-{shard}") if shard else ("sha256",)
    if method not in ("files", "shards") or algorithm not in known:
        raise UnsupportedError(f"a signature lists its files by {str(method)[:40]!r} and {str(algorithm)[:40]!r}")
    resources: dict[str, str] = {}
    for each in listed:
        name, digest = each["name"], each["digest"]
        if each["algorithm"] not in known or not _HEX.fullmatch(digest):
            raise UnsupportedError(f"a signature has no sha256 of {str(name)[:200]!r}")
        if not isinstance(name, str) or not name or name in resources:
            raise IntegrityError(f"a signature lists {str(name)[:200]!r} twice, or without a name")
        resources[name] = digest
    (subject,) = data["subject"]
    if subject["digest"] != {"sha256": root(resources.values())}:
        raise IntegrityError("a signature's subject is not what the files that it lists come to")
    ignored = tuple(str(path) for path in serialization.get("ignore_paths") or ())
    subjects = (f"sha256:{subject['digest']['sha256']}",)
    links = serialization.get("allow_symlinks") is True
    return Statement(MODEL, subjects, resources, shard, ignored, links)


def differences(statement: Statement, files: Mapping[str, str]) -> list[str]:
    """What is not as it was signed, in words; empty if all is.

    Args:
        statement: by files.
        files: path (or shard) → sha256 of what is there.
    """
    signed = statement.resources
    found = [f"{path!r} has changed" for path in in_order(files) if path in signed and signed[path] != files[path]]
    found += [f"{path!r} is missing" for path in in_order(signed) if path not in files]
    return found + [f"{path!r} was not signed" for path in in_order(files) if path not in signed]


def is_unseen(path: str) -> bool:
    """Whether verifiers do not look at it: Git's own files at the top of a folder, which new signatures do not list.

    Example:
        >>> is_unseen(".git/config"), is_unseen("weights/.gitignore"), is_unseen("model.onnx")
        (True, False, False)
    """
    return path.partition("/")[0] in _UNSEEN


def shards(path: str, size: int, length: int) -> list[tuple[str, int, int]]:
    """The shards of one file: name, first byte, byte behind the last.

    Example:
        >>> shards("a", 5, 3)
        [('a:0:3', 0, 3), ('a:3:5', 3, 5)]
    """
    starts = range(0, size, length)
    return [(f"{path}:{at}:{min(at + length, size)}", at, min(at + length, size)) for at in starts]
