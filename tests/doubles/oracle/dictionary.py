"""The dictionary queries that the double answers, each by its whole text, from what the store knows.

The texts stand here and not in the adapter on purpose: an adapter that asks something else gets ORA-03001, not an
answer to another question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from tests.doubles.oracle import wire
from tests.doubles.oracle.store import Store, StoredTable
from tests.doubles.oracle.types import ANY_NUMBER, Column, Kind, text_kind

BANNER: Final = "dbfleet wire double for Oracle Release 23.0.0.0.0 - this is no Oracle Database"

_OWNER: Final = "owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA')"
_VERSION: Final = "SELECT banner FROM v$version"
_NAMES: Final = f"SELECT table_name FROM all_tab_comments WHERE {_OWNER} AND table_type IN ('TABLE', 'VIEW')"
_TABLE: Final = f"SELECT table_type, comments FROM all_tab_comments WHERE {_OWNER} AND table_name = :1"
_COLUMNS: Final = (
    "SELECT c.column_name, c.data_type, c.data_length, c.char_length, c.char_used, c.data_precision, c.data_scale, "
    "c.nullable, c.virtual_column, m.comments FROM all_tab_cols c LEFT JOIN all_col_comments m ON m.owner = c.owner "
    "AND m.table_name = c.table_name AND m.column_name = c.column_name "
    f"WHERE c.{_OWNER} AND c.table_name = :1 AND c.hidden_column = 'NO' ORDER BY c.column_id"
)
_KEYS: Final = (
    "SELECT c.constraint_type, c.constraint_name, k.column_name, p.table_name, p.column_name FROM all_constraints c "
    "JOIN all_cons_columns k ON k.owner = c.owner AND k.constraint_name = c.constraint_name "
    "LEFT JOIN all_cons_columns p ON p.owner = c.owner AND c.r_owner = c.owner "
    "AND p.constraint_name = c.r_constraint_name AND p.position = k.position "
    f"WHERE c.{_OWNER} AND c.table_name = :1 AND c.constraint_type IN ('P', 'R') "
    "ORDER BY c.constraint_name, k.position"
)

Answer = tuple[list[tuple[str, Kind]], Iterator[tuple[bytes | None, ...]]]
_TEXT: Final = text_kind(4000)


def answer(text: str, store: Store, binds: Sequence[bytes | None]) -> Answer | None:
    """The columns and rows of a dictionary query; None for any other statement."""
    found = _QUERIES.get(" ".join(text.split()))
    if found is None:
        return None
    columns, rows = found
    asked = (binds[0] or b"").decode() if binds else ""
    return columns, (tuple(map(_bytes, row)) for row in rows(store, asked))


def _bytes(value: Any) -> bytes | None:
    if value is None:
        return None
    return wire.number(Decimal(value)) if isinstance(value, int) else str(value).encode() or None


def _version(store: Store, asked: str) -> Iterator[tuple[Any, ...]]:
    yield (BANNER,)


def _names(store: Store, asked: str) -> Iterator[tuple[Any, ...]]:
    yield from ((name,) for name in list(store.tables))


def _table(store: Store, asked: str) -> Iterator[tuple[Any, ...]]:
    if found := store.tables.get(asked):
        yield "TABLE", found.comment


def _columns(store: Store, asked: str) -> Iterator[tuple[Any, ...]]:
    for each in _of(store, asked).columns if asked in store.tables else []:
        nullable = "Y" if each.nullable else "N"
        yield (each.name, each.data_type, each.kind.size, *_sizes(each), *_digits(each), nullable, "NO", each.comment)


def _of(store: Store, name: str) -> StoredTable:
    return store.tables[name]


def _sizes(column: Column) -> tuple[int, str | None]:
    return (column.kind.chars, column.unit) if column.unit else (0, None)


def _digits(column: Column) -> tuple[int | None, int | None]:
    kind = column.kind
    if kind.code == wire.NUMBER:
        return (kind.precision, kind.scale) if kind.precision else (None, None)
    return None, kind.scale if kind.code in (wire.TIMESTAMP, wire.TIMESTAMP_TZ) else None


def _keys(store: Store, asked: str) -> Iterator[tuple[Any, ...]]:
    if asked not in store.tables:
        return
    table = _of(store, asked)
    for name in table.key:
        yield "P", table.key_name, name, None, None
    for number, each in enumerate(table.foreign, 1):
        for own, key in zip(each.columns, each.keys, strict=True):
            yield "R", f"{table.key_name}_{number}", own, each.table.name, key


_Rows = Callable[[Store, str], Iterator[tuple[Any, ...]]]
_QUERIES: Final[dict[str, tuple[list[tuple[str, Kind]], _Rows]]] = {
    _VERSION: ([("BANNER", _TEXT)], _version),
    _NAMES: ([("TABLE_NAME", _TEXT)], _names),
    _TABLE: ([("TABLE_TYPE", _TEXT), ("COMMENTS", _TEXT)], _table),
    _COLUMNS: (
        [("COLUMN_NAME", _TEXT), ("DATA_TYPE", _TEXT), ("DATA_LENGTH", ANY_NUMBER), ("CHAR_LENGTH", ANY_NUMBER),
         ("CHAR_USED", _TEXT), ("DATA_PRECISION", ANY_NUMBER), ("DATA_SCALE", ANY_NUMBER), ("NULLABLE", _TEXT),
         ("VIRTUAL_COLUMN", _TEXT), ("COMMENTS", _TEXT)],
        _columns,
    ),
    _KEYS: (
        [("CONSTRAINT_TYPE", _TEXT), ("CONSTRAINT_NAME", _TEXT), ("COLUMN_NAME", _TEXT), ("TABLE_NAME", _TEXT),
         ("COLUMN_NAME", _TEXT)],
        _keys,
    ),
}  # fmt: skip
