"""Tables by SQLite's catalog: what a table's columns are, the statement that makes one, and how its rows are read.

A table that dbfleet made says so in a comment of its CREATE TABLE, which SQLite keeps word for word; then the declared
words are ours. In any other a column is what its values are (`typeof`, one pass).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from dbfleet.engines._sqlite_types import OURS, TYPES, affinity, declare, parse_declared, quote, quoted
from dbfleet.values import Column, Reference, Schema, Type

Ask = Callable[..., list[Any]]
"""Runs a statement with its parameters, and gives all its rows."""


def describe(name: str, ask: Ask) -> Schema | None:
    """The schema of a table or view; None if there is none."""
    # hidden 2 and 3 are generated columns: read like any other, never written.
    info = ask('SELECT name, type, "notnull", pk, hidden FROM pragma_table_xinfo(?)', (name,))
    found = [entry for entry in info if entry[4] != 1]
    if not found:
        return None
    ((text,),) = ask("SELECT coalesce(sql, '') FROM sqlite_schema WHERE name = ?", (name,))
    beside = re.match(r'CREATE TABLE "(?:[^"]|"")*" \( /\* dbfleet:(.*?) \*/', text)
    extras = json.loads(beside[1]) if beside else {}
    columns = tuple(_column(ask, name, bool(beside), *entry) for entry in found)
    keys = sorted((pk, column) for column, _, _, pk, _ in found if pk)
    references: dict[int, tuple[str, list[str], list[str]]] = {}
    for number, table, source, key in ask(
        'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id, seq', (name,)
    ):
        entry = references.setdefault(number, (table, [], []))
        entry[1].append(source)
        entry[2].append(key)
    return Schema(
        name,
        columns,
        tuple(column for _, column in keys),
        # pragma_foreign_key_list gives the last declared first.
        tuple(
            Reference(tuple(sources), table, tuple(_key_of(ask, table) if None in keys_ else keys_))
            for _, (table, sources, keys_) in sorted(references.items(), reverse=True)
        ),
        extras.get("edge", False),
        tuple(extras.get("partition", ())),
    )


def _key_of(ask: Ask, table: str) -> list[str]:
    return [name for (name,) in ask("SELECT name FROM pragma_table_info(?) WHERE pk ORDER BY pk", (table,))]


def _column(
    ask: Ask, table: str, ours: bool, name: str, declared: str, not_null: int, in_key: int, hidden: int
) -> Column:
    word, numbers = parse_declared(declared)
    nullable = not not_null and not in_key
    note = "generated" if hidden else None
    type_ = TYPES.get(word) if ours else OURS.get(word)
    if type_ is None:
        type_, foreign = _stored_type(ask, table, name, word)
        note = note or foreign
    precision = scale = length = digits = None
    if type_ is Type.DECIMAL and numbers:
        precision, scale = numbers[0], numbers[1] if len(numbers) > 1 else 0
    elif type_ in (Type.TEXT, Type.BYTES) and numbers:
        length = numbers[0]
    elif type_ in (Type.TIME, Type.DATETIME, Type.INSTANT) and numbers:
        digits = numbers[0]
    return Column(name, type_, nullable, precision, scale, length, digits, declared or None, note)


def _stored_type(ask: Ask, table: str, name: str, word: str) -> tuple[Type, str | None]:
    """The type of a column that is declared in SQLite's own words: what its values are, else what it says."""
    column = quote(name)
    kinds = {kind for (kind,) in ask(f"SELECT DISTINCT typeof({column}) FROM {quote(table)} WHERE {column} NOTNULL")}
    if kinds <= {"integer"} and "BOOL" in word:
        odd = ask(f"SELECT 1 FROM {quote(table)} WHERE {column} NOT IN (0, 1) LIMIT 1")
        return (Type.INT, None) if odd else (Type.BOOL, None)
    if not kinds:
        return affinity(word), None
    if kinds == {"integer"}:
        return Type.INT, None
    if kinds == {"real"}:
        return Type.FLOAT, None
    if kinds == {"integer", "real"}:
        return Type.DECIMAL, "integers and floats, as decimals"
    if kinds == {"blob"}:
        return Type.BYTES, None
    if kinds == {"text"}:
        return Type.TEXT, None
    if "blob" in kinds:
        return Type.BYTES, "values of several types, as bytes of their text"
    return Type.TEXT, "values of several types, as text"


def create_statement(schema: Schema) -> str:
    """CREATE TABLE."""
    lines = []
    rowid_key = len(schema.key) == 1 and schema.column(schema.key[0]).type is Type.INT
    for column in schema.columns:
        line = f"{quote(column.name)} {declare(column)}"
        if column.name in schema.key or not column.nullable:
            line += " NOT NULL"
        lines.append(line)
    if schema.key:
        lines.append(f"PRIMARY KEY ({quoted(schema.key)})")
    lines += [
        f"FOREIGN KEY ({quoted(reference.columns)}) REFERENCES {quote(reference.collection)} ({quoted(reference.keys)})"
        for reference in schema.references
    ]
    # Without rowids the table is its key's index: half the size where the key is compound or text.
    tail = " WITHOUT ROWID" if schema.key and not rowid_key else ""
    # What SQL has no word for is kept in a comment, which SQLite keeps with the statement; its being there says
    # that the declared types are ours.
    extras = {word: value for word, value in (("edge", schema.edge), ("partition", schema.partition)) if value}
    beside = f" /* dbfleet:{json.dumps(extras)} */ "
    return f"CREATE TABLE {quote(schema.name)} ({beside}{', '.join(lines)}){tail}"


def select(schema: Schema) -> str:
    """SELECT of the schema's columns; of a column that holds several types, as one of them."""
    columns = []
    for column in schema.columns:
        name = quote(column.name)
        if column.note and column.type in (Type.TEXT, Type.BYTES, Type.DECIMAL) and "values" in column.note:
            kind = "BLOB" if column.type is Type.BYTES else "TEXT"
            name = f"CAST({name} AS {kind})"
        elif column.note and column.type is Type.DECIMAL:
            name = f"CAST({name} AS TEXT)"
        columns.append(name)
    return f"SELECT {', '.join(columns)} FROM {quote(schema.name)}"
