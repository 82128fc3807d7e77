"""Values as Oracle's literals, in the type of the column that they go into; and, with them, changes of rows as
statements and a condition as a part.

A literal has 4000 bytes at most, so a longer text is put together of CLOBs. A RAW literal has 2000 bytes at most, and
SQL cannot put BLOBs together: longer bytes are refused, as only a bind can write them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC
from typing import Any, Final

from dbfleet.adapter import Change, Condition, Part
from dbfleet.engines.oracle.tables import Table
from dbfleet.engines.oracle.text import LEXIS
from dbfleet.engines.oracle.types import EMPTY, RAW_BYTES, Native
from dbfleet.engines.oracle.values import Refused, binders
from dbfleet.errors import StatementError, Unsupported
from dbfleet.sql.changes import Spelling
from dbfleet.sql.changes import statements as change_statements
from dbfleet.sql.conditions import part as condition_part
from dbfleet.values import Column, Schema, Type, decimal_text

_CHARACTERS: Final = 1000
"""Characters of one literal, which may have four bytes each."""


def statements(table: Table, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
    """The changes as statements. A column that is computed, or always generated as identity, is not written."""
    natives = [table.column(name) for name in schema.names]
    computed = frozenset(native.name for native in natives if native.generated)
    always = frozenset(native.name for native in natives if native.always)
    spelling = Spelling(
        table.sql, LEXIS.quote, literals(schema.columns, natives), computed=computed, fixed=always, counted=always
    )
    yield from change_statements(schema, changes, spelling)


def chosen(table: Table, schema: Schema, condition: Condition) -> Part | None:
    """The part that the condition chooses. None where it asks of a LOB, to which nothing is equal."""
    natives = [table.column(name) for name in schema.names]
    asked = [natives[schema.names.index(name)] for name in condition.columns]
    if any(native.is_lob or native.binds or native.reads for native in asked):
        return None  # nothing is equal to a LOB, and a native text is none of the condition's values
    return condition_part(schema, condition, LEXIS.quote, literals(schema.columns, natives))


def literals(columns: Sequence[Column], natives: Sequence[Native]) -> Callable[[int, Any], str]:
    """A function that spells a value by its column's place. StatementError for what Oracle cannot hold."""
    making = [binders(column, native) for column, native in zip(columns, natives, strict=True)]

    def literal(place: int, value: Any) -> str:
        column, native = columns[place], natives[place]
        try:
            if native.own and native.data_type in EMPTY and value in ("", b""):
                return EMPTY[native.data_type]
            first, *rest = native.writes.split("{}")
            made = [_literal(column.type, native, make(value)) for make in making[place]]
            return first + "".join(literal + text for literal, text in zip(made, rest, strict=True))
        except Refused as error:
            raise StatementError(f"column {column.name}: {error}") from error

    return literal


def _literal(type_: Type, native: Native, value: Any) -> str:
    if value in ("", b""):
        return "NULL"
    if isinstance(value, bytes):
        if len(value) > RAW_BYTES:
            raise Unsupported(
                f"column {native.name}: Oracle's SQL has no literal of {len(value)} bytes, it ends at {RAW_BYTES}",
                hint="--yes writes it",
            )
        raw = f"HEXTORAW('{value.hex().upper()}')"
        return f"TO_BLOB({raw})" if native.is_lob else raw
    match type_:
        case Type.BOOL | Type.INT:
            return str(value)
        case Type.DECIMAL:
            return decimal_text(value)
        case Type.FLOAT:
            return _float(value)
        case Type.DATE:
            return f"DATE '{value.isoformat()}'"
        case Type.DATETIME:
            return f"TIMESTAMP '{value.isoformat(' ', 'microseconds')}'"
        case Type.INSTANT:
            naive = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
            zone = " +00:00" if "ZONE" in native.data_type else ""
            return f"TIMESTAMP '{naive.isoformat(' ', 'microseconds')}{zone}'"
    return _text(native, value)


def _float(value: float) -> str:
    if value != value:
        return "BINARY_DOUBLE_NAN"
    if value in (float("inf"), float("-inf")):
        return f"{'-' if value < 0 else ''}BINARY_DOUBLE_INFINITY"
    return f"{value!r}d"


def _text(native: Native, value: str) -> str:
    national = native.data_type in ("NVARCHAR2", "NCHAR", "NCLOB")
    parts = [value[start : start + _CHARACTERS] for start in range(0, len(value), _CHARACTERS)] or [""]
    made = [_quoted(part, national) for part in parts]
    if not native.is_lob:
        return " || ".join(made)
    return " || ".join(f"{'TO_NCLOB' if national else 'TO_CLOB'}({part})" for part in made)


def _quoted(text: str, national: bool) -> str:
    start, zero = ("N'", "NCHR(0)") if national else ("'", "CHR(0)")
    pieces = [start + piece.replace("'", "''") + "'" if piece else "" for piece in text.split("\0")]
    parts = [pieces[0]]
    for piece in pieces[1:]:
        parts += [zero, piece]
    return " || ".join(part for part in parts if part) or "''"
