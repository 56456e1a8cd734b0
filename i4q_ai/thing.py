"""What all things share: frozen, compared by value, strict about fields, YAML in and out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, NoReturn, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from i4q_ai.errors import SchemaError, nearest

API_VERSION = "i4q-ai/v1"
_UNKNOWN_FIELD = "unknown_field"

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_LABEL_PART = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_PREFIX = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_DIGEST = re.compile(r"sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}")


class FrozenDict(dict[Any, Any]):
    """A dict that does not change, so that a frozen thing is frozen to the bottom."""

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("things do not change; make a new one with .model_copy(update=…)")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)


def _is_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(
            f"{value!r} is no name: 1 to 63 of a-z, 0-9 and '-', beginning and ending with a letter or digit"
        )
    return value


def _is_version(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError(f"a version is text, this is {value!r}; write it in quotes")
    if not _VERSION.fullmatch(value):
        raise ValueError(
            f"{value!r} is no version: up to 128 of letters, digits, '.', '_', '-', not beginning with '.' or '-'"
        )
    return value


def is_label_key(value: str) -> str:
    """A label key by Kubernetes' grammar: `[prefix/]name`."""
    prefix, _, name = value.rpartition("/")
    if not _LABEL_PART.fullmatch(name) or ("/" in value and not _PREFIX.fullmatch(prefix)):
        raise ValueError(f"{value!r} is no label key: [prefix/]name, the name up to 63 letters, digits, '.', '_', '-'")
    return value


def is_label_value(value: str) -> str:
    """A label value by Kubernetes' grammar: empty, or up to 63 characters."""
    if value and not _LABEL_PART.fullmatch(value):
        raise ValueError(f"{value!r} is no label value: up to 63 letters, digits, '.', '_', '-'")
    return value


def _is_digest(value: str) -> str:
    if not _DIGEST.fullmatch(value):
        raise ValueError(f"{value!r} is no digest: sha256:<64 hex> or sha512:<128 hex>")
    return value


def _shown_as(pattern: re.Pattern[str]) -> WithJsonSchema:
    """What a JSON Schema says of a text that a validator judges."""
    return WithJsonSchema({"type": "string", "pattern": f"^({pattern.pattern})$"})


Name = Annotated[str, AfterValidator(_is_name), _shown_as(_NAME)]
"""A DNS label: it becomes the name of objects, folders and variables."""
Version = Annotated[str, BeforeValidator(_is_version), _shown_as(_VERSION)]
"""For people, immutable; by the grammar of OCI tags."""
Digest = Annotated[str, AfterValidator(_is_digest), _shown_as(_DIGEST)]
"""The identity of content: `sha256:…`."""
Labels = Annotated[
    dict[Annotated[str, AfterValidator(is_label_key)], Annotated[str, AfterValidator(is_label_value)]],
    AfterValidator(FrozenDict),
]
"""Label keys and values by Kubernetes' grammar."""


@cache
def _fields(thing: type[BaseModel]) -> tuple[frozenset[str], frozenset[str]]:
    """The names of its fields: as they are told, and as they are accepted."""
    known = frozenset(field.alias or name for name, field in thing.model_fields.items())
    return known, known | thing.model_fields.keys()


class Thing(BaseModel):
    """A frozen, strict value: unknown fields are refused with the nearest known name."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        defer_build=True,
        populate_by_name=True,
        allow_inf_nan=False,
        ser_json_bytes="base64",
    )

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise schema_error(type(self).__name__, error) from error

    @model_validator(mode="before")
    @classmethod
    def _no_unknown_fields(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        known, accepted = _fields(cls)
        for key in data:
            if key not in accepted:
                raise PydanticCustomError(
                    _UNKNOWN_FIELD,
                    "unknown field '{field}'; {hint}",
                    {"field": str(key), "hint": nearest(str(key), known)},
                )
        return data

    @classmethod
    def parse(cls, data: Any, *, where: str = "") -> Self:
        """Make the thing from plain data.

        Args:
            data: what a YAML or JSON file holds.
            where: the file, for the error.

        Raises:
            SchemaError: with the path of every field that does not fit.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise schema_error(where or cls.__name__, error) from error

    def dump(self) -> dict[str, Any]:
        """Plain data: only what was set to something else than its default."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed, validated."""
        return type(self)(**{**{name: getattr(self, name) for name in type(self).model_fields}, **changes})


class Document(Thing):
    """A thing that stands in a file of its own: `apiVersion`, `kind`, then its fields."""

    def to_yaml(self) -> str:
        """The thing as YAML, fields in the order of the type."""
        from i4q_ai import yamls

        return yamls.dump({"apiVersion": API_VERSION, "kind": type(self).__name__, **self.dump()})

    @classmethod
    def from_yaml(cls, text: str, *, where: str = "<yaml>") -> Self:
        """Read what `to_yaml` wrote.

        Args:
            text: one YAML document.
            where: the file's name, for errors.

        Raises:
            SchemaError: broken YAML (with line and column), another kind, unknown or unfit fields.
        """
        from i4q_ai import yamls

        data = yamls.load(text, where=where)
        with yamls.lines(text, where=where):
            return cls.from_data(data, where=where)

    @classmethod
    def from_data(cls, data: Any, *, where: str = "<data>") -> Self:
        """Like `from_yaml`, from what the YAML holds."""
        if not isinstance(data, Mapping):
            raise SchemaError(f"{where}: a {cls.__name__} is a mapping, this is a {type(data).__name__}")
        fields = dict(data)
        version, kind = fields.pop("apiVersion", None), fields.pop("kind", None)
        if version != API_VERSION:
            raise SchemaError(f"{where}: apiVersion is {version!r}, not '{API_VERSION}'")
        if kind != cls.__name__:
            raise SchemaError(
                f"{where}: kind is {kind!r}, not '{cls.__name__}'", hint=nearest(str(kind), [cls.__name__])
            )
        return cls.parse(fields, where=where)


def _findings(error: ValidationError) -> Iterator[tuple[str, str]]:
    for item in error.errors(include_url=False, include_input=False):
        path = ".".join(str(part) for part in item["loc"])
        cause = item.get("ctx", {}).get("error")
        if isinstance(cause, SchemaError) and cause.findings:
            for inner, message in cause.findings:
                yield ".".join(part for part in (path, inner) if part), message
        else:
            if item["type"] == _UNKNOWN_FIELD:
                path = ".".join(part for part in (path, item["ctx"]["field"]) if part)
            yield path, item["msg"].removeprefix("Value error, ")


def schema_error(where: str, error: ValidationError) -> SchemaError:
    """Pydantic's error as ours: every field's path and what is wrong with it; never its value's repr."""
    return SchemaError(where, findings=tuple(_findings(error)))
