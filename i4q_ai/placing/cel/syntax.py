"""The tree of a compiled expression, as the CEL runtime writes it down: protocol buffers of `cel.expr.CheckedExpr`.

The runtime shows its tree to nobody, but it writes it down and reads it back. Only what is looked at here is named; all
else passes through as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

CONSTANT, IDENT, SELECT, CALL, LIST, STRUCT, COMPREHENSION = 3, 4, 5, 6, 7, 8, 9
"""What a node is: the number of the field that says so."""

_ANY_VALUE, _CHECKED_EXPR = 2, 4
_STRING, _BYTES = 6, 7
_CHILDREN = {SELECT: (1,), CALL: (1, 3), LIST: (1,), COMPREHENSION: (2, 4, 5, 6, 7)}
_ENTRIES, _ENTRY_CHILDREN = 2, (3, 4)
_NAMES = {COMPREHENSION: (1, 3, 8)}
_KINDS = frozenset({CONSTANT, IDENT, STRUCT, *_CHILDREN})


_VARINT, _FIXED64, _LONG, _FIXED32 = 0, 1, 2, 5
_WIDTHS = {_FIXED64: 8, _FIXED32: 4}


class Field(NamedTuple):
    """A field of a message.

    Args:
        number: which it is.
        wire: how it is written.
        value: a whole number, or bytes.
    """

    number: int
    wire: int
    value: int | bytes


Message = tuple[Field, ...]


class Node(NamedTuple):
    """A node of the tree.

    Args:
        written: all of it.
        kind: what it is; 0 for none that is known here.
        body: the message that says more.
    """

    written: bytes
    kind: int
    body: Message

    @property
    def name(self) -> str:
        """Of an identifier, a selected field, or a called function."""
        return _text(self.body, 1 if self.kind == IDENT else 2)

    @property
    def tested(self) -> bool:
        """Whether it asks only if a field is there."""
        return any(field.number == 3 for field in self.body)

    @property
    def target(self) -> Node | None:
        """What a field is selected of, or a member is called on."""
        return next((node(value) for value in _values(self.body, 1)), None)

    @property
    def arguments(self) -> list[Node]:
        """Of a call."""
        return [node(value) for value in _values(self.body, 3)]

    @property
    def text(self) -> str | None:
        """What a constant is; None if it is no string."""
        return next((value.decode() for value in _values(self.body, _STRING)), None) if self.kind == CONSTANT else None

    @property
    def variables(self) -> list[str]:
        """Names that a comprehension gives to its own variables."""
        return [_text(self.body, number) for number in _NAMES.get(self.kind, ())]

    def children(self) -> Iterator[Node]:
        """The nodes below it."""
        for number in _CHILDREN.get(self.kind, ()):
            yield from map(node, _values(self.body, number))
        if self.kind == STRUCT:
            for entry in _values(self.body, _ENTRIES):
                yield from (node(value) for number in _ENTRY_CHILDREN for value in _values(read(entry), number))


def node(written: bytes) -> Node:
    """The node that is written here."""
    for number, _, value in read(written):
        if number in _KINDS and isinstance(value, bytes):
            return Node(written, number, read(value))
    return Node(written, 0, ())


def root(checked: bytes) -> Node:
    """The topmost node of what the runtime wrote down."""
    return node(_value(read(_value(read(checked), _ANY_VALUE)), _CHECKED_EXPR))


def with_root(checked: bytes, written: bytes) -> bytes:
    """The same with another topmost node."""
    outer = read(checked)
    inner = write(_with(read(_value(outer, _ANY_VALUE)), _CHECKED_EXPR, written))
    return write(_with(outer, _ANY_VALUE, inner))


def constant(like: Node, value: bytes) -> bytes:
    """Bytes as a constant in the place of a node."""
    kept = [field for field in read(like.written) if field.number != like.kind]
    return write([*kept, Field(CONSTANT, _LONG, write([Field(_BYTES, _LONG, value)]))])


def with_children(of: Node, change: Callable[[Node], bytes]) -> bytes:
    """A node whose children are changed; entries of maps stay as they are.

    Args:
        of: the node.
        change: from each child to what is written instead.
    """
    below = _CHILDREN.get(of.kind, ())
    if not below:
        return of.written
    body = [
        Field(number, wire, change(node(value)) if number in below and isinstance(value, bytes) else value)
        for number, wire, value in of.body
    ]
    return write(_with(read(of.written), of.kind, write(body)))


def read(written: bytes) -> Message:
    """The fields of a message.

    Raises:
        ValueError: it is none.
    """
    fields: list[Field] = []
    place = 0
    while place < len(written):
        tag, place = _number(written, place)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, place = _number(written, place)
            fields.append(Field(number, wire, value))
            continue
        if wire not in (_LONG, *_WIDTHS):
            raise ValueError(f"field {number} is written in a way that is not known: {wire}")
        length, place = _number(written, place) if wire == _LONG else (_WIDTHS[wire], place)
        fields.append(Field(number, wire, written[place : place + length]))
        place += length
    return tuple(fields)


def write(fields: Iterable[Field]) -> bytes:
    """What `read` reads."""
    out = bytearray()
    for number, wire, value in fields:
        out += _varint(number << 3 | wire)
        if isinstance(value, int):
            out += _varint(value)
        else:
            out += (_varint(len(value)) if wire == _LONG else b"") + value
    return bytes(out)


def _text(message: Message, wanted: int) -> str:
    return _value(message, wanted).decode()


def _value(message: Message, wanted: int) -> bytes:
    return next(iter(_values(message, wanted)), b"")


def _values(message: Message, wanted: int) -> list[bytes]:
    return [value for number, _, value in message if number == wanted and isinstance(value, bytes)]


def _with(message: Message, wanted: int, new: bytes) -> Message:
    return tuple(Field(number, wire, new if number == wanted else value) for number, wire, value in message)


def _number(written: bytes, place: int) -> tuple[int, int]:
    found = shift = 0
    while True:
        digit = written[place]
        place += 1
        found |= (digit & 127) << shift
        if digit < 128:
            return found, place
        shift += 7


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)
