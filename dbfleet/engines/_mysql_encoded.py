"""The fast path: a statement's rows as CSV or JSON Lines from the wire's own bytes, byte for byte what formats/ makes.

No value becomes an object of Python where its text is canonical already (integers, dates, plain text); a column of a
batch is looked at in one piece for what would need quotes or a closer look.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

from dbfleet.adapter import ResultColumn
from dbfleet.engines._mysql_values import BIT, GEOMETRY, VECTOR, YEAR, Raw, reader, tolerated
from dbfleet.engines._mysql_wire import ZEROFILL, Field, RawRow
from dbfleet.engines._sql import Lexis, Statement, tokens
from dbfleet.values import TEXT_OF, Type, json_text, type_of

Cells = Sequence[bytes]
Render = Callable[[Raw], Cells]

_READS: Final = frozenset({"SELECT", "WITH", "VALUES", "TABLE", "SHOW", "DESCRIBE", "DESC", "EXPLAIN"})
_WRITES: Final = frozenset({"INTO", "INSERT", "UPDATE", "DELETE", "REPLACE"})


def gives_rows(statement: Statement, lexis: Lexis) -> bool:
    """Whether the statement surely gives rows, or fails. SELECT … FOR UPDATE is left to the plain path."""
    if not statement.words or statement.words[0] not in _READS:
        return False
    return not any(token.kind == "word" and token.text.upper() in _WRITES for token in tokens(statement.text, lexis))


def header(columns: Sequence[ResultColumn], word: Literal["csv", "jsonl"]) -> bytes:
    """What stands before the first row."""
    names = [column.name.encode() for column in columns]
    return b",".join(map(_csv_cell, names)) + b"\n" if word == "csv" else b""


def lines(
    columns: Sequence[ResultColumn], fields: Sequence[Field], word: Literal["csv", "jsonl"]
) -> Callable[[list[RawRow]], bytes]:
    """A function from raw rows to their lines."""
    pairs = list(zip(columns, fields, strict=True))
    if word == "csv":
        plan = [_render(column, field, b"", _csv_text, _csv_value) for column, field in pairs]

        def csv(rows: list[RawRow]) -> bytes:
            cells = [render(values) for render, values in zip(plan, zip(*rows, strict=True), strict=True)]
            return b"\n".join(map(b",".join, zip(*cells, strict=True))) + b"\n"

        return csv
    plan = [_render(column, field, b"null", _json_texts, _json_value) for column, field in pairs]
    names = [json.dumps(column.name, ensure_ascii=False).encode().replace(b"%", b"%%") for column in columns]
    template = b"{" + b",".join(name + b":%b" for name in names) + b"}\n"

    def jsonl(rows: list[RawRow]) -> bytes:
        cells = [render(values) for render, values in zip(plan, zip(*rows, strict=True), strict=True)]
        return b"".join(map(template.__mod__, zip(*cells, strict=True)))

    return jsonl


# --- one column of a batch --------------------------------------------------------------------------------------------


def _render(
    column: ResultColumn, field: Field, null: bytes, quoted: Callable[[Cells], Cells], value_of: Callable[[Any], bytes]
) -> Render:
    """How a column's values are rendered; `quoted` is for what is text in the format, `value_of` for any value."""
    number = null == b""  # in CSV everything is written bare
    read = reader(column.type, field)

    def generic(values: Raw) -> Cells:
        return [null if value is None else value_of(tolerated(read, value)) for value in values]

    def each(convert: Callable[[bytes], bytes], strange: re.Pattern[bytes] | None = None, mark: bytes = b"") -> Render:
        def render(values: Raw) -> Cells:
            if strange and strange.search(b"\0".join([value for value in values if value is not None])):
                return generic(values)
            return [null if value is None else mark + convert(value) + mark for value in values]

        return render

    def plain(values: Raw) -> Cells:
        return [null if value is None else value for value in values] if None in values else values  # type: ignore[return-value]

    def text(values: Raw) -> Cells:
        if None not in values:
            return quoted(values)  # type: ignore[arg-type]
        there = iter(quoted([value for value in values if value is not None]))
        return [null if value is None else next(there) for value in values]

    mark = b"" if number else b'"'
    if field.kind in (BIT, GEOMETRY, VECTOR):
        return generic
    match column.type:
        case Type.INT:
            return generic if field.flags & ZEROFILL or field.kind == YEAR else plain
        case Type.DECIMAL:
            return each(_decimal)
        case Type.FLOAT:
            return each(_float)
        case Type.BOOL:
            return each(lambda value: b"true" if value == b"1" else b"false", _NO_BOOL)
        case Type.BYTES:
            return each(base64.b64encode, None, mark) if mark else each(_base64)
        case Type.DATE:
            return each(bytes, _NO_DATE, mark)
        case Type.DATETIME:
            return each(_moment, _NO_DATE, mark)
        case Type.INSTANT:
            return each(lambda value: _moment(value) + b"Z", _NO_DATE, mark)
        case Type.TEXT | None:
            return text
    return generic


_NO_BOOL: Final = re.compile(rb"[^01\0]|[01]{2}")
_NO_DATE: Final = re.compile(rb"-00|(?:\A|\0)0000")
"""0000-00-00 and the like, which stay the server's own text."""


def _decimal(value: bytes) -> bytes:
    if b"." in value:
        value = value.rstrip(b"0").rstrip(b".")
    return b"0" if value == b"-0" else value


def _float(value: bytes) -> bytes:
    return float.__repr__(float(value)).encode()


def _moment(value: bytes) -> bytes:
    if b"." in value:
        value = value.rstrip(b"0").rstrip(b".")
    return value.replace(b" ", b"T", 1)


def _base64(value: bytes) -> bytes:
    return base64.b64encode(value) or b'""'


_CSV_MARKS: Final = re.compile(rb'[,"\n\r]')


def _csv_cell(value: bytes) -> bytes:
    if value and not _CSV_MARKS.search(value):
        return value
    return b'"' + value.replace(b'"', b'""') + b'"'


def _csv_text(values: Cells) -> Cells:
    return values if all(values) and not _CSV_MARKS.search(b"".join(values)) else list(map(_csv_cell, values))


def _csv_value(value: Any) -> bytes:
    type_ = type_of(value)
    return _csv_cell((TEXT_OF[type_](value) if type_ else str(value)).encode())


_JSON_MARKS: Final = re.compile(rb'["\\\x00-\x1f]')


def _json_texts(values: Cells) -> Cells:
    if not _JSON_MARKS.search(b"".join(values)):
        return [b'"' + value + b'"' for value in values]
    return [json.dumps(value.decode(), ensure_ascii=False).encode() for value in values]


def _json_value(value: Any) -> bytes:
    type_ = type_of(value)
    if type_ in (Type.INT, Type.BOOL, Type.DECIMAL):
        return TEXT_OF[type_](value).encode()
    if type_ is Type.JSON:
        return json_text(value).encode()
    return json.dumps(TEXT_OF[type_](value) if type_ else str(value), ensure_ascii=False).encode()
