"""Signatures of what is pushed: attached beside it, so that its digest stays; no file is read for them again."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from i4q_ai.deadline import Deadline
from i4q_ai.errors import (
    I4qError,
    IntegrityError,
    NotFoundError,
    RegistryError,
    UnreachableError,
    UnsupportedError,
    UntrustedError,
)
from i4q_ai.model import Model
from i4q_ai.oci import contents, describing, media, opening, reading, referrers
from i4q_ai.oci.artifact import ABOUT
from i4q_ai.oci.downloads import extracting
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.signing import bundle as bundles
from i4q_ai.oci.signing import keys, statement, verifying
from i4q_ai.oci.signing.keys import SigningKey
from i4q_ai.oci.signing.verifying import Signature
from i4q_ai.oci.source import Repository
from i4q_ai.trust import Signer, Trust
from i4q_ai.workload import Workload

_log = logging.getLogger(__name__)

_MOST = 256
"""Signatures of one artifact that are looked at, as far as they fit into the size of a large one together."""
_SIGNATURE = "model.sig"
"""Where the signature lies when somebody puts it beside the files."""
_CONTENT = "dev.sigstore.bundle.content"
_PREDICATE = "dev.sigstore.bundle.predicateType"
_CREATED = "org.opencontainers.image.created"


@dataclass(frozen=True)
class Pushed:
    """What a signature of an artifact must be about.

    Args:
        digest: of its index or manifest.
        name: of the model or workload; of the repository, where it is neither.
        files: path → sha256 of each file, `i4q.json` included; None where it holds no files of ours.
    """

    digest: str
    name: str
    files: Mapping[str, str] | None

    @classmethod
    def of(cls, digest: str, thing: Model | Workload, about: bytes) -> Pushed:
        """A model or workload.

        Args:
            digest: of its index.
            thing: as `i4q.json` describes it.
            about: the bytes of that.
        """
        files = {file.path: file.sha256 for file in thing.files}
        return cls(digest, thing.name, {**files, ABOUT: hashlib.sha256(about).hexdigest()})


def sign(reference: str, key: SigningKey, *, timeout: float = 60, now: datetime | None = None) -> str:
    """Attach signatures to what is pushed: one over its files, and one over its digest, as cosign makes it.

    Doing it again with the same key attaches nothing.

    Args:
        reference: `host/repository[:tag]`, `oci:FOLDER[:tag]`, or by digest; a tag is resolved now.
        key: to sign with.
        timeout: in seconds, for all of it.
        now: written beside the signature, for people.

    Returns:
        The reference by digest.

    Raises:
        NotFoundError: there is no such artifact.
        RegistryError, UnreachableError, StorageError, DeadlineError: the signatures could not be written.
    """
    deadline = Deadline.after(timeout, f"signing {reference}")
    parsed = Reference.parse(describing.resolve(reference, timeout=timeout))
    digest = parsed.digest or ""
    repository = opening.source(parsed)
    subject, pushed = _pushed(repository, digest, str(parsed), deadline)
    written = (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
    payloads = {statement.COSIGN: statement.of_manifest(digest)}
    if pushed.files is not None:
        payloads[statement.MODEL] = statement.of_files(pushed.name, pushed.files, ignored=[_SIGNATURE])
    there = _kinds_by(key, fetched(repository, digest, deadline), pushed)
    for predicate, payload in payloads.items():
        if predicate not in there:
            referrers.attach(
                repository,
                subject,
                artifact_type=bundles.MEDIA_TYPE,
                data=key.sign(payload).dump(),
                deadline=deadline,
                annotations={_CONTENT: "dsse-envelope", _PREDICATE: predicate, _CREATED: written},
            )
    return str(parsed)


def verify(reference: str, trust: Trust, *, timeout: float = 60) -> Signature | None:
    """Check what can be checked of a pushed artifact before its files are fetched: who signed it, and its format.

    Args:
        reference: as for `sign`.
        trust: who may sign it, and which formats may come.
        timeout: in seconds.

    Returns:
        The signature that counts; None where none is needed.

    Raises:
        UntrustedError: nobody who is trusted has signed it, or its format is not one of the trusted.
        NotFoundError: there is no such artifact.
    """
    deadline = Deadline.after(timeout, f"verifying {reference}")
    parsed = Reference.parse(describing.resolve(reference, timeout=timeout))
    repository = opening.source(parsed)
    digest, where = parsed.digest or "", str(parsed)
    try:
        thing, about = read(repository, digest, where, deadline)
    except UnsupportedError:  # an image or a chart, of which only the digest can be signed
        name = parsed.name.rpartition("/")[2]
        rule, foreign = trust.rule(parsed.name, name), Pushed(digest, name, None)
        raw = fetched(repository, digest, deadline) if rule.signed else []
        return judge(raw, trust.signers_of(rule), foreign, where=where) if rule.signed else None
    pushed = Pushed.of(digest, thing, about)
    return admit(trust, parsed.name, thing, pushed, fetched(repository, digest, deadline), where)


def admit(
    trust: Trust, repository: str, thing: Model | Workload, pushed: Pushed, raw: Iterable[bytes], where: str
) -> Signature | None:
    """Refuse what a policy does not let in, by all that is known without its files.

    Args:
        trust: the policy.
        repository: where it comes from.
        thing: what it is.
        pushed: what a signature must be about.
        raw: the signatures there are.
        where: the reference, for errors.

    Raises:
        UntrustedError: it is not let in; says why.
    """
    rule = trust.rule(repository, thing.name)
    if isinstance(thing, Model) and rule.formats and thing.format not in rule.formats:
        raise UntrustedError(
            f"{where}: models of format '{thing.format}' are not trusted",
            hint=f"the trust policy lets in: {', '.join(rule.formats)}",
        )
    return judge(raw, trust.signers_of(rule), pushed, where=where) if rule.signed else None


def judge(raw: Iterable[bytes], signers: Mapping[str, Signer], pushed: Pushed, *, where: str) -> Signature:
    """The first signature that is right, is about this artifact and is by somebody who is trusted.

    Raises:
        UntrustedError: none is; says of each why not.
    """
    problems: list[I4qError] = []
    for one in raw:
        try:
            found = verifying.verify(one, signers, where="a signature")
        except (UntrustedError, IntegrityError, UnsupportedError) as error:
            problems.append(error)
            continue
        if wrong := _misfit(found, pushed):
            problems.append(UntrustedError(f"the signature of '{found.signer}' is about something else: {wrong}"))
            continue
        return found
    if not problems:
        raise UntrustedError(
            f"{where} is not signed; trusted are {verifying.shown(signers)}", hint=f"i4q sign {where} --key …"
        )
    told = "; ".join(dict.fromkeys(problem.what for problem in problems[:5]))
    raise UntrustedError(
        f"{where} has no signature that counts: {told}",
        hint=next((problem.hint for problem in problems if problem.hint), f"trusted are {verifying.shown(signers)}"),
    )


def fetched(repository: Repository, digest: str, deadline: Deadline) -> list[bytes]:
    """The signatures that refer to a digest, unchecked; those that cannot be read are left out.

    Raises:
        RegistryError, UnreachableError: nobody answers what there is.
    """
    found: list[bytes] = []
    for one in referrers.referrers(repository, digest, bundles.MEDIA_TYPE, deadline=deadline)[:_MOST]:
        room = bundles.LARGEST - sum(len(raw) for raw in found)
        try:
            layers = referrers.read(repository, one, digest, deadline=deadline, limit=room)
        except (RegistryError, UnreachableError, NotFoundError) as error:
            _log.warning("a signature of %s@%s cannot be read: %s", repository.name, digest, error.what)
            continue
        found += [raw for layer, raw in layers if layer.media_type == bundles.MEDIA_TYPE]
    return found


def name_of(reference: Reference, deadline: Deadline) -> str:
    """The name that rules know it by: of the model or workload, or the last part of its repository.

    Args:
        reference: by digest.
        deadline: for reading it.
    """
    try:
        return read(opening.source(reference), reference.digest or "", str(reference), deadline)[0].name
    except UnsupportedError:
        return reference.name.rpartition("/")[2]


def read(repository: Repository, digest: str, where: str, deadline: Deadline) -> tuple[Model | Workload, bytes]:
    """A model or workload as `i4q.json` describes it, and the bytes of that."""
    image = contents.image_of(reading.manifest(repository, digest, deadline), where=where)
    layer = contents.layers_of(reading.manifest(repository, image.digest, deadline), where=where)[-1]
    about = extracting.read_about(io.BytesIO(reading.blob(repository, layer, deadline)), where=where)
    return contents.thing_of(about, where=where), about


def _pushed(repository: Repository, digest: str, where: str, deadline: Deadline) -> tuple[Descriptor, Pushed]:
    raw = repository.manifest(digest, deadline)
    subject = Descriptor(contents.parse(raw, where=where).get("mediaType") or media.MANIFEST, digest, len(raw))
    try:
        thing, about = read(repository, digest, where, deadline)
    except UnsupportedError:  # an image or a chart: its digest can be signed all the same
        return subject, Pushed(digest, repository.name, None)
    return subject, Pushed.of(digest, thing, about)


def _misfit(found: Signature, pushed: Pushed) -> str:
    """Why a signature is not about an artifact; empty if it is."""
    signed = found.statement
    if signed.predicate == statement.COSIGN:
        return "" if pushed.digest in signed.subject else f"{', '.join(signed.subject)[:200]}"
    if signed.shard is not None:
        return "parts of files, of which an artifact tells no digests"
    return ", ".join(statement.differences(signed, pushed.files or {})[:3])


def _kinds_by(key: SigningKey, raw: Sequence[bytes], pushed: Pushed) -> set[str]:
    """The predicates of the signatures that a key has made of an artifact already."""
    mine = key.private.public_key()
    found = set()
    for one in raw:
        try:
            bundle = bundles.parse(one, where="a signature")
            if keys.is_by(bundle, mine) and bool(bundle.certificates) == bool(key.certificates):
                signed = statement.parse(bundle.payload)
                if not _misfit(Signature("", "", signed), pushed):
                    found.add(signed.predicate)
        except (IntegrityError, UnsupportedError) as error:
            _log.info("a signature of %s is passed over: %s", pushed.digest, error.what)
    return found
