"""A table's schema by the values that SQLite stores, each in its own storage class, and these values as texts.

Any column may hold any class, so a text says which: 1, 1.0, '1' and x'31' are four values. Texts, numbers and blobs
(`\\x31`) are bare where nothing else is written so. Else the class stands before it: `text:1` where numbers are bare,
`number:1` in a column that is declared to hold texts, `broken:ff` for a text that is no UTF-8, by its bytes. It depends
on the declared type alone, so that two tables that are made alike have the same schema, whatever they hold.

Rows that go from table to table are never made into texts: `Stored` does it when somebody looks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Final

from dbfleet.columns import Convert
from dbfleet.engines.sqlite.native import text
from dbfleet.engines.sqlite.tables import Ask
from dbfleet.engines.sqlite.types import parse_declared
from dbfleet.values import Batch, Column, Row, Schema, Type, float_text

STORED: Final = "as SQLite stores it"
"""The note of a column whose values are texts that name their storage class."""


class BrokenText(bytes):
    """A text that is no UTF-8, by its bytes."""


# --- which columns --------------------------------------------------------------------------------------------------


def native(ask: Ask, schema: Schema) -> Schema:
    """The schema with its columns as they are stored. A column that can hold integers only stays one of integers. A
    full text table has its rowid for a key, by which others know its rows."""
    whole = integers(ask, schema.name)
    columns = tuple(_native(each, each.name in whole) for each in schema.columns)
    if _ROWID not in schema.names and module(ask, schema.name) in FULL_TEXT:
        return replace(schema, columns=(Column(_ROWID, Type.INT, False), *columns), key=(_ROWID,), native=True)
    return replace(schema, columns=columns, native=True)


FULL_TEXT: Final = frozenset({"fts3", "fts4", "fts5"})
_ROWID: Final = "rowid"


def module(ask: Ask, name: str) -> str:
    """The module of a virtual table; empty for any other."""
    rows = ask("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?", (name,))
    return text.module(str(rows[0][0])) if rows else ""


def _native(column: Column, whole: bool) -> Column:
    if whole:
        return Column(column.name, Type.INT, column.nullable, native=column.native, generated=column.generated)
    return Column(column.name, Type.TEXT, column.nullable, native=column.native, note=STORED,
                  generated=column.generated, shown=_shown(column))  # fmt: skip


def _shown(column: Column) -> Type | None:
    """The type of the closed set as which bare values are shown. What has its class before it is never taken for
    one."""
    if column.type is Type.TEXT or (column.type is Type.BYTES and column.note):
        return None
    return Type.INT if column.type is Type.BOOL else column.type


def integers(ask: Ask, table: str) -> set[str]:
    """The columns that hold nothing but integers, as SQLite sees to it: the one that is the rowid, and those of a
    STRICT table."""
    columns = ask("SELECT name, type, pk FROM pragma_table_xinfo(?)", (table,))
    strict = ask("SELECT 1 FROM pragma_table_list WHERE schema = 'main' AND name = ? AND strict", (table,))
    found = {name for name, declared, _ in columns if strict and declared.upper() in ("INT", "INTEGER")}
    return found | ({alias} if (alias := rowid_alias(ask, table)) else set())


def rowid_alias(ask: Ask, table: str) -> str | None:
    """The column that is the rowid by another name."""
    keys = ask("SELECT name, type FROM pragma_table_xinfo(?) WHERE pk", (table,))
    if len(keys) != 1 or keys[0][1].upper() != "INTEGER":
        return None
    indexed = ask("SELECT 1 FROM pragma_index_list(?) WHERE origin = 'pk'", (table,))  # INTEGER PRIMARY KEY DESC
    return None if indexed else str(keys[0][0])


def rowid(ask: Ask, table: str) -> str | None:
    """The word for the rowid, of a table that has one that is no column. None where each of its words is a column's."""
    if module(ask, table) in FULL_TEXT:
        return None  # there it is a column
    kinds = ask("SELECT wr, type FROM pragma_table_list WHERE schema = 'main' AND name = ?", (table,))
    if not kinds or kinds[0][0] or kinds[0][1] == "view" or rowid_alias(ask, table):
        return None
    names = {str(name).lower() for (name,) in ask("SELECT name FROM pragma_table_xinfo(?)", (table,))}
    return next((word for word in ("rowid", "_rowid_", "oid") if word not in names), None)


