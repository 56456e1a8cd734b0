"""Trust: who may sign what, and which formats may come; checked before anything is pinned, and before it is exposed."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from i4q_ai.errors import SchemaError, UntrustedError, nearest
from i4q_ai.thing import Document, FrozenDict, Name, Thing

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----[A-Za-z0-9+/=\s]+-----END \1-----")
_KEY, _CERTIFICATE = "PUBLIC KEY", "CERTIFICATE"
_LARGEST = 64 * 1024


def _pem(value: str, kind: str) -> str:
    if "PRIVATE KEY" in value:
        raise ValueError("this is a private key, which nobody else may see; give the public one")
    if len(value) > _LARGEST or [each[1] for each in _BLOCK.finditer(value)] != [kind]:
        raise ValueError(f"is no PEM with one {kind}")
    return value.strip() + "\n"


def _is_key(value: str) -> str:
    return _pem(value, _KEY)


def _is_certificate(value: str) -> str:
    return _pem(value, _CERTIFICATE)


class Signer(Thing):
    """Somebody who may sign: who has a key, or whom a root has given a certificate.

    Args:
        key: the public key, as PEM.
        root: the certificate at the root of the chain, as PEM.
        identities: with a root, whom of those it certifies: globs of e-mail addresses, URIs, DNS names, common names.
    """

    key: Annotated[str, AfterValidator(_is_key)] | None = None
    root: Annotated[str, AfterValidator(_is_certificate)] | None = None
    identities: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.key is None) == (self.root is None):
            raise ValueError("a signer is known by one 'key' or one 'root'")
        if (self.root is None) != (not self.identities):
            raise ValueError("'identities' say whom of a 'root' to trust; '*' is everybody with a certificate of it")
        return self


class TrustRule(Thing):
    """What is asked of artifacts.

    Args:
        repository: glob of the repositories it is about, as `registry.factory:5000/models/*`; `*` matches '/' too.
        name: glob of the names of models and workloads it is about.
        signed: a signature is needed.
        by: names of signers, one of whom is enough; all if not given.
        formats: of models that may come; any if not given.
        pickle: also files that can run code when they are loaded; only signed ones.
    """

    repository: str = Field(default="*", min_length=1)
    name: str = Field(default="*", min_length=1)
    signed: bool = True
    by: tuple[Name, ...] = ()
    formats: tuple[str, ...] = ()
    pickle: bool = False

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.pickle and not self.signed:
            raise ValueError("'pickle' can run code, so it must be 'signed'")
        if self.by and not self.signed:
            raise ValueError("'by' says who must have signed, and nobody must: leave it out, or 'signed: true'")
        return self

    def matches(self, repository: str, name: str) -> bool:
        """Whether it is about an artifact."""
        return fnmatchcase(repository, self.repository) and fnmatchcase(name, self.name)


class Trust(Document):
    """Who may sign what, and which formats may come.

    Args:
        signers: name → who.
        rules: the first that matches counts; what none matches is refused.
        edge: clusters check it too, before they expose anything; else only the hub does.

    Example:
        >>> Trust.from_yaml('''
        ... apiVersion: i4q-ai/v1
        ... kind: Trust
        ... rules:
        ...   - {repository: "registry.factory:5000/trial/*", signed: false, formats: [onnx]}
        ... ''').rule("registry.factory:5000/trial/wear", "wear").formats
        ('onnx',)
    """

    signers: Annotated[dict[Name, Signer], AfterValidator(FrozenDict)] = Field(default_factory=FrozenDict)
    rules: tuple[TrustRule, ...] = ()
    edge: bool = False

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        for position, rule in enumerate(self.rules):
            for name in rule.by:
                if name not in self.signers:
                    raise ValueError(f"rules.{position}.by: no signer '{name}'; {nearest(name, self.signers)}")
            if rule.signed and not self.signers:
                raise ValueError(f"rules.{position} wants a signature, and there are no 'signers'")
        return self

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file; a `key` or `root` in it may be the path of a PEM file, from where the file lies.

        Raises:
            NotFoundError: there is no such file.
            SchemaError: it is broken, or does not fit.
        """
        from i4q_ai import yamls

        data = yamls.load(yamls.read(path), where=str(path))
        signers = data.get("signers") if isinstance(data, dict) else None
        for signer in signers.values() if isinstance(signers, dict) else ():
            for field in ("key", "root"):
                text = signer.get(field) if isinstance(signer, dict) else None
                if isinstance(text, str) and "-----BEGIN" not in text:
                    signer[field] = yamls.read(path.parent / text)
        return cls.from_data(data, where=str(path))

    def to_json(self) -> str:
        """The policy in one line, for programs; `from_json` reads it."""
        return self.model_dump_json(exclude_defaults=True)

    @classmethod
    def from_json(cls, text: str, *, where: str) -> Self:
        """Read what `to_json` wrote.

        Raises:
            SchemaError: it is something else.
        """
        import json

        try:
            data = json.loads(text)
        except ValueError as error:
            raise SchemaError(f"{where}: not JSON: {error}") from error
        return cls.parse(data, where=where)

    def rule(self, repository: str, name: str) -> TrustRule:
        """The rule about an artifact.

        Raises:
            UntrustedError: none is.
        """
        for rule in self.rules:
            if rule.matches(repository, name):
                return rule
        raise UntrustedError(
            f"no rule says whether '{name}' of {repository} can be trusted",
            hint=f"a rule with repository: '{repository}' in the trust policy",
        )

    def signers_of(self, rule: TrustRule) -> dict[str, Signer]:
        """Name → each of whom may sign what a rule is about."""
        return {name: self.signers[name] for name in (rule.by or self.signers)}

    def narrowed(self, repository: str, name: str) -> Self:
        """The part that is about one artifact, wherever it is fetched from.

        Raises:
            UntrustedError: none is.
        """
        rule = self.rule(repository, name)
        signers = self.signers_of(rule) if rule.signed else {}
        return self.replace(signers=signers, rules=(rule.replace(repository="*", name="*"),))


def repository_of(reference: str) -> str:
    """A reference without its tag and digest.

    Example:
        >>> repository_of("registry.factory:5000/models/wear:1@sha256:00"), repository_of("oci:/srv/models/wear:1")
        ('registry.factory:5000/models/wear', 'oci:/srv/models/wear')
    """
    rest = reference.partition("@")[0]
    head, _, tag = rest.rpartition(":")
    return head if "/" not in tag and head not in ("", "oci") else rest
