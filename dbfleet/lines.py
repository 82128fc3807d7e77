r"""The line format: rows as bytes, as engines exchange them. No Python object is made for a value.

    7\t12.50\t\\xcafe\tfirst\\nsecond\t\N\t2024-03-01 10:00:00.25+00\n

1. A line is a row: its cells in the schema's order, a tab between two cells, a newline after the last one. A chunk is
   any number of whole lines. The text is UTF-8.
2. NULL is `\N`. In every other cell backslash, backspace, form feed, newline, return, tab and vertical tab are written
   as `\\ \b \f \n \r \t \v`; nothing else is escaped.
3. bool is `t` or `f`; bytes are `\x` (with its backslash escaped: `\\x`) and hex; an instant is in UTC and ends in
   `+00`. Numbers, times and json may have any form that reads back: `1.5` or `1.50`, a blank or T before the time. Text
   and uuids are as they are.
4. Equal lines are equal rows; equal rows may have different lines.
5. Lines in the order of a key have the key's columns first. Integers are ordered by value; text, uuids and dates by the
   bytes of their canonical text. No other type is known to have the same order in all engines (`ORDERED`).

PostgreSQL's COPY writes and reads this format, so PostgreSQL converts the values and we only move bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from dbfleet.errors import StatementError
from dbfleet.values import VALUE_OF, Column, Type

NULL: Final = b"\\N"
ORDERED: Final = (Type.INT, Type.TEXT, Type.UUID, Type.DATE)
"""The types of a key whose order we know in every engine: integers by value, the others by the bytes of their text."""

_MARKS: Final = b"\\\b\f\n\r\t\v"
_ESCAPES: Final = tuple(
    (bytes([mark]), b"\\" + bytes([letter])) for mark, letter in zip(_MARKS, b"\\bfnrtv", strict=True)
)
"""The backslash comes first, because every other escape contains one."""
_MARK_OF: Final = {escape[1:]: mark for mark, escape in _ESCAPES}
_ESCAPED: Final = re.compile(rb"\\(.)", re.DOTALL)


# --- cells ----------------------------------------------------------------------------------------------------------


def needs_escapes(text: bytes) -> bool:
    """Whether something in the text must be escaped. It takes 0.3 ns per byte: test a whole column in one piece."""
    return len(text.translate(None, _MARKS)) < len(text)


def escape(text: bytes) -> bytes:
    """The text as a cell."""
    for mark, instead in _ESCAPES:
        if mark in text:
            text = text.replace(mark, instead)
    return text


def unescape(cell: bytes) -> bytes:
    """The inverse of `escape`."""
    if b"\\" not in cell:
        return cell
    return _ESCAPED.sub(lambda escaped: _MARK_OF.get(escaped[1], escaped[1]), cell)


def bytes_cell(data: bytes) -> bytes:
    """Bytes as a cell."""
    return b"\\\\x" + data.hex().encode()


def bytes_of(cell: bytes) -> bytes:
    """The bytes of a cell that is not NULL."""
    return bytes.fromhex(cell[3:].decode())


def value_of(column: Column, cell: bytes) -> Any:
    """The value of a cell. StatementError for a value that the type cannot hold (an infinite date)."""
    if cell == NULL:
        return None
    text = unescape(cell).decode()
    try:
        return _VALUE[column.type](text)
    except (ValueError, ArithmeticError, KeyError):
        raise not_ours(column, text) from None


def not_ours(column: Column, text: str) -> StatementError:
    """The error for a value that the column's type cannot hold."""
    return StatementError(
        f"column {column.name} holds {text}, which is no {column.type} of ours",
        hint="change the value or leave the row out; a plain query shows it as text",
    )


def value_of_text(column: Column, text: str, otherwise: Any) -> Any:
    """The value of a text; `otherwise` where it is none of the type."""
    try:
        return _VALUE[column.type](text)
    except (ValueError, ArithmeticError, KeyError):
        return otherwise


_VALUE: Final[dict[Type, Callable[[str], Any]]] = {
    Type.BOOL: {"t": True, "f": False}.__getitem__,
    Type.INT: int,
    Type.DECIMAL: Decimal,
    Type.FLOAT: float,
    Type.TEXT: str,
    Type.BYTES: lambda text: bytes.fromhex(text[2:]),
    Type.DATE: date.fromisoformat,
    Type.TIME: time.fromisoformat,
    Type.DATETIME: datetime.fromisoformat,
    Type.INSTANT: VALUE_OF[Type.INSTANT],
    Type.UUID: UUID,
    Type.JSON: VALUE_OF[Type.JSON],
}


# --- lines ----------------------------------------------------------------------------------------------------------


def joined(columns: Sequence[Sequence[bytes]]) -> bytes:
    """The lines of these columns of cells; each column has one cell for each row."""
    return b"\n".join(map(b"\t".join, zip(*columns, strict=True))) + b"\n"


class Counted(bytes):
    """A chunk of whole rows in a form of the engine's own, which only the same engine reads: how many there are."""

    rows: int


def rows_in(chunk: bytes) -> int:
    """The number of rows in a chunk."""
    return chunk.rows if isinstance(chunk, Counted) else chunk.count(b"\n")


def order_of(key: Sequence[Column]) -> Callable[[bytes], Any]:
    """A function from a line (without its newline) to its place in the order of the key, whose cells come first."""
    width = len(key)
    if width == 1 and key[0].type is Type.INT:
        return lambda line: int(line.partition(b"\t")[0])
    changes = [int if column.type is Type.INT else unescape for column in key]
    return lambda line: [change(cell) for change, cell in zip(changes, line.split(b"\t", width), strict=False)]
