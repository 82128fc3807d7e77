"""Values as Oracle's literals, in the type of the column that they go into.

A literal has 4000 bytes at most, so a longer text is put together of CLOBs. A RAW literal has 2000 bytes and SQL cannot
put BLOBs together: a longer one is refused, and only a bind can write it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC
from typing import Any, Final

from dbfleet.engines.oracle.types import RAW_BYTES, Native
from dbfleet.engines.oracle.values import Refused, binder
from dbfleet.errors import StatementError, Unsupported
from dbfleet.values import Column, Type, decimal_text

_CHARACTERS: Final = 1000
"""Of one literal: four bytes each fit."""


def literals(columns: Sequence[Column], natives: Sequence[Native]) -> Callable[[int, Any], str]:
    """A function from a column's place and a value to its literal. StatementError for what Oracle does not hold."""
    binders = [binder(column, native) for column, native in zip(columns, natives, strict=True)]

    def literal(place: int, value: Any) -> str:
        column, native = columns[place], natives[place]
        try:
            return _literal(column.type, native, binders[place](value))
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
    found = [pieces[0]]
    for piece in pieces[1:]:
        found += [zero, piece]
    return " || ".join(piece for piece in found if piece) or "''"
