"""The dictionary queries that the double answers, each by its whole text, from what the store knows.

The texts stand here and not in the adapter on purpose: an adapter that asks something else gets ORA-03001, not an
answer to another question.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from tests.doubles.oracle import native, wire
from tests.doubles.oracle.store import Store, StoredIndex, StoredTable
from tests.doubles.oracle.types import ANY_NUMBER, Column, Kind, text_kind

BANNER: Final = "dbfleet wire double for Oracle Release 23.0.0.0.0 - this is no Oracle Database"

_OWNER: Final = "owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA')"
_VERSION: Final = "SELECT banner FROM v$version"
_IDENTITY: Final = (
    "SELECT SYS_CONTEXT('USERENV', 'DB_UNIQUE_NAME'), SYS_CONTEXT('USERENV', 'CON_NAME'), "
    "SYS_CONTEXT('USERENV', 'SERVER_HOST'), SYS_CONTEXT('USERENV', 'INSTANCE_NAME'), "
    "SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') FROM dual"
)
_NAMES: Final = (
    f"SELECT table_name, table_type FROM all_tab_comments WHERE {_OWNER} AND table_type IN ('TABLE', 'VIEW')"
)
_TABLE: Final = f"SELECT table_type, comments FROM all_tab_comments WHERE {_OWNER} AND table_name = :1"
_COLUMNS: Final = (
    "SELECT c.column_name, c.data_type, c.data_length, c.char_length, c.char_used, c.data_precision, c.data_scale, "
    "c.nullable, c.virtual_column, m.comments, c.hidden_column, c.default_length, g.generation_type "
    "FROM all_tab_cols c LEFT JOIN all_col_comments m ON m.owner = c.owner "
    "AND m.table_name = c.table_name AND m.column_name = c.column_name "
    "LEFT JOIN all_tab_identity_cols g ON g.owner = c.owner "
    "AND g.table_name = c.table_name AND g.column_name = c.column_name "
    f"WHERE c.{_OWNER} AND c.table_name = :1 AND c.user_generated = 'YES' ORDER BY c.column_id, c.internal_column_id"
)
_KEYS: Final = (
    "SELECT c.constraint_type, c.constraint_name, k.column_name, p.table_name, p.column_name FROM all_constraints c "
    "JOIN all_cons_columns k ON k.owner = c.owner AND k.constraint_name = c.constraint_name "
    "LEFT JOIN all_cons_columns p ON p.owner = c.owner AND c.r_owner = c.owner "
    "AND p.constraint_name = c.r_constraint_name AND p.position = k.position "
    f"WHERE c.{_OWNER} AND c.table_name = :1 AND c.constraint_type IN ('P', 'R') "
    "ORDER BY c.constraint_name, k.position"
)
_CONSTRAINTS: Final = (
    "SELECT c.constraint_type, c.constraint_name, c.status, c.index_name, c.search_condition_vc, k.column_name "
    "FROM all_constraints c JOIN all_cons_columns k ON k.owner = c.owner AND k.constraint_name = c.constraint_name "
    f"WHERE c.{_OWNER} AND c.table_name = :1 AND c.constraint_type IN ('C', 'P', 'U') "
    "ORDER BY c.constraint_name, k.position, k.column_name"
)
_INDEXES: Final = (
    "SELECT i.index_name, i.uniqueness, i.index_type, i.status, i.visibility, c.descend, c.column_name "
    "FROM all_indexes i JOIN all_ind_columns c ON c.index_owner = i.owner AND c.index_name = i.index_name "
    f"WHERE i.table_{_OWNER} AND i.table_name = :1 AND i.index_type <> 'LOB' ORDER BY i.index_name, c.column_position"
)
_EXPRESSIONS: Final = (
    "SELECT index_name, column_position, column_expression FROM all_ind_expressions "
    f"WHERE table_{_OWNER} AND table_name = :1 ORDER BY index_name, column_position"
)
_DEFAULTS: Final = (
    "SELECT column_name, default_on_null, data_default FROM all_tab_cols "
    f"WHERE {_OWNER} AND table_name = :1 AND user_generated = 'YES' "
    "AND default_length IS NOT NULL ORDER BY column_id, internal_column_id"
)
_SEQUENCE: Final = (
    "SELECT increment_by, cache_size, last_number, min_value, max_value FROM all_sequences "
    "WHERE sequence_name = :1 AND sequence_owner = NVL(:2, SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA'))"
)
_FOREIGN: Final = (
    "SELECT constraint_type, constraint_name, delete_rule, deferrable, deferred, status, validated, r_owner, "
    "r_constraint_name, CASE WHEN r_owner <> owner THEN 'YES' ELSE 'NO' END FROM all_constraints "
    f"WHERE {_OWNER} AND table_name = :1 AND constraint_type IN ('P', 'U', 'R') ORDER BY constraint_name"
)
_COMMENTS: Final = (
    f"SELECT column_name, comments FROM all_col_comments WHERE {_OWNER} AND table_name = :1 AND comments IS NOT NULL "
    "ORDER BY column_name"
)
_OBJECTS: Final = (
    f"SELECT object_type, object_name FROM all_objects WHERE {_OWNER} AND generated = 'N' AND secondary = 'N' "
    "AND object_type NOT IN ('TABLE', 'INDEX', 'LOB', 'TRIGGER', 'PACKAGE BODY', 'TYPE BODY', 'TABLE PARTITION', "
    "'TABLE SUBPARTITION', 'INDEX PARTITION', 'INDEX SUBPARTITION', 'LOB PARTITION', 'LOB SUBPARTITION') "
    "ORDER BY object_type, object_name"
)
_HERE: Final = _OWNER.removeprefix("owner")
_KIND: Final = f"SELECT iot_type, temporary, cluster_name, read_only FROM all_tables WHERE {_OWNER} AND table_name = :1"
_NOTHING: Final = (
    "SELECT p.partitioning_type, k.column_name FROM all_part_tables p JOIN all_part_key_columns k "
    "ON k.owner = p.owner AND k.name = p.table_name AND k.object_type = 'TABLE' "
    f"WHERE p.{_OWNER} AND p.table_name = :1 ORDER BY k.column_position",
    f"SELECT mview_name FROM all_mviews WHERE {_OWNER} AND mview_name = :1",
    f"SELECT type_name FROM all_external_tables WHERE {_OWNER} AND table_name = :1",
    f"SELECT policy_name FROM all_policies WHERE object_{_OWNER} AND object_name = :1 ORDER BY policy_name",
    f"SELECT grantee FROM all_tab_privs WHERE table_schema{_HERE} AND table_name = :1 UNION ALL "
    f"SELECT grantee FROM all_col_privs WHERE table_schema{_HERE} AND table_name = :2",
    f"SELECT trigger_name FROM all_triggers WHERE {_OWNER} AND TRIM(base_object_type) NOT IN ('TABLE', 'VIEW') "
    "ORDER BY trigger_name",
)
"""What nothing here has."""
_TRIGGERS: Final = (
    f"SELECT trigger_name FROM all_triggers WHERE table_{_OWNER} AND table_name = :1 ORDER BY trigger_name"
)

Answer = tuple[list[tuple[str, Kind]], Iterator[tuple[bytes | None, ...]]]
_TEXT: Final = text_kind(4000)
_LONG: Final = Kind(wire.LONG, 0)


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
    yield from ((name, "TABLE") for name in list(store.tables))


def _table(store: Store, asked: str) -> Iterator[tuple[Any, ...]]:
    if found := store.tables.get(asked):
        yield "TABLE", found.comment


def _columns(store: Store, asked: str) -> Iterator[tuple[Any, ...]]:
    for each in _of(store, asked).columns if asked in store.tables else []:
        nullable = "Y" if each.nullable else "N"
        default = len(each.default) if each.default else None
        yield (each.name, each.data_type, each.kind.size, *_sizes(each), *_digits(each), nullable, "NO", each.comment,
               "NO", default, None)  # fmt: skip


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


def _constraints(store: Store, asked: str) -> Iterator[tuple[Any, ...]]:
    table = store.tables.get(asked)
    if table is None:
        return
    for name in table.key:
        yield "P", table.key_name, "ENABLED", table.key_name, None, name
    for place, column in enumerate(table.columns):
        conditions = [words for words, there in (("NOT NULL", not column.nullable), ("JSON", column.is_json)) if there]
        for words in conditions:
            name = f"{table.key_name}{place:03}{words[0]}"
            yield "C", name, "ENABLED", None, f'"{column.name}" IS {words}', column.name


def _indexes(store: Store, asked: str) -> Iterator[tuple[Any, ...]]:
    table = store.tables.get(asked)
    for name in table.key if table else ():
        yield _of(store, asked).key_name, "UNIQUE", "NORMAL", "VALID", "VISIBLE", "ASC", name
    for index in sorted(table.indexes, key=lambda each: each.name) if table else ():
        expressions = dict(_computed(_of(store, asked), index))
        kind = "FUNCTION-BASED NORMAL" if expressions else "NORMAL"
        for place, (name, down) in enumerate(zip(index.columns, index.descending, strict=True), 1):
            own = f"SYS_NC{place:05}$" if place in expressions else name
            unique, order = "UNIQUE" if index.unique else "NONUNIQUE", "DESC" if down else "ASC"
            yield index.name, unique, kind, "VALID", "VISIBLE", order, own


def _expressions(store: Store, asked: str) -> Iterator[tuple[Any, ...]]:
    table = store.tables.get(asked)
    for index in sorted(table.indexes, key=lambda each: each.name) if table else ():
        yield from ((index.name, place, text) for place, text in _computed(_of(store, asked), index))


def _computed(table: StoredTable, index: StoredIndex) -> Iterator[tuple[int, str]]:
    """Where the index holds an expression, from 1, and which."""
    for place, (name, down) in enumerate(zip(index.columns, index.descending, strict=True), 1):
        if table.columns[table.place(name)].kind.code == wire.TIMESTAMP_TZ:
            yield place, f'SYS_EXTRACT_UTC("{name}")'
        elif down:
            yield place, f'"{name}"'


def _defaults(store: Store, asked: str) -> Iterator[tuple[Any, ...]]:
    for each in _of(store, asked).columns if asked in store.tables else []:
        if each.default:
            yield each.name, "NO", each.default


def _sequence(store: Store, asked: str) -> Iterator[tuple[Any, ...]]:
    if asked in store.sequences:
        yield 1, 0, store.sequences[asked], 1, 10**28 - 1


def _foreign(store: Store, asked: str) -> Iterator[tuple[Any, ...]]:
    table = store.tables.get(asked)
    plain = ("NOT DEFERRABLE", "IMMEDIATE", "ENABLED", "VALIDATED")
    if table and table.key:
        yield "P", table.key_name, None, *plain, None, None, "NO"
    for number, each in enumerate(table.foreign if table else (), 1):
        other = _of(store, each.table.name).key_name
        yield "R", f"{table.key_name}_{number}", "NO ACTION", *plain, store.owner, other, "NO"  # type: ignore[union-attr]


def _kind(store: Store, asked: str) -> Iterator[tuple[Any, ...]]:
    if asked in store.tables:
        yield None, "N", None, "NO"


def _comments(store: Store, asked: str) -> Iterator[tuple[Any, ...]]:
    for each in _of(store, asked).columns if asked in store.tables else []:
        if each.comment:
            yield each.name, each.comment


def _objects(store: Store, asked: str) -> Iterator[tuple[Any, ...]]:
    yield from (("SEQUENCE", name) for name in sorted(store.sequences))


def _identity(store: Store, asked: str) -> Iterator[tuple[Any, ...]]:
    yield "double", "double", socket.gethostname(), store.instance, store.owner


def _triggers(store: Store, asked: str) -> Iterator[tuple[Any, ...]]:
    yield from ()


_Rows = Callable[[Store, str], Iterator[tuple[Any, ...]]]
_QUERIES: Final[dict[str, tuple[list[tuple[str, Kind]], _Rows]]] = {
    **native.QUERIES,
    _VERSION: ([("BANNER", _TEXT)], _version),
    _IDENTITY: ([(f"C{number}", _TEXT) for number in range(5)], _identity),
    _NAMES: ([("TABLE_NAME", _TEXT), ("TABLE_TYPE", _TEXT)], _names),
    _SEQUENCE: (
        [("INCREMENT_BY", ANY_NUMBER), ("CACHE_SIZE", ANY_NUMBER), ("LAST_NUMBER", ANY_NUMBER),
         ("MIN_VALUE", ANY_NUMBER), ("MAX_VALUE", ANY_NUMBER)],
        _sequence,
    ),
    _FOREIGN: ([(f"C{number}", _TEXT) for number in range(10)], _foreign),
    _KIND: ([(f"C{number}", _TEXT) for number in range(4)], _kind),
    _COMMENTS: ([("COLUMN_NAME", _TEXT), ("COMMENTS", _TEXT)], _comments),
    _OBJECTS: ([("OBJECT_TYPE", _TEXT), ("OBJECT_NAME", _TEXT)], _objects),
    _TABLE: ([("TABLE_TYPE", _TEXT), ("COMMENTS", _TEXT)], _table),
    _COLUMNS: (
        [("COLUMN_NAME", _TEXT), ("DATA_TYPE", _TEXT), ("DATA_LENGTH", ANY_NUMBER), ("CHAR_LENGTH", ANY_NUMBER),
         ("CHAR_USED", _TEXT), ("DATA_PRECISION", ANY_NUMBER), ("DATA_SCALE", ANY_NUMBER), ("NULLABLE", _TEXT),
         ("VIRTUAL_COLUMN", _TEXT), ("COMMENTS", _TEXT), ("HIDDEN_COLUMN", _TEXT), ("DEFAULT_LENGTH", ANY_NUMBER),
         ("GENERATION_TYPE", _TEXT)],
        _columns,
    ),
    _KEYS: (
        [("CONSTRAINT_TYPE", _TEXT), ("CONSTRAINT_NAME", _TEXT), ("COLUMN_NAME", _TEXT), ("TABLE_NAME", _TEXT),
         ("COLUMN_NAME", _TEXT)],
        _keys,
    ),
    _CONSTRAINTS: (
        [("CONSTRAINT_TYPE", _TEXT), ("CONSTRAINT_NAME", _TEXT), ("STATUS", _TEXT), ("INDEX_NAME", _TEXT),
         ("SEARCH_CONDITION_VC", _TEXT), ("COLUMN_NAME", _TEXT)],
        _constraints,
    ),
    _INDEXES: (
        [("INDEX_NAME", _TEXT), ("UNIQUENESS", _TEXT), ("INDEX_TYPE", _TEXT), ("STATUS", _TEXT), ("VISIBILITY", _TEXT),
         ("DESCEND", _TEXT), ("COLUMN_NAME", _TEXT)],
        _indexes,
    ),
    _EXPRESSIONS: (
        [("INDEX_NAME", _TEXT), ("COLUMN_POSITION", ANY_NUMBER), ("COLUMN_EXPRESSION", _LONG)],
        _expressions,
    ),
    _DEFAULTS: ([("COLUMN_NAME", _TEXT), ("DEFAULT_ON_NULL", _TEXT), ("DATA_DEFAULT", _LONG)], _defaults),
    _TRIGGERS: ([("TRIGGER_NAME", _TEXT)], _triggers),
    **{text: ([("NAME", _TEXT), ("WHAT", _TEXT)][: 1 + ("column_name" in text)], _triggers) for text in _NOTHING},
}  # fmt: skip
