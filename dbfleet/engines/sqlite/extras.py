"""What a table has besides its rows (dbfleet.extras), in SQLite.

ALTER TABLE gives no column a default. For that the documentation has a way of its own, as a default is nothing but text
in the table's statement: https://sqlite.org/lang_altertable.html#otheralter (the shorter procedure). It is gone only in
tables that we made, whose statements we know by heart.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Final

from dbfleet.engines.sqlite.left import of_table
from dbfleet.engines.sqlite.tables import Ask
from dbfleet.errors import Unsupported
from dbfleet.extras import Default, Extra, Extras, Identity, Index
from dbfleet.sql.defaults import read_default
from dbfleet.values import Schema, Type


def extras(ask: Ask, schema: Schema) -> Extras:
    found: list[Extra] = []
    left: list[str] = []
    for _, name, unique, origin, partial in ask("SELECT * FROM pragma_index_list(?)", [schema.name]):
        if origin == "pk":
            continue
        columns = [column for _, _, column in ask("SELECT * FROM pragma_index_info(?)", [name])]
        if partial or None in columns:
            left.append(f"index {name}, {'of some rows only' if partial else 'over an expression'}")
        else:
            # A constraint's index has a name that no other index may have.
            said = f"{schema.name}_{'_'.join(columns)}_key" if origin == "u" else name
            found.append(Index(said, tuple(columns), bool(unique)))
    rows = ask("SELECT name, dflt_value FROM pragma_table_info(?)", [schema.name])
    made = ask("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", [schema.name])
    # A table of ours has such a key because its key is an integer, and not for its counting up.
    if made and "/* dbfleet:" not in str(made[0][0]) and (key := _rowid(ask, schema)):
        found.append(Identity(key))
    for name, text in rows:
        if text is None or text.upper() == "NULL" or name not in schema.names:
            continue
        moment = text.startswith(("strftime(", "date(")) and text.endswith("'now')")
        if moment and schema.column(name).type in MOMENTS:
            found.append(Default(name, None))
        elif default := read_default(schema.column(name), text):
            found.append(default)
        else:
            left.append(f"default of {name}, an expression: {text}")
    return Extras(tuple(found), (*left, *of_table(ask, schema.name)))


def _rowid(ask: Ask, schema: Schema) -> str | None:
    """The column that is another name of the row's number, which counts up by itself."""
    keys = ask("SELECT name, type FROM pragma_table_info(?) WHERE pk", [schema.name])
    return str(keys[0][0]) if len(keys) == 1 and str(keys[0][1]).upper() == "INTEGER" else None


def add_statement(ask: Ask, quote: Callable[[str], str], schema: Schema, extra: Extra) -> str | None:
    """The statement that gives the table the extra, None where it has it. Unsupported for what a table must be made
    with."""
    if isinstance(extra, Identity) and _rowid(ask, schema) == extra.column:
        return None
    if isinstance(extra, Index):
        columns = ", ".join(map(quote, extra.columns))
        unique = "UNIQUE " if extra.unique else ""
        return f"CREATE {unique}INDEX {quote(extra.name)} ON {quote(schema.name)} ({columns})"
    raise Unsupported("in SQLite only a table's key of one integer counts up by itself")


MOMENTS: Final[Mapping[Type, str]] = {
    Type.DATE: "(date('now'))",
    Type.DATETIME: "(strftime('%Y-%m-%dT%H:%M:%f000', 'now'))",
    Type.INSTANT: "(strftime('%Y-%m-%dT%H:%M:%f000+00:00', 'now'))",
}
"""The moment of an insert, as we store it."""


def set_default(connection: sqlite3.Connection, table: str, column: str, default: str) -> None:
    """Give a column, named and declared as in its table's statement, a default, spelt in SQL. Unsupported for a table
    that was made by another's statement."""
    found = connection.execute("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", [table]).fetchone()
    text = str(found[0]) if found else ""
    places = [mark + column for mark in ("*/ ", ", ") if text.count(mark + column) == 1 and "/* dbfleet:" in text]
    if len(places) != 1:
        raise Unsupported("SQLite gives a column its default only when the table is made")
    changed = text.replace(places[0], f"{places[0]} DEFAULT {default}")
    with closing(sqlite3.connect(":memory:")) as trial:
        trial.execute(changed)  # a statement that SQLite cannot read would be the end of the database
    connection.execute("BEGIN IMMEDIATE")
    try:
        ((version,),) = connection.execute("PRAGMA schema_version").fetchall()
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = ? WHERE type = 'table' AND name = ?", [changed, table])
        connection.execute(f"PRAGMA schema_version = {int(version) + 1}")
        connection.execute("PRAGMA writable_schema = OFF")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("PRAGMA writable_schema = OFF")
        connection.execute("ROLLBACK")
        raise
