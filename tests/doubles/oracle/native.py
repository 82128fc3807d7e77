"""The dictionary queries of an outline that the double answers, each by its whole text, from what the store knows. The
texts stand here and not in the adapter on purpose: see dictionary.py.

The double has tables with columns, defaults, a key, references within the schema, the check that a column is JSON,
indexes over columns, comments and sequences. None of its constraints has a name of its own. It has no identities,
virtual or invisible columns, partitions, views, types, domains, nor other kinds of tables, indexes and constraints, so
these queries find none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from tests.doubles.oracle import wire
from tests.doubles.oracle.store import Store, StoredTable
from tests.doubles.oracle.types import ANY_NUMBER, Kind, text_kind

_TABLES: Final = (
    "SELECT table_name, iot_type, iot_name, temporary, duration, cluster_name, row_movement, read_only, "
    "compression FROM all_tables WHERE owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND nested = 'NO'"
    " AND secondary = 'N' AND dropped = 'NO' ORDER BY table_name"
)
_TYPES: Final = (
    "SELECT table_name, column_name, data_type, data_type_owner FROM all_tab_cols WHERE owner = "
    "SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND user_generated = 'YES' ORDER BY table_name, column_id, "
    "internal_column_id"
)
_MATERIALIZED: Final = "SELECT mview_name FROM all_mviews WHERE owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA')"
_EXTERNAL: Final = "SELECT table_name FROM all_external_tables WHERE owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA')"
_IMMUTABLE: Final = (
    "SELECT table_name FROM all_immutable_tables WHERE schema_name = SYS_CONTEXT('USERENV', "
    "'CURRENT_SCHEMA') UNION SELECT table_name FROM all_blockchain_tables WHERE schema_name = "
    "SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA')"
)
_COLUMNS: Final = (
    "SELECT column_name, collation, default_on_null, data_default FROM all_tab_cols WHERE owner = "
    "SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND table_name = :1 AND user_generated = 'YES' ORDER BY "
    "column_id, internal_column_id"
)
_DOMAINS: Final = (
    "SELECT column_name, domain_owner, domain_name FROM all_tab_cols WHERE owner = SYS_CONTEXT('USERENV',"
    " 'CURRENT_SCHEMA') AND table_name = :1 AND domain_name IS NOT NULL ORDER BY column_id"
)
_IDENTITIES: Final = (
    "SELECT column_name, generation_type, sequence_name FROM all_tab_identity_cols WHERE owner = "
    "SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND table_name = :1"
)
_SEQUENCES: Final = (
    "SELECT sequence_name, increment_by, min_value, max_value, cycle_flag, order_flag, cache_size, "
    "scale_flag, extend_flag, session_flag, last_number FROM all_sequences WHERE sequence_owner = "
    "SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') ORDER BY sequence_name"
)
_CONSTRAINTS: Final = (
    "SELECT constraint_type, constraint_name, generated, status, validated, deferrable, deferred, rely, "
    "delete_rule, index_name, CASE WHEN r_owner <> owner THEN r_owner END, r_constraint_name, "
    "search_condition FROM all_constraints WHERE owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND "
    "table_name = :1 ORDER BY constraint_name"
)
_CONSTRAINED: Final = (
    "SELECT constraint_name, column_name FROM all_cons_columns WHERE owner = SYS_CONTEXT('USERENV', "
    "'CURRENT_SCHEMA') AND table_name = :1 AND position IS NOT NULL ORDER BY constraint_name, position"
)
_REFERRED: Final = (
    "SELECT c.constraint_name, p.table_name, p.column_name FROM all_constraints c JOIN all_cons_columns p"
    " ON p.owner = c.r_owner AND p.constraint_name = c.r_constraint_name WHERE c.owner = "
    "SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND c.table_name = :1 AND c.constraint_type = 'R' AND "
    "c.r_owner = c.owner ORDER BY c.constraint_name, p.position"
)
_INDEXES: Final = (
    "SELECT index_name, index_type, uniqueness, generated, visibility, status, partitioned, "
    "prefix_length, pct_threshold, include_column, join_index, ityp_name, CASE WHEN owner <> table_owner "
    "THEN owner END FROM all_indexes WHERE table_owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND "
    "table_name = :1 ORDER BY index_name"
)
_INDEXED: Final = (
    "SELECT index_name, column_name, descend FROM all_ind_columns WHERE table_owner = "
    "SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND table_name = :1 ORDER BY index_name, column_position"
)
_LOCALITIES: Final = (
    "SELECT index_name, locality FROM all_part_indexes WHERE owner = SYS_CONTEXT('USERENV', "
    "'CURRENT_SCHEMA') AND table_name = :1"
)
_PARTITIONING: Final = (
    "SELECT partitioning_type, subpartitioning_type, interval, autolist FROM all_part_tables WHERE owner "
    "= SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND table_name = :1"
)
_PARTITION_KEY: Final = (
    "SELECT column_name FROM all_part_key_columns WHERE owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') "
    "AND name = :1 AND object_type = 'TABLE' ORDER BY column_position"
)
_PARTITIONS: Final = (
    "SELECT partition_name, interval, high_value FROM all_tab_partitions WHERE table_owner = "
    "SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND table_name = :1 ORDER BY partition_position"
)
_VIEW: Final = (
    "SELECT view_type, editioning_view, bequeath, text FROM all_views WHERE owner = "
    "SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') AND view_name = :1"
)
_READS: Final = (
    "SELECT name, referenced_name FROM all_dependencies WHERE owner = SYS_CONTEXT('USERENV', "
    "'CURRENT_SCHEMA') AND type = 'VIEW' AND referenced_owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') "
    "AND referenced_type = 'VIEW' ORDER BY name, referenced_name"
)
_CHARACTERS: Final = (
    "SELECT parameter, value FROM nls_database_parameters WHERE parameter IN ('NLS_CHARACTERSET', "
    "'NLS_NCHAR_CHARACTERSET') ORDER BY parameter"
)
_CONSTRAINT_NAMES: Final = (
    "SELECT constraint_name, table_name FROM all_constraints WHERE owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA')"
)
_INDEX_NAMES: Final = (
    "SELECT index_name, table_name FROM all_indexes WHERE owner = SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA')"
)
_REFERENCES: Final = (
    "SELECT c.owner, c.table_name, p.table_name FROM all_constraints c JOIN all_constraints p ON p.owner "
    "= c.r_owner AND p.constraint_name = c.r_constraint_name WHERE c.constraint_type = 'R' AND p.owner = "
    "SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA')"
)


Row = tuple[Any, ...]
_TEXT: Final = text_kind(4000)
_LONG: Final = Kind(wire.LONG, 0)
_MOST: Final = 10**28 - 1


def _tables(store: Store, asked: str) -> Iterator[Row]:
    for name in sorted(store.tables):
        yield name, None, None, "N", None, None, "DISABLED", "NO", "DISABLED"


def _types(store: Store, asked: str) -> Iterator[Row]:
    for name in sorted(store.tables):
        yield from ((name, each.name, each.data_type, None) for each in store.tables[name].columns)


def _columns(store: Store, asked: str) -> Iterator[Row]:
    for each in store.tables[asked].columns if asked in store.tables else ():
        yield each.name, "USING_NLS_COMP", "NO", each.default


def _sequences(store: Store, asked: str) -> Iterator[Row]:
    for name in sorted(store.sequences):
        yield name, 1, 1, _MOST, "N", "N", 0, "N", "N", "N", store.sequences[name]


def _of_constraints(table: StoredTable) -> Iterator[tuple[str, str, tuple[str, ...], str | None, str | None]]:
    """Each constraint's kind, name, columns, index and condition."""
    if table.key:
        yield "P", table.key_name, table.key, table.key_name, None
    for place, column in enumerate(table.columns):
        conditions = [words for words, there in (("NOT NULL", not column.nullable), ("JSON", column.is_json)) if there]
        for words in conditions:
            yield "C", f"{table.key_name}{place:03}{words[0]}", (), None, f'"{column.name}" IS {words}'
    for number, each in enumerate(table.foreign, 1):
        yield "R", f"{table.key_name}_{number}", each.columns, None, None


