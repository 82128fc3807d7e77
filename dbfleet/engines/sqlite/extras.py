"""What a table has besides its rows (dbfleet.extras), in SQLite.

ALTER TABLE gives no column a default. For that the documentation has a way of its own, as a default is nothing but text
in the table's statement: https://sqlite.org/lang_altertable.html#otheralter (the shorter procedure). This way is taken
only for tables that we made, whose statements we know.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from typing import Final

from dbfleet.engines.sqlite.left import of_table
from dbfleet.engines.sqlite.literals import literal
from dbfleet.engines.sqlite.session import Session
from dbfleet.engines.sqlite.tables import Ask, beside, with_beside
from dbfleet.engines.sqlite.types import STORE, declare, quote
from dbfleet.errors import Unsupported
from dbfleet.extras import Default, Extra, Extras, Identity, Index
from dbfleet.sql.defaults import read_default
from dbfleet.values import VALUE_OF, Schema, Type

_COUNTS: Final = "counts"
"""What stands beside a table of ours whose key should count up."""


def extras(ask: Ask, schema: Schema) -> Extras:
    """The extras of the table."""
    carried: list[Extra] = []
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
            carried.append(Index(said, tuple(columns), bool(unique)))
    rows = ask("SELECT name, dflt_value FROM pragma_table_info(?)", [schema.name])
    made = ask("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", [schema.name])
    # A table of ours has such a key because its key is an integer; that it should count up stands beside it.
    noted = beside(str(made[0][0])) if made else {}
    if (noted is None or noted.get(_COUNTS)) and (key := _rowid(ask, schema)):
        carried.append(Identity(key))
    for name, text in rows:
        if text is None or text.upper() == "NULL" or name not in schema.names:
            continue
        moment = text.startswith(("strftime(", "date(")) and text.endswith("'now')")
        if moment and schema.column(name).type in MOMENTS:
            carried.append(Default(name, None))
        elif default := read_default(schema.column(name), text):
            carried.append(default)
        else:
            left.append(f"default of {name}, an expression: {text}")
    return Extras(tuple(carried), (*left, *of_table(ask, schema.name)))


def _rowid(ask: Ask, schema: Schema) -> str | None:
    """The column that is another name of the row's number, which counts up by itself."""
    keys = ask("SELECT name, type FROM pragma_table_info(?) WHERE pk", [schema.name])
    return str(keys[0][0]) if len(keys) == 1 and str(keys[0][1]).upper() == "INTEGER" else None


MOMENTS: Final[Mapping[Type, str]] = {
    Type.DATE: "(date('now'))",
    Type.DATETIME: "(strftime('%Y-%m-%dT%H:%M:%f000', 'now'))",
    Type.INSTANT: "(strftime('%Y-%m-%dT%H:%M:%f000+00:00', 'now'))",
}
"""The moment of an insert, as we store it."""


def add(session: Session, schema: Schema, extra: Extra) -> None:
    """Give the extra to the table. Unsupported for what a table must be made with."""
    if isinstance(extra, Default):
        column = schema.column(extra.column)
        if extra.text is None:
            spelt = MOMENTS[column.type]
        else:
            value, store = VALUE_OF[column.type](extra.text), STORE.get(column.type)
            spelt = literal(store(value) if store else value, session.rows)
        with session.translated():
            _set_default(session.connection, schema.name, f"{quote(column.name)} {declare(column)}", spelt)
        return
    if isinstance(extra, Identity) and _rowid(session.rows, schema) == extra.column:
        with session.translated():
            _set_counting(session.connection, schema.name)
        return
    session.rows(_statement(schema, extra))


def _statement(schema: Schema, extra: Extra) -> str:
    """The statement that gives the table the extra. Unsupported for what a table must be made with."""
    if isinstance(extra, Index):
        columns = ", ".join(map(quote, extra.columns))
        unique = "UNIQUE " if extra.unique else ""
        return f"CREATE {unique}INDEX {quote(extra.name)} ON {quote(schema.name)} ({columns})"
    raise Unsupported("in SQLite only a table's key of one integer counts up by itself")


def _made_by(connection: sqlite3.Connection, table: str) -> str:
    """The statement that made the table."""
    made = connection.execute("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", [table]).fetchone()
    return str(made[0]) if made else ""


def _set_counting(connection: sqlite3.Connection, table: str) -> None:
    """Note of a table of ours that its key counts up; nothing for another, whose key does."""
    text = _made_by(connection, table)
    noted = beside(text)
    if noted is not None and not noted.get(_COUNTS):
        _change(connection, table, with_beside(text, {**noted, _COUNTS: True}))


def _set_default(connection: sqlite3.Connection, table: str, column: str, default: str) -> None:
    """Give the column, named and declared as in its table's statement, the default, spelt in SQL. Unsupported for a
    table that dbfleet did not make."""
    text = _made_by(connection, table)
    places = [mark + column for mark in ("*/ ", ", ") if text.count(mark + column) == 1 and "/* dbfleet:" in text]
    if len(places) != 1:
        raise Unsupported("SQLite gives a column its default only when the table is made")
    _change(connection, table, text.replace(places[0], f"{places[0]} DEFAULT {default}"))


def _change(connection: sqlite3.Connection, table: str, changed: str) -> None:
    """Put the statement in place of the one that made the table. What is stored must read the same by it."""
    with closing(sqlite3.connect(":memory:")) as trial:
        trial.execute(changed)  # a statement that SQLite cannot read would destroy the database
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
