"""The closed list of statements that the double knows, as a grammar; anything else is refused by name.

SELECT items FROM dual | table | (select) | WITH name(columns) AS (select)  [WHERE] [ORDER BY] [OFFSET … FETCH …]
INSERT … VALUES · UPDATE … SET … WHERE · DELETE FROM … WHERE · MERGE by equal columns
CREATE TABLE · ALTER TABLE … ADD PRIMARY KEY | FOREIGN KEY | CHECK (column IS JSON) · DROP TABLE … [CASCADE CONSTRAINTS]
PURGE · COMMENT ON · CREATE [UNIQUE] INDEX … ON table (column [DESC], …)
ALTER TABLE … MODIFY (column DEFAULT …) · CREATE SEQUENCE … START WITH n · ALTER SEQUENCE …
RESTART START WITH n · DROP SEQUENCE
SET TRANSACTION READ ONLY · COMMIT · ROLLBACK
BEGIN DBMS_SESSION.SLEEP(n); END;  ·  BEGIN NULL; END;
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final


class OraError(Exception):
    """An error as Oracle sends it; `position` counts characters from 1, 0 where there is none."""

    def __init__(self, number: int, message: str, position: int = 0) -> None:
        super().__init__(f"ORA-{number:05}: {message}\n")
        self.number = number
        self.position = position


def refused(what: str, position: int = 0) -> OraError:
    return OraError(3001, f"unimplemented feature: the wire double does not know {what}", position)


@dataclass(frozen=True, slots=True)
class Token:
    kind: str  # word, name, text, number, bind, symbol, end
    text: str
    start: int


_TOKEN: Final = re.compile(
    r"(?P<space>\s+|--[^\n]*|/\*.*?\*/)|'(?P<text>(?:[^']|'')*)'|\"(?P<name>[^\"]*)\"|:(?P<bind>\w+)"
    r"|(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?[dD]?)|(?P<word>[^\W\d][\w$#]*)|(?P<symbol><>|!=|<=|>=|\|\||.)",
    re.DOTALL,
)


def tokens(text: str) -> list[Token]:
    found = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "symbol"
        if kind != "space":
            found.append(Token(kind, match[kind].replace("''", "'") if kind == "text" else match[kind], match.start()))
    return [*found, Token("end", "", len(text))]


# --- expressions ---


@dataclass(frozen=True, slots=True)
class Name:
    """A column, perhaps of an alias; unquoted names are in upper case, as Oracle folds them."""

    name: str
    table: str | None = None
    position: int = 0


@dataclass(frozen=True, slots=True)
class Literal:
    value: Any  # str, or a number's text in a tuple of one
    is_text: bool


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal of a type of its own, as it is sent; `code` is the type's."""

    data: bytes
    code: int


@dataclass(frozen=True, slots=True)
class Bind:
    number: int  # in order of appearance, from 0


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    arguments: tuple[Any, ...]
    order: tuple[Name, ...] = ()  # ROW_NUMBER() OVER (ORDER BY …)
    position: int = 0


@dataclass(frozen=True, slots=True)
class Case:
    """CASE WHEN … THEN … ELSE … END; `otherwise` is None where it has no ELSE."""

    branches: tuple[tuple[Any, Any], ...]
    otherwise: Any


@dataclass(frozen=True, slots=True)
class Zoned:
    """what AT TIME ZONE zone"""

    what: Any
    zone: Any


@dataclass(frozen=True, slots=True)
class Compare:
    sign: str
    left: Any
    right: Any


@dataclass(frozen=True, slots=True)
class InList:
    left: tuple[Any, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class IsNull:
    what: Any
    negated: bool


@dataclass(frozen=True, slots=True)
class Logic:
    word: str  # AND, OR, NOT
    parts: tuple[Any, ...]


# --- statements ---


@dataclass(frozen=True, slots=True)
class Item:
    what: Any
    alias: str | None


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Select:
    items: tuple[Item, ...]  # empty: *
    source: Any  # None for dual, Table, Select
    source_columns: tuple[str, ...] = ()
    where: Any = None
    order: tuple[tuple[Any, bool], ...] = ()
    offset: int = 0
    fetch: int | None = None


@dataclass(frozen=True, slots=True)
class Insert:
    table: Table
    columns: tuple[Name, ...]
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Update:
    table: Table
    sets: tuple[tuple[Name, Any], ...]
    where: Any


@dataclass(frozen=True, slots=True)
class Delete:
    table: Table
    where: Any


@dataclass(frozen=True, slots=True)
class Merge:
    table: Table
    source: tuple[tuple[str, Bind], ...]
    on: tuple[str, ...]
    updates: tuple[str, ...]
    inserts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ColumnDefinition:
    name: str
    type: str
    numbers: tuple[int, ...] = ()
    unit: str = "BYTE"
    nullable: bool = True
    is_json: bool = False
    default: str | None = None  # its text
    default_value: Any = None


@dataclass(frozen=True, slots=True)
class ForeignKey:
    columns: tuple[str, ...]
    table: Table
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CreateTable:
    name: str
    columns: tuple[ColumnDefinition, ...]
    key: tuple[str, ...]
    foreign: tuple[ForeignKey, ...] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class DropTable:
    table: Table
    cascades: bool = False


@dataclass(frozen=True, slots=True)
class AddConstraint:
    """A primary key, a foreign key, or the check that a column is JSON: one of them."""

    table: Table
    key: tuple[str, ...] = ()
    foreign: ForeignKey | None = None
    json: str = ""


@dataclass(frozen=True, slots=True)
class Comment:
    table: Table
    column: str | None
    text: str


@dataclass(frozen=True, slots=True)
class CreateIndex:
    name: str
    table: Table
    columns: tuple[tuple[Name, bool], ...]  # True: descending
    unique: bool


@dataclass(frozen=True, slots=True)
class CreateSequence:
    name: str
    start: int


@dataclass(frozen=True, slots=True)
class DropSequence:
    name: str
    position: int


@dataclass(frozen=True, slots=True)
class RestartSequence:
    name: str
    position: int
    start: int


@dataclass(frozen=True, slots=True)
class Modify:
    """A column's default: its text, and what it is (a literal, Now, Next)."""

    table: Table
    column: Name
    text: str
    default: Any


@dataclass(frozen=True, slots=True)
class Now:
    """LOCALTIMESTAMP and the like, by its whole text."""

    text: str


@dataclass(frozen=True, slots=True)
class Next:
    """The next value of a sequence."""

    sequence: str
    position: int = 0


@dataclass(frozen=True, slots=True)
class Plain:
    """A statement that is its own whole: COMMIT, ROLLBACK, SET TRANSACTION READ ONLY, SLEEP n, NULL."""

    word: str
    number: float = 0
