"""`i4q key`, `i4q sign` and `i4q verify`: who stands for a model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from i4q_ai import config
from i4q_ai.cli import printing
from i4q_ai.cli.settings import Settings
from i4q_ai.cli.verbs import Verb, timeout_option
from i4q_ai.errors import InvalidError
from i4q_ai.trust import Signer, Trust, TrustRule

if TYPE_CHECKING:
    from i4q_ai.oci.signing.verifying import Signature

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(cls=Verb)
@click.argument("name")
@click.option("--curve", default="P-256", show_default=True, help="P-256, P-384 or P-521.")
@click.option("--encrypt", is_flag=True, help="With a passphrase: $I4Q_PASSPHRASE, or what you type.")
@click.pass_obj
def key(settings: Settings, name: str, curve: str, encrypt: bool) -> None:
    """Make a pair of keys: NAME.key, which only you may have, and NAME.pub, by which others know you."""
    from i4q_ai.oci.signing import keys

    path = Path(name)
    passphrase = _passphrase(f"Passphrase for {name}.key", confirm=True) if encrypt else None
    secret, public = keys.make(path.parent, path.name, curve=curve, passphrase=passphrase)
    printing.document(settings, {"key": str(secret), "public": str(public)}, text=f"{secret}\n{public}")


@click.command(cls=Verb)
@click.argument("what", metavar="REFERENCE|FOLDER")
@click.option("--key", "secret", type=_FILE, required=True, help="PEM file of your private key.")
@click.option("--chain", multiple=True, type=_FILE, help="PEM file of certificates, yours first; may be given again.")
@click.option("--to", type=_FILE, help="Of a folder: the file to write; else model.sig in it.")
@timeout_option(3600)
@click.pass_obj
def sign(settings: Settings, what: str, secret: Path, chain: tuple[Path, ...], to: Path | None, timeout: float) -> None:
    """Sign what is pushed, or a folder: as OpenSSF Model Signing and cosign do.

    The signature of what is pushed stands beside it; its digest stays. A key with a passphrase takes it from
    $I4Q_PASSPHRASE, or asks.
    """
    from i4q_ai.oci.signing import artifacts, folders, keys

    encrypted = b"ENCRYPTED" in keys.read(secret)
    passphrase = _passphrase(f"Passphrase for {secret}") if encrypted else None
    signing_key = keys.SigningKey.read(secret, passphrase=passphrase, chain=chain)
    if Path(what).is_dir():
        signature = folders.sign(Path(what), signing_key, to=to, timeout=timeout)
        printing.document(settings, {"signature": str(signature), "key": signing_key.hint}, text=str(signature))
        return
    if to is not None:
        raise InvalidError("--to is for the signature of a folder; what is pushed has it beside itself")
    reference = artifacts.sign(what, signing_key, timeout=timeout)
    printing.document(settings, {"reference": reference, "key": signing_key.hint}, text=reference)


@click.command(cls=Verb)
@click.argument("what", metavar="REFERENCE|FOLDER")
@click.option("--trust", type=_FILE, help="The file of a trust policy; else $I4Q_TRUST.")
@click.option("--key", "public", multiple=True, type=_FILE, help="A public key to trust; may be given again.")
@click.option("--root", type=_FILE, help="A root certificate to trust, with --identity.")
@click.option("--identity", "identities", multiple=True, metavar="GLOB", help="Whom of those that the root certifies.")
@click.option("--signature", type=_FILE, help="Of a folder: its signature; else model.sig in it.")
@timeout_option(3600)
@click.pass_obj
def verify(
    settings: Settings,
    what: str,
    trust: Path | None,
    public: tuple[Path, ...],
    root: Path | None,
    identities: tuple[str, ...],
    signature: Path | None,
    timeout: float,
) -> None:
    """Check who signed what is pushed, or a folder; of a folder, also that it is what was signed."""
    from i4q_ai.oci.signing import artifacts, folders

    policy = _policy(trust, public, root, identities)
    if Path(what).is_dir():
        found = folders.check(Path(what), policy, signature=signature, timeout=timeout)
    elif signature is not None:
        raise InvalidError("--signature is that of a folder; what is pushed has it beside itself")
    else:
        found = artifacts.verify(what, policy, timeout=timeout)
    _show(settings, what, found)


def _show(settings: Settings, what: str, found: Signature | None) -> None:
    if found is None:
        printing.document(settings, {"what": what, "signer": None}, text="the trust policy asks for no signature")
        return
    about = {"what": what, "signer": found.signer, "identity": found.identity, "predicate": found.statement.predicate}
    printing.document(settings, about, text=f"signed by '{found.signer}', {found.identity}")


def _policy(trust: Path | None, public: tuple[Path, ...], root: Path | None, identities: tuple[str, ...]) -> Trust:
    """The policy of a file, or one that asks for a signature by those who are named here, and for nothing else."""
    named = bool(public) or root is not None
    if named and trust is not None:
        raise InvalidError("--trust says who may sign; leave out --key and --root", hint="or the other way round")
    if not named:
        path = trust or config.trust()
        if path is None:
            raise InvalidError("nobody is trusted yet", hint="--key FILE, --trust FILE, or $I4Q_TRUST")
        return Trust.read(path)
    from i4q_ai.oci.signing import keys

    signers = {_name(path): Signer(key=keys.read(path).decode(errors="replace")) for path in public}
    if root is not None:
        pem = keys.read(root).decode(errors="replace")
        signers[_name(root)] = Signer(root=pem, identities=identities)
    elif identities:
        raise InvalidError("--identity says whom of a root to trust; there is no --root")
    return Trust(signers=signers, rules=(TrustRule(pickle=True),))


def _name(path: Path) -> str:
    """A name for a signer that is only known by a file."""
    letters = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in path.stem.lower())
    return letters.strip("-")[:63].rstrip("-") or "signer"


def _passphrase(question: str, *, confirm: bool = False) -> str:
    given = config.passphrase()
    if given is not None:
        return given
    if sys.stdin is None or not sys.stdin.isatty():
        raise InvalidError("the key has a passphrase, and nobody is here to ask", hint="set I4Q_PASSPHRASE")
    typed: str = click.prompt(question, hide_input=True, confirmation_prompt=confirm, err=True)
    return typed
