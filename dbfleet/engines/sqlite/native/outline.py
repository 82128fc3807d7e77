"""The outline of tables: the statements of SQLite's catalog, word for word.

A table's statement has its constraints and references too, so the table is whole when it is made, and takes its rows
without a look at its references; those to tables that do not come along are checked afterwards. Indexes follow the
rows. A table that some program gave a function or a collation of its own cannot be made without it, and goes by the
closed set. What belongs to the file (`PRAGMA user_version` and the like) goes with a copy of everything.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, Final

from dbfleet.engines.sqlite.literals import literal
from dbfleet.engines.sqlite.native.text import TRIGGERS, tokens, with_marks
from dbfleet.engines.sqlite.native.values import FULL_TEXT, module
from dbfleet.engines.sqlite.tables import STAGED, Ask, names, views_of
from dbfleet.engines.sqlite.types import quote
from dbfleet.outline import STAGES, Outline, Step, marked

CARRIED_MODULES: Final = FULL_TEXT | {"rtree", "rtree_i32"}
"""Virtual tables whose rows, written into another one, make it the same."""

PRAGMAS: Final[Mapping[str, object]] = {"user_version": 0, "application_id": 0, "encoding": "UTF-8", "auto_vacuum": 0}
"""What belongs to the file, with what it is where nobody has set it."""

_CATALOG: Final = "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid"


def collections(ask: Ask) -> list[str]:
    """The tables, and the virtual ones whose rows are their own."""
    seen = set(views_of(ask))
    return sorted(
        name
        for name in names(ask)
        if name not in seen and not name.startswith(STAGED) and (is_carried(ask, name) or not module(ask, name))
    )


def views(ask: Ask) -> list[str]:
    """The views, those that cannot be read too: their statements go as they are."""
    return sorted(views_of(ask))


def is_carried(ask: Ask, name: str) -> bool:
    """Whether it is a virtual table that has its rows itself, all of which can be read."""
    if module(ask, name) not in CARRIED_MODULES:
        return False
    ((text,),) = ask("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?", (name,))
    words = [piece.name.lower() for piece in tokens(str(text)) if piece.kind != "blank"]
    return "content" not in words and not any(word.startswith("content=") for word in words)


def outline(ask: Ask, chosen: Sequence[str], *, everything: bool, view_names: Sequence[str]) -> Outline:
    """The outline of these tables and views; with `everything` of the file too, and what it has besides."""
    rows = ask(_CATALOG)
    tables = {name.lower(): name for kind, name, _, _ in rows if kind == "table"}
    wanted = {name.lower(): name for name in chosen}
    seen = {name.lower() for name in view_names}
    steps: list[Step] = []
    left: list[str] = []
    for number, (kind, name, table, text) in enumerate(rows):
        owner = wanted.get(table.lower())
        marks = with_marks(kind, name, text, tables)
        if kind == "table" and owner == name:
            steps += _of_table(ask, name, marks, text, wanted)
        elif kind == "index" and owner:
            steps.append(Step("keys", "index", owner, f"index {name}", marks, makes=(("", name),), locks=(owner,)))
        elif kind == "trigger" and (owner or table.lower() in seen):
            makes = ((TRIGGERS, name),) if owner else ()
            steps.append(Step("views", "trigger", owner or "", f"trigger {name}", marks, 1_000_000 + number, makes))
        elif kind == "view" and table.lower() in seen:
            steps.append(Step("views", "view", "", f"view {name}", marks, number))
        elif everything:
            left += _stays(ask, kind, name, table, seen)
    steps += _counters(ask, wanted)
    if everything:
        steps += _of_file(ask)
        left += _statistics(ask)
    steps.sort(key=lambda step: (STAGES.index(step.stage), step.order))
    return Outline(tuple(steps), tuple(left))


def _of_table(ask: Ask, name: str, marks: str, text: str, wanted: Mapping[str, str]) -> Iterator[Step]:
    virtual = module(ask, name)
    if virtual:
        yield Step("before", "module", "", f"module {virtual}", virtual, shared=True, needed_by=(name,))
        if virtual == "fts5":
            yield from _settings(ask, name)
    elif why := untakable(text):
        yield Step("before", "definition", "", f"what its definition names ({why})", "", shared=True, needed_by=(name,))
    yield Step("collections", "virtual table" if virtual else "table", name, f"table {name}", marks)
    parents = {str(far) for (far,) in ask('SELECT DISTINCT "table" FROM pragma_foreign_key_list(?)', (name,))}
    for far in sorted(parents):
        if far.lower() not in wanted:
            words = f"check of the reference to {far}"
            yield Step(
                "references",
                "check",
                name,
                words,
                f"PRAGMA foreign_key_check({marked('named', '', name)})",
                locks=(name,),
            )


def untakable(text: str) -> str:
    """Why nobody but the program that made the table can make it: what SQLite says of the statement. Empty where
    anybody can."""
    with closing(sqlite3.connect(":memory:")) as trial:
        try:
            trial.execute(text)
        except sqlite3.Error as error:
            return str(error)
    return ""


def _settings(ask: Ask, name: str) -> Iterator[Step]:
    """The settings of an FTS5 table, each as its command."""
    for word, value in ask(f"SELECT k, v FROM {quote(name + '_config')} WHERE k <> 'version' ORDER BY k"):
        spelt = "NULL" if value is None else literal(value, ask)
        called = marked("named", "", name)
        text = f"INSERT INTO {called} ({called}, rank) VALUES ({literal(word, ask)}, {spelt})"
        yield Step("keys", "setting", name, f"setting {word}", text, locks=(name,))


def _counters(ask: Ask, wanted: Mapping[str, str]) -> Iterator[Step]:
    if not ask("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'"):
        return
    for name, last in ask("SELECT name, seq FROM sqlite_sequence"):
        if isinstance(name, str) and (owner := wanted.get(name.lower())):
            text = "NULL" if last is None else literal(last, ask)
            yield Step("after", "counter", owner, "position of the counter", text, locks=(owner,))


def _of_file(ask: Ask) -> Iterator[Step]:
    for word, usual in PRAGMAS.items():
        ((value,),) = ask(f"PRAGMA {word}")
        if value != usual:
            text, undo = f"PRAGMA {word} = {spelt(value)}", f"PRAGMA {word} = {spelt(usual)}"
            makes = (("pragma", word),)
            yield Step("before", "pragma", "", f"{word} {value}", text, makes=makes, shared=True, undo=undo)


def spelt(value: object) -> str:
    """The value of a pragma, in SQL."""
    return f"'{value}'" if isinstance(value, str) else str(value)


def _stays(ask: Ask, kind: str, name: str, table: str, seen: set[str]) -> Iterator[str]:
    """What the file has that none of the steps makes."""
    missing = "does not come along"
    if kind == "view":
        yield f"view {name}: {missing}"
    elif kind == "trigger" and table.lower() not in seen and table in views_of(ask):
        yield f"trigger {name} of view {table}: {missing}"
    elif kind == "table" and (virtual := module(ask, name)) and not is_carried(ask, name):
        yield f"virtual table {name} ({virtual}): {missing}"


def _statistics(ask: Ask) -> Iterator[str]:
    for (name,) in ask("SELECT name FROM sqlite_schema WHERE name LIKE 'sqlite\\_stat_' ESCAPE '\\' ORDER BY name"):
        yield f"statistics of ANALYZE ({name}): they do not come along, ANALYZE makes them again"


def refers(ask: Ask, table: str, others: Sequence[str]) -> bool:
    """Whether a row of the table refers to a row of one of the others."""
    sources: dict[Any, list[str]] = {}
    lowered = {name.lower() for name in others}
    for number, far, column in ask('SELECT id, "table", "from" FROM pragma_foreign_key_list(?)', (table,)):
        if far.lower() in lowered:
            sources.setdefault(number, []).append(column)
    for columns in sources.values():
        told = " AND ".join(f"{quote(column)} IS NOT NULL" for column in columns)
        if ask(f"SELECT 1 FROM {quote(table)} WHERE {told} LIMIT 1"):
            return True
    return False
