"""DuckDB's catalogue: schemas of tables and views, the statements that make a table, and what it has besides.

A collection is a table or view of the schema `main`. References are foreign keys, except those of a table to itself:
DuckDB looks at each row as it comes, so none could refer to another of the same write. They are kept in a comment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from dbfleet.errors import NotFound
from dbfleet.extras import Extras, Index
from dbfleet.sql import catalog, ddl
from dbfleet.sql.catalog import Ask
from dbfleet.values import Reference, Schema
from dbfleet_duckdb.types import comment, declare, described, quote

_HERE: Final = "database_name = current_database() AND schema_name = 'main'"
_TABLES: Final = f"""
SELECT table_name, comment, 'TABLE' FROM duckdb_tables() WHERE {_HERE} AND NOT temporary
UNION ALL SELECT view_name, comment, 'VIEW' FROM duckdb_views() WHERE {_HERE} AND NOT temporary AND NOT internal
ORDER BY 1
"""
_COLUMNS: Final = f"""
SELECT d.column_name, d.data_type, d.is_nullable, d.comment, d.column_default, i.is_generated = 'ALWAYS'
FROM duckdb_columns() AS d JOIN information_schema.columns AS i ON i.table_catalog = d.database_name
AND i.table_schema = d.schema_name AND i.table_name = d.table_name AND i.column_name = d.column_name
WHERE {_HERE} AND lower(d.table_name) = lower(?) ORDER BY d.column_index
"""
_CONSTRAINTS: Final = f"""
SELECT DISTINCT constraint_type, constraint_column_names, referenced_table, referenced_column_names, constraint_text
FROM duckdb_constraints() WHERE {_HERE} AND lower(table_name) = lower(?) ORDER BY ALL
"""
_INDEXES: Final = f"""
SELECT index_name, is_unique, expressions::VARCHAR FROM duckdb_indexes() WHERE {_HERE} AND table_name = ?
"""
_LEFT: Final = """
SELECT 'table ' || schema_name || '.' || table_name || ': only the schema main is read' FROM duckdb_tables()
WHERE database_name = current_database() AND schema_name <> 'main' AND NOT temporary
UNION ALL SELECT 'view ' || schema_name || '.' || view_name || ': only the schema main is read' FROM duckdb_views()
WHERE database_name = current_database() AND schema_name <> 'main' AND NOT internal
UNION ALL SELECT 'sequence ' || sequence_name FROM duckdb_sequences() WHERE database_name = current_database()
UNION ALL SELECT DISTINCT 'macro ' || function_name FROM duckdb_functions()
WHERE database_name = current_database() AND NOT internal
UNION ALL SELECT 'type ' || type_name FROM duckdb_types() WHERE database_name = current_database() AND NOT internal
ORDER BY 1
"""


def tables(ask: Ask) -> Mapping[str, tuple[str | None, str]]:
    """The comment and the kind, TABLE or VIEW, of each, by name."""
    return {name: (said, kind) for name, said, kind in ask(_TABLES)}


def natives(ask: Ask, name: str) -> Mapping[str, str]:
    """What DuckDB calls the types of the columns. NotFound if the table is not there."""
    found = {column: native for column, native, *_ in ask(_COLUMNS, [name])}
    if not found:
        raise NotFound(f"there is no table {name}", engine="duckdb")
    return found


def describe(ask: Ask, name: str) -> Schema:
    """The schema of the table or view. NotFound if it is not there."""
    natives(ask, name)
    columns = [replace(described(*each[:4]), generated=bool(each[5])) for each in ask(_COLUMNS, [name])]
    constraints = ask(_CONSTRAINTS, [name])
    key = next((own for kind, own, *_ in constraints if kind == "PRIMARY KEY"), ())
    references = [
        Reference(tuple(own), table, tuple(keys)) for kind, own, table, keys, _ in constraints if kind == "FOREIGN KEY"
    ]
    said = next((said for known, (said, _) in tables(ask).items() if known.lower() == name.lower()), None)
    return catalog.in_bounds(catalog.schema(name, columns, key, references, said), ask, quote)


def create_statements(schema: Schema) -> Iterator[str]:
    """CREATE TABLE, and the comments that keep what it cannot say."""
    own = [each for each in schema.references if each.collection.lower() == schema.name.lower()]
    others = [each for each in schema.references if each not in own]
    lines = ddl.table_lines(schema, quote, declare, references=others)
    yield f"CREATE TABLE {quote(schema.name)} ({', '.join(lines)})"
    yield from ddl.comment_statements(schema, quote, comment, loose=own)


def left(ask: Ask) -> list[str]:
    """What the file has besides the tables and views of `main`."""
    return [text for (text,) in ask(_LEFT)]


def extras(ask: Ask, schema: Schema) -> Extras:
    """Indexes, unique constraints and defaults; what has no record in words."""
    constraints = ask(_CONSTRAINTS, [schema.name])
    indexes = [
        Index(name, _indexed(listed, schema), bool(unique)) for name, unique, listed in ask(_INDEXES, [schema.name])
    ]
    for kind, own, *_ in constraints:
        if kind == "UNIQUE":
            indexes.append(Index(f"{schema.name}_{'_'.join(own)}_key", tuple(own), True))
    checks = [text for kind, *_, text in constraints if kind == "CHECK"]
    defaults = [(name, text) for name, *_, text, generated in ask(_COLUMNS, [schema.name]) if not generated]
    return catalog.extras(schema, indexes, defaults, checks)


def _indexed(listed: str, schema: Schema) -> tuple[str, ...]:
    """The columns of an index that DuckDB lists so: [a, '"b c"']; none where one of them is an expression."""
    known = {name: name for name in schema.names} | {quote(name): name for name in schema.names}
    texts = [text.strip().strip("'") for text in listed[1:-1].split(",")]
    return tuple(known[text] for text in texts) if all(text in known for text in texts) else ()
