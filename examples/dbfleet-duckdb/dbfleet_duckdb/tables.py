"""DuckDB's catalogue: schemas of tables and views, the statements that make a table, and what it has besides.

A collection is a table or view of the schema `main`. References are foreign keys, except those of a table to itself:
DuckDB looks at each row as it comes, so none could refer to another of the same write. They are kept in a comment.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from dbfleet.errors import NotFound, Unsupported
from dbfleet.extras import AnyExtra, Default, Extra, Extras, Index
from dbfleet.native import BOUNDS, beyond
from dbfleet.sql.ddl import table_lines
from dbfleet.sql.defaults import read_default
from dbfleet.sql.relational import table_comment
from dbfleet.values import VALUE_OF, Reference, Schema
from dbfleet_duckdb.types import LEXIS, comment, declare, described

Ask = Callable[..., list[Any]]
quote = LEXIS.quote

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
    beside = table_comment(
        next((said for known, (said, _) in tables(ask).items() if known.lower() == name.lower()), None)
    )
    columns = [replace(described(*each[:4]), generated=bool(each[5])) for each in ask(_COLUMNS, [name])]
    key: tuple[str, ...] = ()
    references = [Reference(tuple(own), name, tuple(keys)) for own, keys in beside.get("references", ())]
    for kind, own, table, other, _ in ask(_CONSTRAINTS, [name]):
        if kind == "PRIMARY KEY":
            key = tuple(own)
        elif kind == "FOREIGN KEY":
            references.append(Reference(tuple(own), table, tuple(other)))
    order = [column.name for column in columns]
    references.sort(key=lambda each: [order.index(column) for column in each.columns])
    timed = [column for column in columns if column.type in BOUNDS]
    if timed:  # whether Python has all values, in one pass by the server
        tests = ["bool_or({} NOT BETWEEN '{}' AND '{}')".format(quote(each.name), *BOUNDS[each.type]) for each in timed]
        answers = zip(timed, ask(f"SELECT {', '.join(tests)} FROM {quote(name)}")[0], strict=True)
        outside = {column.name for column, is_beyond in answers if is_beyond}
        columns = [beyond(column) if column.name in outside else column for column in columns]
    edge, partition = bool(beside.get("edge")), tuple(beside.get("partition", ()))
    return Schema(name, tuple(columns), key, tuple(references), edge, partition)


def create_statements(schema: Schema) -> Iterator[str]:
    """CREATE TABLE, and the comments that keep what it cannot say."""
    own = [each for each in schema.references if each.collection.lower() == schema.name.lower()]
    others = [each for each in schema.references if each not in own]
    yield f"CREATE TABLE {quote(schema.name)} ({', '.join(table_lines(schema, quote, declare, references=others))})"
    said = {
        "edge": schema.edge,
        "partition": schema.partition,
        "references": [(each.columns, each.keys) for each in own],
    }
    kept = {word: value for word, value in said.items() if value}
    comments = {"TABLE " + quote(schema.name): "dbfleet:" + json.dumps(kept) if kept else None}
    for column in schema.columns:
        comments[f"COLUMN {quote(schema.name)}.{quote(column.name)}"] = comment(column)
    for what, text in comments.items():
        if text is not None:
            yield "COMMENT ON {} IS '{}'".format(what, text.replace("'", "''"))


def left(ask: Ask) -> list[str]:
    """What the file has besides the tables and views of `main`."""
    return [text for (text,) in ask(_LEFT)]


def extras(ask: Ask, schema: Schema) -> Extras:
    """Indexes, unique constraints and defaults; what has no record in words."""
    found: list[Extra] = []
    words = [f"generated column {each.name}: its values come" for each in schema.columns if each.generated]
    for name, unique, listed in ask(_INDEXES, [schema.name]):
        columns = _indexed(listed, schema)
        if columns:
            found.append(Index(name, columns, bool(unique)))
        else:
            words.append(f"index {name}, over an expression")
    for kind, own, _, _, text in ask(_CONSTRAINTS, [schema.name]):
        if kind == "UNIQUE":
            found.append(Index(f"{schema.name}_{'_'.join(own)}_key", tuple(own), True))
        elif kind == "CHECK":
            words.append(f"a check: {text}")
    for name, _, _, _, default, generated in ask(_COLUMNS, [schema.name]):
        if default is None or default.upper() == "NULL" or generated:
            continue
        if value := read_default(schema.column(name), default):
            found.append(value)
        else:
            words.append(f"default of {name}, an expression: {default}")
    return Extras(tuple(found), tuple(words))


def _indexed(listed: str, schema: Schema) -> tuple[str, ...]:
    """The columns of an index that DuckDB lists so: [a, '"b c"']; none where one of them is an expression."""
    known = {name: name for name in schema.names} | {quote(name): name for name in schema.names}
    texts = [text.strip().strip("'") for text in listed[1:-1].split(",")]
    return tuple(known[text] for text in texts) if all(text in known for text in texts) else ()


def add_statement(schema: Schema, extra: AnyExtra, literal: Callable[[int, Any], str]) -> str:
    """The statement that gives the table the extra. Unsupported for what DuckDB gives only a new table."""
    if isinstance(extra, Index):
        unique = "UNIQUE " if extra.unique else ""
        return f"CREATE {unique}INDEX {quote(extra.name)} ON {quote(schema.name)} ({LEXIS.quote_all(extra.columns)})"
    if not isinstance(extra, Default):
        raise Unsupported("DuckDB counts up by a sequence, which a column has from the beginning")
    place = schema.names.index(extra.column)
    value = "now()" if extra.text is None else literal(place, VALUE_OF[schema.columns[place].type](extra.text))
    return f"ALTER TABLE {quote(schema.name)} ALTER COLUMN {quote(extra.column)} SET DEFAULT {value}"
