"""Huge values, which are read in slices: a small server has no memory to send them whole.

MySQL takes 278 MB to send a value of 100 MB whole, and 136 MB to send it in slices of 32 MB; MariaDB 190 and 135. So a
scan of a table that has such values gives NULL for them. Their rows come after all others, each alone, with slices that
are asked for by the row's key. max_allowed_packet does not limit slices.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final

from dbfleet.adapter import BATCH_BYTES
from dbfleet.engines._mysql.literals import literal
from dbfleet.engines._mysql.parts import by_keys
from dbfleet.engines._mysql.server import Ask
from dbfleet.engines._mysql.types import LEXIS, TEXTS, words
from dbfleet.engines._mysql.wire import RawRow, Wire
from dbfleet.values import Batch, Column, Schema, Type

HUGE: Final = 32 << 20
"""From so many bytes on a value is huge, and is read in slices."""
_SLICE: Final = 32 << 20
_LONGEST_CHARACTER: Final = 4
_FEW: Final = 5
_SUSPECT: Final = 16 << 10
"""From this average of a row's bytes on a table is searched for a huge value. One in a thousand rows makes the average
larger than this. The search reads the table once."""


def _long(schema: Schema, size: int) -> list[Column]:
    """The columns whose type can hold values of so many bytes."""
    return [
        column
        for column in schema.columns
        if column.type in (Type.TEXT, Type.BYTES, Type.JSON) and (column.length or size) >= size
    ]


def first_are_large(schema: Schema, ask: Ask) -> bool:
    """Whether one of the first rows is larger than a batch."""
    return _largest_of_first(schema, _long(schema, BATCH_BYTES), ask) > BATCH_BYTES


def _largest_of_first(schema: Schema, columns: Sequence[Column], ask: Ask) -> int:
    if not columns:
        return 0
    sizes = " + ".join(f"COALESCE(LENGTH({LEXIS.quote(column.name)}), 0)" for column in columns)
    found = ask(f"SELECT {sizes} FROM {LEXIS.quote(schema.name)} LIMIT {_FEW}")
    return max((int(size or 0) for (size,) in found), default=0)


def has_huge(schema: Schema, ask: Ask) -> bool:
    """Whether the table has a key and holds huge values. A table that is small, or has small rows, is not read for it.
    MySQL's numbers may be a day old, so the first rows are looked at too."""
    columns = _sliced(schema)
    if not columns:
        return False
    if _largest_of_first(schema, columns, ask) > HUGE:
        return True
    ((suspect,),) = ask(
        f"SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = "
        f"{literal(schema.name, Type.TEXT)} AND data_length > {HUGE} AND avg_row_length > {_SUSPECT}"
    )
    return suspect != "0" and _any(schema, columns, "", ask)


def has_huge_among(schema: Schema, where: str, ask: Ask) -> bool:
    """Whether one of the few rows that `where` chooses, a WHERE with a space before it, has a huge value."""
    columns = _sliced(schema)
    return bool(columns) and _any(schema, columns, where, ask)


def _any(schema: Schema, columns: Sequence[Column], where: str, ask: Ask) -> bool:
    huge = " OR ".join(f"LENGTH({LEXIS.quote(column.name)}) > {HUGE}" for column in columns)
    condition = f"{where} AND ({huge})" if where else f" WHERE {huge}"
    return bool(ask(f"SELECT 1 FROM {LEXIS.quote(schema.name)}{condition} LIMIT 1"))


def _sliced(schema: Schema) -> list[Column]:
    if not schema.key:
        return []
    return [
        each
        for each in _long(schema, HUGE)
        if each.type is not Type.JSON
        and each.name not in schema.key
        and not (each.type is Type.BYTES and words(each.native or "")[0] in TEXTS)
    ]


class Slices:
    """How a table with huge values is read. `select` gives NULL for a huge value; for each column that may hold one it
    has a further column, which says whether this row does."""

    def __init__(self, schema: Schema, expressions: Sequence[str], where: str) -> None:
        self._schema = schema
        self._columns = _sliced(schema)
        shown = list(expressions)
        flags = []
        for column in self._columns:
            place = schema.names.index(column.name)
            flags.append(f"COALESCE(LENGTH({LEXIS.quote(column.name)}) > {HUGE}, 0)")
            shown[place] = f"IF({flags[-1]}, NULL, {shown[place]})"
        self.select = f"SELECT {', '.join([*shown, *flags])} FROM {LEXIS.quote(schema.name)}{where}"

    def apart(self, rows: Sequence[RawRow]) -> tuple[list[RawRow], list[RawRow]]:
        """The rows that are whole; and those that lack a huge value, which still have the flags."""
        width = len(self._schema.columns)
        lacking = [row for row in rows if b"1" in row[width:]]
        return [row[:width] for row in rows if b"1" not in row[width:]], lacking

    def whole(
        self, wire: Wire, lacking: Sequence[RawRow], read: Callable[[list[RawRow]], Batch], folding: Collection[str]
    ) -> Iterator[Batch]:
        """The rows with their huge values, a batch each. A row that was removed meanwhile is left out."""
        width = len(self._schema.columns)
        for row in lacking:
            values = list(row[:width])
            (shown,) = read([row[:width]])
            condition = by_keys(self._schema, [tuple(shown[place] for place in self._schema.key_indexes)], folding)
            for column, flag in zip(self._columns, row[width:], strict=True):
                if flag == b"1":
                    value = self._joined(wire, column, condition)
                    if value is None:
                        break
                    values[self._schema.names.index(column.name)] = value
            else:
                yield read([tuple(values)])

    def _joined(self, wire: Wire, column: Column, condition: str) -> bytes | None:
        step = _SLICE if column.type is Type.BYTES else _SLICE // _LONGEST_CHARACTER
        pieces: list[bytes] = []
        while True:
            start = len(pieces) * step + 1
            wire.execute(
                f"SELECT SUBSTRING({LEXIS.quote(column.name)}, {start}, {step}) "
                f"FROM {LEXIS.quote(self._schema.name)} WHERE {condition}"
            )
            found = wire.fetch(2)
            wire.abandon()
            if len(found) != 1 or found[0][0] is None:
                return None
            pieces.append(found[0][0])
            characters = len(pieces[-1]) if column.type is Type.BYTES else len(pieces[-1].decode())
            if characters < step:
                return b"".join(pieces)
