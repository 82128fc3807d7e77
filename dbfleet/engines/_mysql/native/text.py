"""What SHOW CREATE TABLE says, taken apart: the columns with the primary key, the other keys, the references.

The text is read as the server's own lexer would: quotes, backquotes and parentheses are followed, so a comma or a
newline in a comment or an expression ends nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

CONSTRAINT: Final = "constraint"
"""The space of the names of constraints, which are unique in a database."""
_NAME: Final = r"`((?:[^`]|``)*)`"
_REFERENCE: Final = re.compile(
    rf"CONSTRAINT {_NAME} (FOREIGN KEY (?:{_NAME} )?\(.*?\)) REFERENCES (?:{_NAME}\.)?{_NAME} (.*)", re.DOTALL
)
_CHECK: Final = re.compile(rf"CONSTRAINT {_NAME} (CHECK .*)", re.DOTALL)
_KEY: Final = re.compile(rf"(?:(UNIQUE|FULLTEXT|SPATIAL|VECTOR) )?KEY {_NAME} (.*)", re.DOTALL)
_COUNTER: Final = re.compile(r" AUTO_INCREMENT=(\d+)")
_ENGINE: Final = re.compile(r" ENGINE=(\w+)")
_FOLDER: Final = re.compile(r" (?:DATA|INDEX) DIRECTORY ?= ?'(?:[^'\\]|''|\\.)*'")


@dataclass(frozen=True, slots=True)
class Key:
    """A key besides the primary one; `kind` is UNIQUE, FULLTEXT, SPATIAL, VECTOR or empty."""

    name: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key. `space` is the other database; empty for the same one."""

    name: str
    columns: str
    space: str
    table: str
    rest: str


@dataclass(frozen=True, slots=True)
class Check:
    """A named check. `text` begins with CHECK."""

    name: str
    text: str


@dataclass(slots=True)
class Definition:
    """A table's definition: `columns` are the items that a table is made with, checks among them. `options` come
    behind them, `partitions` last. `counter` is where AUTO_INCREMENT goes on. `folders` are the server's own paths."""

    columns: list[str | Check]
    keys: list[Key]
    references: list[Reference]
    options: str
    engine: str
    counter: int | None
    folders: list[str]

    @property
    def has_primary(self) -> bool:
        """Whether it has a primary key."""
        return any(isinstance(each, str) and each.startswith("PRIMARY KEY") for each in self.columns)

    @property
    def versioned(self) -> bool:
        """Whether the server keeps the rows of the past."""
        return "WITH SYSTEM VERSIONING" in self.options

    @property
    def partitioned(self) -> bool:
        """Whether it has partitions."""
        return "PARTITION BY" in self.options


def unquoted(name: str) -> str:
    """A name as it stood between backquotes."""
    return name.replace("``", "`")


def read(text: str) -> Definition:
    """SHOW CREATE TABLE, taken apart."""
    begin = _end_of_name(text)
    items, end = _items(text, begin)
    options = text[end:]
    head, quote, rest = options.partition("'")
    counter = _COUNTER.search(head)
    options = _COUNTER.sub("", head, count=1) + quote + rest
    folders = _FOLDER.findall(options)
    engine = _ENGINE.search(head)
    made = Definition(
        [], [], [], _FOLDER.sub("", options), engine[1] if engine else "", int(counter[1]) if counter else None, folders
    )
    for item in items:
        if found := _REFERENCE.fullmatch(item):
            name, columns, _, space, table, rest = found.groups()
            reference = Reference(unquoted(name), columns, unquoted(space or ""), unquoted(table), rest)
            made.references.append(reference)
        elif found := _CHECK.fullmatch(item):
            made.columns.append(Check(unquoted(found[1]), found[2]))
        elif found := _KEY.fullmatch(item):
            made.keys.append(Key(unquoted(found[2]), found[1] or "", item))
        else:
            made.columns.append(item)
    _keep_keys(made)
    return made


def _keep_keys(made: Definition) -> None:
    """Keys without which the server does not make the table stay among its columns: the one that a counter needs, those
    of partitions without a primary key; all of a table whose storage engine adds none to rows quickly."""
    counting = next((each for each in made.columns if isinstance(each, str) and _counts(each)), None)
    column = re.match(_NAME, counting) if counting else None
    primary = next((each for each in made.columns if isinstance(each, str) and each.startswith("PRIMARY KEY")), "")
    led = column is not None and primary.startswith(f"PRIMARY KEY ({column[0]}")
    kept = []
    for key in made.keys:
        leads = column is not None and not led and f"({column[0]}" in key.text
        if made.engine != "InnoDB" or made.versioned or leads or (
            made.partitioned and key.kind == "UNIQUE" and not made.has_primary
        ):  # fmt: skip
            made.columns.append(key.text)
            led = led or leads
        else:
            kept.append(key)
    made.keys = kept


def _counts(column: str) -> bool:
    plain = re.sub(r"'(?:[^'\\]|''|\\.)*'", "''", column)
    return column.startswith("`") and " AUTO_INCREMENT" in plain


def _end_of_name(text: str) -> int:
    """Where the parenthesis behind the table's name opens."""
    for place, character in _outside(text, 0):
        if character == "(":
            return place
    raise ValueError(f"no table: {text:.60}")


def _items(text: str, begin: int) -> tuple[list[str], int]:
    """The items in the parentheses that open there, and where these have closed."""
    items, depth, start = [], 0, begin + 1
    for place, character in _outside(text, begin):
        if character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
            if not depth:
                items.append(text[start:place].strip())
                return items, place + 1
        elif character == "," and depth == 1:
            items.append(text[start:place].strip())
            start = place + 1
    raise ValueError(f"no table: {text:.60}")


_TOKEN: Final = re.compile(r"'(?:[^'\\]|''|\\.)*'|`(?:[^`]|``)*`|[(),]", re.DOTALL)


def _outside(text: str, begin: int) -> Iterator[tuple[int, str]]:
    """The parentheses and commas that stand in no quotes."""
    for found in _TOKEN.finditer(text, begin):
        if len(found[0]) == 1:
            yield found.start(), found[0]
