"""A plain folder: its files hashed, signed into a file beside them, and compared with what was signed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from i4q_ai.deadline import Deadline
from i4q_ai.errors import IntegrityError, InvalidError, NotFoundError, StorageError, UnsupportedError, UntrustedError
from i4q_ai.oci import disk
from i4q_ai.oci.signing import bundle as bundles
from i4q_ai.oci.signing import statement, verifying
from i4q_ai.oci.signing.keys import SigningKey
from i4q_ai.oci.signing.statement import Statement
from i4q_ai.oci.signing.verifying import Signature
from i4q_ai.trust import Signer, Trust

SIGNATURE = "model.sig"
"""The name of the signature in a folder."""
_CHUNK = 4 * 1024 * 1024


def sign(folder: Path, key: SigningKey, *, to: Path | None = None, timeout: float = 3600) -> Path:
    """Sign all files of a folder.

    Args:
        folder: of a model; Git's own files at its top do not count.
        key: to sign with.
        to: the file to write; `model.sig` in the folder if not given. What was there is replaced.
        timeout: in seconds.

    Returns:
        The file with the signature.

    Raises:
        NotFoundError: there is no such folder.
        InvalidError: there is nothing in it to sign, or something that is no file.
    """
    folder = _folder(folder)
    target = (to or folder / SIGNATURE).absolute()
    ignored = _inside(folder, target)
    deadline = Deadline.after(timeout, f"signing {folder}")
    hashes = {
        path: _hash(folder / path, deadline) for path in _files(folder, ignored={*ignored, SIGNATURE}, links=False)
    }
    if not hashes:
        raise InvalidError(f"{folder} holds no file to sign")
    left_out = {*ignored, *(name for name in (SIGNATURE,) if (folder / name).exists())}
    payload = statement.of_files(folder.name, hashes, ignored=sorted(left_out))
    disk.write(target, [key.sign(payload).dump()])
    return target


def verify(
    folder: Path, signers: Mapping[str, Signer], *, signature: Path | None = None, timeout: float = 3600
) -> Signature:
    """Check that a folder holds just what somebody who is trusted has signed.

    Args:
        folder: of a model.
        signers: name → who may have signed.
        signature: the file; `model.sig` in the folder if not given.
        timeout: in seconds.

    Raises:
        UntrustedError: there is no signature, or it is by somebody else.
        IntegrityError: a file is missing, has changed, or was added.
    """
    folder = _folder(folder)
    path = (signature or folder / SIGNATURE).absolute()
    found = verifying.verify(_read(path), signers, where=str(path))
    if found.statement.predicate != statement.MODEL:
        raise UnsupportedError(f"{path} is a signature of a manifest, not of the files of a folder")
    deadline = Deadline.after(timeout, f"verifying {folder}")
    ignored = {*found.statement.ignored, *_inside(folder, path)}
    differences = statement.differences(found.statement, _hashes(folder, found.statement, ignored, deadline))
    if differences:
        more = f", and {len(differences) - 5} more" if len(differences) > 5 else ""
        raise IntegrityError(f"{folder} is not what '{found.signer}' has signed: {', '.join(differences[:5])}{more}")
    return found


def check(folder: Path, trust: Trust, *, signature: Path | None = None, timeout: float = 3600) -> Signature | None:
    """Check a folder against a policy: who signed it, and that no file in it can run code when it is loaded.

    Args:
        folder: of a model; its path is the repository of the rules, and its name the name.
        trust: the policy.
        signature: as for `verify`.
        timeout: in seconds.

    Raises:
        UntrustedError: the policy does not let it in.
        IntegrityError: a file is missing, has changed, or was added.
    """
    folder = _folder(folder)
    rule = trust.rule(str(folder), folder.name)
    found = verify(folder, trust.signers_of(rule), signature=signature, timeout=timeout) if rule.signed else None
    if not rule.pickle:
        from i4q_ai.oci.signing import pickles

        for path, why in pickles.scan(folder, _files(folder, ignored=set(), links=True)).items():
            raise UntrustedError(f"{folder / path} can run code when it is loaded: {why}")
    return found


def _hashes(folder: Path, signed: Statement, ignored: set[str], deadline: Deadline) -> dict[str, str]:
    listed = {name.rsplit(":", 2)[0] if signed.shard else name for name in signed.resources}
    paths = _files(folder, ignored=ignored, links=signed.links, listed=listed)
    if signed.shard is None:
        return {path: _hash(folder / path, deadline) for path in paths}
    return {
        name: _hash(folder / path, deadline, start=start, end=end)
        for path in paths
        for name, start, end in statement.shards(path, (folder / path).stat().st_size, signed.shard)
    }


def _files(folder: Path, *, ignored: set[str], links: bool, listed: Collection[str] = ()) -> Iterator[str]:
    """Paths of all files, with '/'.

    Args:
        folder: to look in.
        ignored: paths of files and folders that do not count.
        links: to files count as such; else they are an error.
        listed: paths that count although they are Git's: old releases have signed them.
    """
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        parts = name.split("/")
        unseen = statement.is_unseen(name) and name not in listed
        if unseen or any("/".join(parts[: at + 1]) in ignored for at in range(len(parts))):
            continue
        if path.is_symlink() and not (links and path.is_file()):
            raise InvalidError(f"{path} is a link, and a link is not signed", hint="put the file itself there")
        if path.is_file():
            yield name
        elif not path.is_dir():
            raise InvalidError(f"{path} is neither a file nor a folder")


def _hash(path: Path, deadline: Deadline, *, start: int = 0, end: int | None = None) -> str:
    digest, at = hashlib.sha256(), start
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(start)
            while chunk := file.read(_CHUNK if end is None else min(_CHUNK, end - at)):
                deadline.check()
                digest.update(chunk)
                at += len(chunk)
    except TimeoutError:
        raise
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error
    return digest.hexdigest()


def _folder(folder: Path) -> Path:
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 - '..' goes, and links stay
    if not folder.is_dir():
        raise NotFoundError(f"there is no folder {folder}")
    return folder


def _inside(folder: Path, path: Path) -> set[str]:
    return {path.relative_to(folder).as_posix()} if path.is_relative_to(folder) else set()


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(bundles.LARGEST + 1)
    except FileNotFoundError as error:
        raise UntrustedError(f"there is no signature {path}", hint="i4q sign FOLDER makes one") from error
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error
    if len(raw) > bundles.LARGEST:
        raise IntegrityError(f"{path} is no signature: it has more than {bundles.LARGEST} bytes")
    return raw