def _constraints(store: Store, asked: str) -> Iterator[Row]:
    usual = ("GENERATED NAME", "ENABLED", "VALIDATED", "NOT DEFERRABLE", "IMMEDIATE", None)
    for kind, name, _, index, condition in _of_constraints(store.tables[asked]) if asked in store.tables else ():
        yield kind, name, *usual, "NO ACTION" if kind == "R" else None, index, None, None, condition


def _constrained(store: Store, asked: str) -> Iterator[Row]:
    for _, name, columns, *_ in _of_constraints(store.tables[asked]) if asked in store.tables else ():
        yield from ((name, column) for column in columns)


def _referred(store: Store, asked: str) -> Iterator[Row]:
    table = store.tables.get(asked)
    for number, each in enumerate(table.foreign if table else (), 1):
        yield from ((f"{table.key_name}_{number}", each.table.name, key) for key in each.keys)  # type: ignore[union-attr]


def _indexes(store: Store, asked: str) -> Iterator[Row]:
    table = store.tables.get(asked)
    end = ("VISIBLE", "VALID", "NO", None, None, None, "NO", None, None)
    if table and table.key:
        yield table.key_name, "NORMAL", "UNIQUE", "Y", *end
    for each in sorted(table.indexes, key=lambda each: each.name) if table else ():
        zoned = any(table.columns[table.place(name)].kind.code == wire.TIMESTAMP_TZ for name in each.columns)  # type: ignore[union-attr]
        kind = "FUNCTION-BASED NORMAL" if zoned or any(each.descending) else "NORMAL"
        yield each.name, kind, "UNIQUE" if each.unique else "NONUNIQUE", "N", *end


