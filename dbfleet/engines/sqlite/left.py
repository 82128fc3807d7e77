"""What SQLite has that no record of dbfleet.extras holds: by name, in words. It is read from the catalog, and from the
statement that made the table where only that says it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Final

from dbfleet.engines.sqlite.tables import Ask, key_with_null

_TOKENS: Final = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|/\*.*?(?:\*/|\Z)|[(),]|[^\s'"`\[(),]+""",
    re.DOTALL,
)
_GENERATED: Final = "SELECT name, hidden FROM pragma_table_xinfo(?) WHERE hidden IN (2, 3)"
_DESCENDING: Final = """
SELECT DISTINCT l.name FROM pragma_index_list(?) AS l, pragma_index_xinfo(l.name) WHERE key AND "desc" AND origin = 'c'
"""
_ACTIONS: Final = 'SELECT DISTINCT "table", on_update, on_delete FROM pragma_foreign_key_list(?)'
_TRIGGERS: Final = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ? ORDER BY name"


def of_table(ask: Ask, name: str) -> list[str]:
    """What the table or view has."""
    text = "SELECT type, coalesce(sql, '') FROM sqlite_master WHERE type IN ('table', 'view') AND name = ?"
    ((kind, made),) = ask(text, [name])
    key = key_with_null(name, ask) if kind == "table" else ()
    missing = [f"primary key {', '.join(key)}, in which rows hold NULL"] if key else []
    return [*missing, *_by_words(kind, made), *_by_catalog(ask, name)]


def _by_words(kind: str, made: str) -> Iterator[str]:
    words = [word.upper() for word in _TOKENS.findall(made) if not word.startswith(("--", "/*", "'"))]
    if kind == "view":
        yield "that it is a view: its rows come as a table"
        return
    if words[1:2] == ["VIRTUAL"]:
        yield "that it is a virtual table: its rows come as a table"
    if checks := words.count("CHECK"):
        yield f"{checks} check{'s' if checks > 1 else ''}"
    named = {after.strip('"`[]') for word, after in itertools.pairwise(words) if word == "COLLATE"}
    yield from (f"collation {collation}" for collation in sorted(named - {"BINARY"}))
    if "DEFERRED" in words:
        yield "that references are deferred"


def _by_catalog(ask: Ask, name: str) -> Iterator[str]:
    for column, hidden in ask(_GENERATED, [name]):
        yield f"generated column {column}, {'virtual' if hidden == 2 else 'stored'}: its values come"
    for (index,) in ask(_DESCENDING, [name]):
        yield f"of index {index}, its descending order"
    for other, update, delete in ask(_ACTIONS, [name]):
        rules = [
            f"on {word} {rule.lower()}"
            for word, rule in (("update", update), ("delete", delete))
            if rule not in ("NO ACTION", "RESTRICT")
        ]
        if rules:
            yield f"of the reference to {other}, {' and '.join(rules)}"
    for (trigger,) in ask(_TRIGGERS, [name]):
        yield f"trigger {trigger}"


def of_file(ask: Ask, broken: Mapping[str, str]) -> list[str]:
    """What the file has besides its tables."""
    unreadable = [f"view {name}, which cannot be read: {why}" for name, why in broken.items()]
    return unreadable + [
        f"view {name}: its rows come as a table"
        for (name,) in ask("SELECT name FROM sqlite_master WHERE type = 'view' ORDER BY name")
        if name not in broken
    ]
