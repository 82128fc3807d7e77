"""Tables by SQLite's catalog: which there are, what a table's columns are, how one is made, removed, and its rows read.

A table that dbfleet made says so in a comment of its CREATE TABLE, which SQLite keeps word for word; then the declared
words are ours. In any other table a column is what its values are: `look`, in one pass.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dbfleet.engines.sqlite.forms import Form, forms
from dbfleet.engines.sqlite.types import OURS, TYPES, affinity, declare, parse_declared, quote
from dbfleet.errors import NotFound, StatementError
from dbfleet.sql.ddl import table_lines
from dbfleet.values import Column, Reference, Schema, Type

Ask = Callable[..., list[Any]]
"""Runs a statement with its parameters, and gives all its rows."""


STAGED: Final = "_dbfleet_"
"""The beginning of a staged table's name, which is not listed yet."""

_SHADOWS: Final = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow'"
"""The tables in which a virtual table keeps what it has."""


def names(ask: Ask) -> list[str]:
    """The names of all tables and views, staged ones and views that cannot be read among them."""
    rows = ask(
        "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') "
        "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
    )
    shadows = {name for (name,) in ask(_SHADOWS)} if sqlite3.sqlite_version_info >= (3, 37) else set()
    return [name for (name,) in rows if name not in shadows]


def views_of(ask: Ask) -> list[str]:
    """The names of all views."""
    return [name for (name,) in ask("SELECT name FROM sqlite_schema WHERE type = 'view'")]


def broken(ask: Ask, name: str) -> str | None:
    """Why a view cannot be read: its table is gone, say. None for what can be read."""
    if not ask("SELECT 1 FROM sqlite_schema WHERE type = 'view' AND name = ?", (name,)):
        return None
    try:
        ask(f"SELECT * FROM {quote(name)} LIMIT 0")
    except (StatementError, NotFound) as error:
        return error.message
    return None


def drop(ask: Ask, name: str) -> None:
    """Remove the table or view, if it is there."""
    kind = ask("SELECT type FROM sqlite_schema WHERE name = ? AND type IN ('table', 'view')", (name,))
    if kind:
        ask(f"DROP {kind[0][0].upper()} {quote(name)}")


def count(ask: Ask, name: str) -> int:
    """How many rows."""
    ((rows,),) = ask(f"SELECT count(*) FROM {quote(name)}")
    return int(rows)


def describe(name: str, ask: Ask, looked: Mapping[str, Looked]) -> Schema | None:
    """The schema of a table or view; None if there is none. `looked` is what `look` says of its columns."""
    text, entries = _declared(name, ask)
    if not entries:
        return None
    noted = beside(text)
    extras = noted or {}
    if key_with_null(name, ask):  # it does not tell rows apart
        entries = [(column, declared, not_null, 0, hidden) for column, declared, not_null, _, hidden in entries]
    columns = tuple(_column(entry, ours=noted is not None, looked=looked) for entry in entries)
    keys = sorted((pk, column) for column, _, _, pk, _ in entries if pk)
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


_NO_ROWID: Final = re.compile(r"\bWITHOUT\s+ROWID\b", re.IGNORECASE)


def key_with_null(table: str, ask: Ask) -> tuple[str, ...]:
    """The columns of the declared primary key, where rows hold NULL in it. SQLite takes several such rows in a table
    with rowids, unless the key is the rowid itself. https://sqlite.org/lang_createtable.html#primkeyconst"""
    text, columns = _declared(table, ask)
    keys = [(pk, name, declared, not_null) for name, declared, not_null, pk, _ in columns if pk]
    nullable = [name for _, name, _, not_null in keys if not not_null]
    if not nullable or (len(keys) == 1 and keys[0][2].upper() == "INTEGER") or _NO_ROWID.search(text):
        return ()
    condition = " OR ".join(f"{quote(name)} IS NULL" for name in nullable)
    if not ask(f"SELECT 1 FROM {quote(table)} WHERE {condition} LIMIT 1"):
        return ()
    return tuple(name for _, name, *_ in sorted(keys))


def _key_of(ask: Ask, table: str) -> list[str]:
    return [name for (name,) in ask("SELECT name FROM pragma_table_info(?) WHERE pk ORDER BY pk", (table,))]


def _column(entry: Sequence[Any], *, ours: bool, looked: Mapping[str, Looked]) -> Column:
    name, declared, not_null, in_key, hidden = entry
    word, numbers = parse_declared(declared)
    note = None
    type_ = TYPES.get(word) if ours else OURS.get(word)
    if type_ is None:
        by_values = looked[name]
        type_, note = by_values.type, by_values.note
        if by_values.form is not None and not by_values.form.sized:
            numbers = []
    precision = scale = length = digits = None
    if type_ is Type.DECIMAL and numbers:
        precision, scale = numbers[0], numbers[1] if len(numbers) > 1 else 0
    elif type_ in (Type.TEXT, Type.BYTES) and numbers:
        length = numbers[0]
    elif type_ in (Type.TIME, Type.DATETIME, Type.INSTANT) and numbers:
        digits = numbers[0]
    nullable = not not_null and not in_key
    native = declared or None
    return Column(name, type_, nullable, precision, scale, length, digits, native, note, generated=bool(hidden))


