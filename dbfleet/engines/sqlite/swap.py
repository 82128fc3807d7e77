"""Staged tables in the places of others (the ability Swaps), in one transaction.

The old table is dropped without a look at references. The staged table is renamed, and SQLite renames it in every
reference to it. Then the references of all other tables to the final names are checked: a reference holds a name, so
it means the new table by itself. Views and triggers hold names too, but none may be broken while a table is renamed:
they are dropped before and made again after, word for word.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dbfleet.adapter import Swap
from dbfleet.engines.sqlite.native.text import restored
from dbfleet.engines.sqlite.tables import Ask
from dbfleet.engines.sqlite.types import quote, quoted
from dbfleet.errors import ConstraintViolated, NotFound

_TABLE: Final = "SELECT type FROM sqlite_schema WHERE name = ? AND type IN ('table', 'view')"


def swap(ask: Ask, swaps: Sequence[Swap]) -> None:
    """Put the staged tables in the places of the others, inside a transaction, with foreign keys off. NotFound for a
    staged table that is not there; ConstraintViolated where a row outside refers to a row that the new table lacks."""
    for each in swaps:
        if not ask(_TABLE, (each.staged.name,)):
            raise NotFound(f"no collection {each.staged.name!r}")
    finals = [each.name for each in swaps]
    marks = ", ".join("?" * len(finals))
    standing = ask(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE type IN ('view', 'trigger') "
        f"AND name NOT IN ({marks}) ORDER BY type DESC, rowid",
        finals,
    )
    for kind, name, _, _ in reversed(standing):  # the triggers first: a view takes its own with it
        ask(f"DROP {kind.upper()} IF EXISTS {quote(name)}")
    gone = set()
    for name in finals:
        for (kind,) in ask(_TABLE, (name,)):
            ask(f"DROP {kind.upper()} {quote(name)}")
            gone.add(name.lower())
    for each in swaps:
        _take_place(ask, each)
    _restore(ask, [each for each in swaps if each.outlined])
    for _, _, table, text in standing:
        if table.lower() not in gone:
            ask(text)
    _check(ask, {name.lower() for name in finals})


def _take_place(ask: Ask, swap: Swap) -> None:
    if swap.staged.name != swap.name:
        ask(f"ALTER TABLE {quote(swap.staged.name)} RENAME TO {quote(swap.name)}")
    for made, wanted in () if swap.outlined else swap.indexes.items():
        ((unique,),) = ask('SELECT "unique" FROM pragma_index_list(?) WHERE name = ?', (swap.name, made))
        columns = [name for (name,) in ask("SELECT name FROM pragma_index_info(?) ORDER BY seqno", (made,))]
        ask(f"DROP INDEX {quote(made)}")
        word = "UNIQUE INDEX" if unique else "INDEX"
        ask(f"CREATE {word} {quote(wanted)} ON {quote(swap.name)} ({quoted(columns)})")


def _restore(ask: Ask, swaps: Sequence[Swap]) -> None:
    """Give all that was made by an outline its own statement again, and the indexes their names. ALTER TABLE writes the
    new name in quotes, and knows no index; both are nothing but text in the catalog, which may be changed so:
    https://sqlite.org/lang_altertable.html#otheralter."""
    indexes = {made: wanted for each in swaps for made, wanted in each.indexes.items()}
    changes = []
    shadows = _quoted_otherwise(ask, [each.name for each in swaps])
    for row, kind, name, text in ask("SELECT rowid, type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL"):
        new = indexes.get(name, name) if kind == "index" else name
        changed = restored(text, lambda made: indexes.get(made, made))
        if name in shadows:
            changed = changed.replace(quote(name), "'" + name.replace("'", "''") + "'", 1)
        if (new, changed) != (name, text):
            changes.append((row, new, changed))
    if not changes:
        return
    ((version,),) = ask("PRAGMA schema_version")
    ask("PRAGMA writable_schema = ON")
    try:
        for row, name, changed in changes:
            ask("UPDATE sqlite_schema SET name = ?, sql = ? WHERE rowid = ?", (name, changed, row))
        ask(f"PRAGMA schema_version = {int(version) + 1}")
    finally:
        ask("PRAGMA writable_schema = RESET")


def _quoted_otherwise(ask: Ask, names: Sequence[str]) -> set[str]:
    """The shadow tables of these full text tables, whose modules put their names in single quotes."""
    texts = (
        "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ? AND sql LIKE 'CREATE VIRTUAL TABLE%USING%fts%'"
    )
    heads = tuple(f"{name}_" for name in names if ask(texts, (name,)))
    found = ask("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow'") if heads else ()
    return {name for (name,) in found if name.startswith(heads)}


def _check(ask: Ask, finals: set[str]) -> None:
    for (table,) in ask("SELECT name FROM sqlite_schema WHERE type = 'table'"):
        parents = {str(parent).lower() for (parent,) in ask('SELECT "table" FROM pragma_foreign_key_list(?)', (table,))}
        if table.lower() in finals or not parents & finals:
            continue
        for _, _, parent, _ in ask("SELECT * FROM pragma_foreign_key_check(?)", (table,)):
            if parent.lower() in finals:
                raise ConstraintViolated(f"a row of {table} refers to one that the new {parent} does not have")