# --- values as texts ------------------------------------------------------------------------------------------------


def holds_texts(declared: str) -> bool:
    """Whether the column makes texts of numbers, by SQLite's own rule (datatype3.html, 3.1)."""
    word, _ = parse_declared(declared)
    return "INT" not in word and any(part in word for part in ("CHAR", "CLOB", "TEXT"))


_TEXT, _NUMERIC, _BROKEN, _BLOB = "text:", "number:", "broken:", "\\x"
_SIGNED: Final = (_TEXT, _NUMERIC, _BROKEN, _BLOB)
_a_number: Final = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?|Infinity)").fullmatch
"""Whether a number may be written so."""


def encoder(texts: bool) -> Convert:
    """A function that makes the text of a value of a column that is declared to hold `texts`, or anything else."""

    def encode(value: Any) -> str:
        if type(value) is str:
            sign = value.startswith(_SIGNED) or (not texts and _a_number(value))
            return f"{_TEXT}{value}" if sign else value
        if type(value) is bytes:
            return f"{_BLOB}{value.hex()}"
        if type(value) is BrokenText:
            return f"{_BROKEN}{value.hex()}"
        text = float_text(value) if type(value) is float else repr(value)
        return f"{_NUMERIC}{text}" if texts else text

    return encode


def decoder(texts: bool) -> Convert:
    """The inverse of `encoder`. ValueError for what is no text of a value."""

    def decode(text: str) -> Any:
        if text.startswith(_SIGNED):
            if text.startswith(_TEXT):
                return text[len(_TEXT) :]
            if text.startswith(_NUMERIC):
                return _number(text[len(_NUMERIC) :])
            if text.startswith(_BLOB):
                return bytes.fromhex(text[len(_BLOB) :])
            return BrokenText(bytes.fromhex(text[len(_BROKEN) :]))
        return text if texts or not _a_number(text) else _number(text)

    return decode


def _number(text: str) -> int | float:
    if text.lstrip("-").isdecimal():
        return int(text)
    return float(text)


@cache
def ways(declared: str) -> tuple[Convert, Convert]:
    """What makes texts of the values of a column that is declared so, and values of the texts."""
    texts = holds_texts(declared)
    return encoder(texts), decoder(texts)


# --- rows -----------------------------------------------------------------------------------------------------------


class Stored(list[Row]):
    """Rows as SQLite stores them (`raw`), each behind its rowid where `rowid` says so; whoever looks at them sees
    rows of texts, as the schema says. `broken`: a text among them may be no UTF-8."""

    def __init__(self, raw: list[Row], look: Callable[[Sequence[Row]], Batch], *, rowid: bool, broken: bool) -> None:
        super().__init__(raw)
        self.rowid, self.broken = rowid, broken
        self._look = look
        self._seen: Batch | None = None

    @property
    def raw(self) -> list[Row]:
        """The rows as they are stored."""
        return list(list.__iter__(self))

    def seen(self) -> Batch:
        """The rows as the schema says."""
        if self._seen is None:
            raw = self.raw
            self._seen = self._look([row[1:] for row in raw] if self.rowid else raw)
        return self._seen

    def __iter__(self) -> Iterator[Row]:
        return iter(self.seen())

    def __getitem__(self, place: Any) -> Any:
        return self.seen()[place]

    def __eq__(self, other: object) -> bool:
        return self.seen() == other

    __hash__ = None

    def __reduce__(self) -> Any:
        return list, (self.seen(),)