@dataclass(frozen=True, slots=True)
class Looked:
    """What a column of somebody else's table is, by its values. `form` is how they are stored, where they are of a type
    that SQLite lacks."""

    type: Type
    note: str | None = None
    form: Form | None = None


_KINDS: Final = ("integer", "real", "text", "blob")
_AT_ONCE: Final = 400
"""Columns of one result: SQLite gives 2000 at most."""


def look(table: str, ask: Ask) -> dict[str, Looked]:
    """What the columns are whose declared words are not ours, by their values: in one pass, or in a few where there are
    many columns. Nothing for a table of ours."""
    text, columns = _declared(table, ask)
    if _OURS.match(text):
        return {}
    candidates = {
        name: [form for form in forms(*parse_declared(declared)) if form.unique or not in_key]
        for name, declared, _, in_key, _ in columns
        if parse_declared(declared)[0] not in OURS
    }
    tests = []
    for name, possible in candidates.items():
        column = quote(name)
        tests += [f"max({column} IS NOT NULL AND NOT ({form.test.format(c=column)}))" for form in possible]
        tests += [f"max(typeof({column}) = '{kind}')" for kind in _KINDS]
    answers: list[Any] = []
    for start in range(0, len(tests), _AT_ONCE):
        answers += ask(f"SELECT {', '.join(tests[start : start + _AT_ONCE])} FROM {quote(table)}")[0]
    given = iter(answers)
    words = {each[0]: each[1] for each in columns}
    looked = {}
    for name, possible in candidates.items():
        fitting = [form for form in possible if not next(given)]
        kinds = {kind for kind in _KINDS if next(given)}
        looked[name] = _looked(words[name], kinds, fitting)
    return looked


def _looked(declared: str, kinds: set[str], fitting: Sequence[Form]) -> Looked:
    """What the column's values are; without values, what its declared word says."""
    if fitting:
        return Looked(fitting[0].type, None, fitting[0])
    if not kinds:
        return Looked(affinity(parse_declared(declared)[0]))
    if kinds == {"integer", "real"}:
        return Looked(Type.DECIMAL, "integers and floats, as decimals")
    if len(kinds) == 1:
        (kind,) = kinds
        return Looked({"integer": Type.INT, "real": Type.FLOAT, "blob": Type.BYTES, "text": Type.TEXT}[kind])
    if "blob" in kinds:
        return Looked(Type.BYTES, "values of several types, as bytes of their text")
    return Looked(Type.TEXT, "values of several types, as text")


_OURS: Final = re.compile(r'(CREATE TABLE "(?:[^"]|"")*" \( /\* dbfleet:)(.*?)( \*/)')


def beside(text: str) -> dict[str, Any] | None:
    """What stands beside the columns in the statement that made a table; None where it is not one of ours."""
    found = _OURS.match(text)
    return dict(json.loads(found[2])) if found else None


def with_beside(text: str, noted: Mapping[str, Any]) -> str:
    """The statement of a table of ours, with this beside its columns."""
    return _OURS.sub(lambda found: f"{found[1]}{json.dumps(noted)}{found[3]}", text, count=1)


def _declared(name: str, ask: Ask) -> tuple[str, list[Any]]:
    """The statement that made the table; and of each column its name, declared type, NOT NULL, place in the key, and
    `hidden`, which is 2 or 3 for a generated column: that is read like any other, and never written."""
    columns = ask('SELECT name, type, "notnull", pk, hidden FROM pragma_table_xinfo(?) WHERE hidden <> 1', (name,))
    texts = ask("SELECT coalesce(sql, '') FROM sqlite_schema WHERE name = ?", (name,))
    return (texts[0][0] if texts else ""), columns


def create_statement(schema: Schema) -> str:
    """The CREATE TABLE of the schema."""
    lines = table_lines(schema, quote, declare)
    rowid_key = len(schema.key) == 1 and schema.column(schema.key[0]).type is Type.INT
    # Without rowids the table is its key's index: half the size where the key is compound or text.
    tail = " WITHOUT ROWID" if schema.key and not rowid_key else ""
    # What SQL has no word for is in a comment, which SQLite keeps with the statement. The comment also says that the
    # declared types are ours.
    extras = {word: value for word, value in (("edge", schema.edge), ("partition", schema.partition)) if value}
    marked = f" /* dbfleet:{json.dumps(extras)} */ "
    return f"CREATE TABLE {quote(schema.name)} ({marked}{', '.join(lines)}){tail}"


def select(schema: Schema) -> str:
    """SELECT of the schema's columns. A column that holds values of several types is cast to one of them. Each stands
    behind its table: SQLite takes a name in double quotes that is no column's for a text."""
    columns = []
    for column in schema.columns:
        name = f"{quote(schema.name)}.{quote(column.name)}"
        if column.note and column.type in (Type.TEXT, Type.BYTES) and "values" in column.note:
            kind = "BLOB" if column.type is Type.BYTES else "TEXT"
            name = f"CAST({name} AS {kind})"
        columns.append(name)
    return f"SELECT {', '.join(columns)} FROM {quote(schema.name)}"