def _indexed(store: Store, asked: str) -> Iterator[Row]:
    table = store.tables.get(asked)
    for name in table.key if table else ():
        yield table.key_name, name, "ASC"  # type: ignore[union-attr]
    for each in sorted(table.indexes, key=lambda each: each.name) if table else ():
        for place, (name, down) in enumerate(zip(each.columns, each.descending, strict=True), 1):
            zoned = table.columns[table.place(name)].kind.code == wire.TIMESTAMP_TZ  # type: ignore[union-attr]
            yield each.name, f"SYS_NC{place:05}$" if zoned or down else name, "DESC" if down else "ASC"


def _characters(store: Store, asked: str) -> Iterator[Row]:
    yield "NLS_CHARACTERSET", "AL32UTF8"
    yield "NLS_NCHAR_CHARACTERSET", "AL16UTF16"


def _constraint_names(store: Store, asked: str) -> Iterator[Row]:
    for table in list(store.tables.values()):
        yield from ((name, table.name) for _, name, *_ in _of_constraints(table))


def _index_names(store: Store, asked: str) -> Iterator[Row]:
    for table in list(store.tables.values()):
        names = [*([table.key_name] if table.key else []), *(each.name for each in table.indexes)]
        yield from ((name, table.name) for name in names)


def _references(store: Store, asked: str) -> Iterator[Row]:
    for table in list(store.tables.values()):
        yield from ((store.owner, table.name, each.table.name) for each in table.foreign)


def _nothing(store: Store, asked: str) -> Iterator[Row]:
    yield from ()


def _answered(text: str, rows: Callable[[Store, str], Iterator[Row]]) -> tuple[list[tuple[str, Kind]], Any]:
    """The columns of a query, by their names, and its rows."""
    names = text.partition(" FROM ")[0].removeprefix("SELECT ").split(", ")
    kinds = dict.fromkeys(_NUMBERS, ANY_NUMBER) | dict.fromkeys(_LONGS, _LONG)
    return [(name.upper()[:30], kinds.get(name, _TEXT)) for name in names], rows


_NUMBERS: Final = (
    "increment_by", "min_value", "max_value", "cache_size", "last_number", "prefix_length", "pct_threshold",
    "include_column",
)  # fmt: skip
_LONGS: Final = ("data_default", "search_condition", "high_value", "text")
QUERIES: Final = {
    text: _answered(text, rows)
    for text, rows in {
        _TABLES: _tables, _TYPES: _types, _COLUMNS: _columns, _SEQUENCES: _sequences, _CONSTRAINTS: _constraints,
        _CONSTRAINED: _constrained, _REFERRED: _referred, _INDEXES: _indexes, _INDEXED: _indexed,
        _CHARACTERS: _characters, _CONSTRAINT_NAMES: _constraint_names, _INDEX_NAMES: _index_names,
        _REFERENCES: _references,
        **dict.fromkeys(
            (_MATERIALIZED, _EXTERNAL, _IMMUTABLE, _DOMAINS, _IDENTITIES, _LOCALITIES, _PARTITIONING, _PARTITION_KEY,
             _PARTITIONS, _VIEW, _READS),
            _nothing,
        ),
    }.items()
}  # fmt: skip
