"""What a table has besides its rows (dbfleet.extras), in SQLite, which gives a table that is there indexes only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dbfleet.engines._extras import read_default
from dbfleet.errors import Unsupported
from dbfleet.extras import Default, Extra, Extras, Identity, Index
from dbfleet.values import Schema

Ask = Callable[..., Sequence[Sequence[Any]]]


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
        if default := read_default(schema.column(name), text):
            found.append(default)
        else:
            left.append(f"default of {name}, an expression: {text}")
    triggers = ask(
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ? ORDER BY name", [schema.name]
    )
    return Extras(tuple(found), (*left, *(f"trigger {name}" for (name,) in triggers)))


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
    what = "default" if isinstance(extra, Default) else "identity"
    raise Unsupported(f"SQLite gives a column its {what} only when the table is made")
