"""YAML in and out: safe, with the C loader where there is one, errors with line and column."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from i4q_ai.errors import NotFoundError, SchemaError

LARGEST = 16 * 1024 * 1024
"""Bytes that a file may have; more is no file that a person or this package has written."""
_DEEPEST = 100
"""Levels of nesting; whatever reads the data may go down them by recursion."""
_MOST_VALUES = 1_000_000
"""Values after every alias is replaced by what it stands for: a few lines can mean billions."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Strict(_Loader):  # type: ignore[misc]
    """Refuses what people never mean: a key given twice, a key that is a list, a date that no calendar has."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep=deep)
        except ValueError as error:
            raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from error


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[Any, Any]:
    seen = set()
    for key_node, _ in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(None, None, "a key must be one word or text", key_node.start_mark)
        if (key_node.tag, key_node.value) in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key_node.value!r} stands twice", key_node.start_mark
            )
        seen.add((key_node.tag, key_node.value))
    loader.flatten_mapping(node)
    return dict(yaml.constructor.BaseConstructor.construct_mapping(loader, node, deep=True))


_Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


class _Plain(_Dumper):  # type: ignore[misc]
    """No anchors: a file for people repeats what is the same."""

    def ignore_aliases(self, _: Any) -> bool:
        return True


def read(path: Path) -> str:
    """The text of a file for people.

    Raises:
        NotFoundError: there is none.
        SchemaError: it cannot be read, is no text, or is larger than any such file.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        text = content.decode() if len(content) <= LARGEST else None
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no file '{path}'") from error
    except UnicodeDecodeError as error:
        raise SchemaError(f"{path}: is no text in UTF-8 (byte {error.start})") from error
    except (OSError, ValueError) as error:
        raise SchemaError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if text is None:
        raise SchemaError(f"{path}: is larger than {LARGEST >> 20} MiB", hint="give a YAML file")
    return text


def load(text: str, *, where: str = "<yaml>") -> Any:
    """Read one YAML document.

    Raises:
        SchemaError: broken YAML, with the line and column where it breaks.
    """
    documents = load_all(text, where=where)
    if len(documents) != 1:
        raise SchemaError(f"{where}: expected one YAML document, found {len(documents)}")
    return documents[0]


def load_all(text: str, *, where: str = "<yaml>") -> list[Any]:
    """Read all YAML documents of a text; empty ones are left out."""
    try:
        _refuse_bombs(text)
        return [document for document in yaml.load_all(text, Loader=_Strict) if document is not None]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise SchemaError(f"{where}:{place}: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise SchemaError(f"{where}: {error}") from error


@contextlib.contextmanager
def lines(text: str, *, where: str, document: int = 0) -> Iterator[None]:
    """What does not fit inside is told with the line on which it stands.

    Args:
        text: that was read.
        where: the file's name.
        document: which of those that are not empty, from 0.
    """
    try:
        yield
    except SchemaError as error:
        if not error.findings:
            raise
        nodes = [node for node in yaml.compose_all(text, Loader=_Loader) if not _is_empty(node)]
        told = tuple((_told(nodes[document], path), message) for path, message in error.findings)
        raise SchemaError(where, hint=error.hint, findings=told) from error


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _told(node: yaml.Node, path: str) -> str:
    line = _line(node, path)
    return f"{path} (line {line})" if path else f"line {line}"


def _line(node: yaml.Node, path: str) -> int:
    """The line of what a path leads to, or of the last on the way that is there."""
    line: int = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        position, _, rest = path.partition(".")
        if position.isdigit() and int(position) < len(node.value):
            return _line(node.value[int(position)], rest)
    elif isinstance(node, yaml.MappingNode):
        fitting = [pair for pair in node.value if f"{path}.".startswith(f"{pair[0].value}.")]
        if fitting:
            key, below = max(fitting, key=lambda pair: len(pair[0].value))  # a label's key may have dots
            rest = path.removeprefix(str(key.value)).removeprefix(".")
            return _line(below, rest) if rest else int(key.start_mark.line) + 1
    return line


def _refuse_bombs(text: str) -> None:
    """Look at a text event by event, before anything is built of it.

    Raises:
        yaml.MarkedYAMLError: it is nested too deep, or means too much.
    """
    open_since: list[tuple[str | None, int]] = []
    meant: dict[str, int] = {}
    values = 0
    event: Any
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_since.pop()
            if anchor is not None:
                meant[anchor] = values - before
        elif isinstance(event, yaml.CollectionStartEvent):
            open_since.append((event.anchor, values))
            values += 1
        elif isinstance(event, yaml.AliasEvent):
            values += meant.get(str(event.anchor), 1)
        elif isinstance(event, yaml.ScalarEvent):
            values += 1
            if event.anchor is not None:
                meant[event.anchor] = 1
        if len(open_since) > _DEEPEST:
            raise yaml.MarkedYAMLError(problem=f"nested deeper than {_DEEPEST} levels", problem_mark=event.start_mark)
        if values > _MOST_VALUES:
            problem = f"more than {_MOST_VALUES} values, aliases replaced by what they stand for"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)


def dump(data: Any) -> str:
    """Write plain data as one YAML document, keys in their order."""
    text: str = yaml.dump(data, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=120, default_flow_style=False)
    return text


def diff(before: Any, after: Any) -> Iterator[str]:
    """The lines in which two values differ as YAML, each with one line around; None is no text at all.

    Example:
        >>> list(diff({"replicas": 3}, {"replicas": 1}))
        ['-replicas: 3', '+replicas: 1']
    """
    had, has = ([] if data is None else dump(data).splitlines() for data in (before, after))
    # The two header lines name files, and there are none; whoever asks says what is compared.
    for position, line in enumerate(difflib.unified_diff(had, has, lineterm="", n=1)):
        if position >= 2 and not line.startswith("@@"):
            yield line
