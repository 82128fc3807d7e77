"""Indexes, defaults and sequences, by a closed list of shapes:

CREATE [UNIQUE] INDEX n ON t (c [DESC], …) [INCLUDE (c, …)] [WHERE c IS NOT NULL [AND …]]; ALTER TABLE t ADD DEFAULT d
FOR c; ALTER TABLE t ADD [CONSTRAINT n] PRIMARY KEY CLUSTERED (c, …); ALTER TABLE t WITH CHECK ADD [CONSTRAINT n]
FOREIGN KEY (c, …) REFERENCES u (c, …); ALTER TABLE t DROP CONSTRAINT n, of a default; CREATE SEQUENCE n AS type START
WITH number, with the settings that every sequence has; ALTER SEQUENCE n RESTART WITH number; DROP SEQUENCE IF EXISTS n.
Other constraints, other kinds of indexes, options, types and partitions are refused. A default is a text, a number, hex
as nvarchar(max), a moment, or NEXT VALUE FOR a sequence; the catalog has it as SQL Server spells it.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from typing import Any, Final

from tests.doubles.sqlserver.faults import SqlError, invalid_column, refused
from tests.doubles.sqlserver.lexer import Statement, Word, statements
from tests.doubles.sqlserver.select import Piece
from tests.doubles.sqlserver.store import Column, Database, Table
from tests.doubles.sqlserver.types import IDS, INTS, MAX, PRECISIONS, SqlType

_SHAPES: Final = {
    "index": r"CREATE (UNIQUE )?INDEX @ ON @(?: \. @)? \( @(?: DESC)?(?: , @(?: DESC)?)* \)"
    r"(?: INCLUDE \( @(?: , @)* \))?"
    r"(?: WHERE (?:@ IS NOT NULL(?: AND @ IS NOT NULL)*|\( @ IS NOT NULL(?: AND @ IS NOT NULL)* \)))?",
    "add": r"ALTER TABLE @(?: \. @)? ADD DEFAULT .* FOR @",
    "key": r"ALTER TABLE @ \. @ ADD (?:CONSTRAINT @ )?PRIMARY KEY CLUSTERED \( @(?: , @)* \)",
    "reference": r"ALTER TABLE @ \. @ WITH CHECK ADD (?:CONSTRAINT @ )?FOREIGN KEY \( @(?: , @)* \) "
    r"REFERENCES @ \. @ \( @(?: , @)* \)",
    "forget": r"ALTER TABLE @(?: \. @)? DROP CONSTRAINT @",
    "sequence": r"CREATE SEQUENCE @ \. @ AS \w+(?: \( #(?: , #)? \))? START WITH #"
    r"(?: INCREMENT BY # MINVALUE (?:- )?# MAXVALUE # NO CYCLE CACHE)?",
    "restart": r"ALTER SEQUENCE @ \. @ RESTART WITH #",
    "unsequence": r"DROP SEQUENCE IF EXISTS @ \. @",
    "transfer": r"ALTER SCHEMA @ TRANSFER @ \. @",
}
_SYSTEM: Final = SqlType("datetime2", 7)
_TEXT: Final = SqlType("nvarchar", MAX)


def _shape(statement: Statement) -> str:
    """Its words, names as @, numbers as #."""
    return " ".join(
        "@" if word.kind == "name" else "#" if word.kind == "number" else word.upper or "?" for word in statement.words
    )


def knows(statement: Statement) -> bool:
    first, second = (statement.words[0].upper, statement.words[1].upper if len(statement.words) > 1 else "")
    return first == "ALTER" or (first in ("CREATE", "DROP") and second in ("UNIQUE", "INDEX", "SEQUENCE"))


def run(database: Database, statement: Statement) -> int:
    shape = _shape(statement)
    for name, pattern in _SHAPES.items():
        if re.fullmatch(pattern, shape, re.DOTALL):
            _RUN[name](database, statement.words)
            return 0
    raise refused(f"the statement {' '.join(shape.split()[:4])} of this kind, with names in brackets")


def _names(words: Sequence[Word]) -> list[str]:
    return [word.value for word in words if word.kind == "name"]


def _place(words: Sequence[Word], after: str) -> tuple[tuple[str, str], int]:
    """Schema and name behind the word, and where they end."""
    start = next(place for place, word in enumerate(words) if word.upper == after) + 1
    if words[start + 1 : start + 2] and words[start + 1].text == ".":
        return (words[start].value, words[start + 2].value), start + 3
    return ("dbo", words[start].value), start + 1


def _column(table: Table, name: str) -> Column:
    found = table.column(name)
    if found is None:
        raise invalid_column(name)
    return found


# --- indexes ---


def _index(database: Database, words: Sequence[Word]) -> None:
    (space, name), end = _place(words, "ON")
    try:
        table = database.table(space, name)
    except SqlError:
        raise SqlError(
            1088, f'Cannot find the object "{space}.{name}" because it does not exist or you do not have permissions.'
        ) from None
    where = next((place for place, word in enumerate(words) if word.upper == "WHERE"), len(words))
    more = next((place for place, word in enumerate(words) if word.upper == "INCLUDE"), where)
    columns = [_column(table, each) for each in _names(words[end:more])]
    included = [_column(table, each) for each in _names(words[more:where])]
    downward = {_column(table, a.value).number for a, b in pairwise(words[end:more]) if b.upper == "DESC"}
    filtered = [_column(table, each) for each in _names(words[where:])]
    unique = words[1].upper == "UNIQUE"
    index = next(word.value for word in words if word.kind == "name")
    for column in columns:
        if column.type.size == MAX:
            raise SqlError(
                1919, f"Column '{column.name}' in table '{table.name}' is of a type that is invalid for use as a key "
                "column in an index.",
            )  # fmt: skip
    if unique and any(column.nullable and column not in filtered for column in columns):
        raise refused("a unique index in which NULLs are the same")
    execute = database.sqlite.execute
    if execute('SELECT 1 FROM "sys.indexes" WHERE object_id = ? AND name = ?', (table.number, index)).fetchone():
        raise SqlError(
            1913, f"The operation failed because an index or statistics with name '{index}' already exists on table "
            f"'{space}.{name}'.",
        )  # fmt: skip
    ((last,),) = execute(
        'SELECT max(coalesce(max(index_id), 1), 1) FROM "sys.indexes" WHERE object_id = ?', (table.number,)
    ).fetchall()
    only = " AND ".join(f"[{column.name.replace(']', ']]')}] IS NOT NULL" for column in filtered)
    execute(
        """INSERT INTO "sys.indexes" VALUES (?, ?, 0, ?, 'NONCLUSTERED', ?, 0, 0, ?, 1, 0, 0, 0, 0, 1, 1)""",
        (table.number, last + 1, index, int(unique), f"({only})" if only else None),
    )
    for place, column in enumerate(columns, 1):
        execute(
            'INSERT INTO "sys.index_columns" VALUES (?, ?, ?, ?, 0, 0, ?, ?)',
            (table.number, last + 1, column.number, place, int(column.number in downward), place),
        )
    for place, column in enumerate(included, len(columns) + 1):
        execute(
            'INSERT INTO "sys.index_columns" VALUES (?, ?, ?, 0, 0, 1, 0, ?)',
            (table.number, last + 1, column.number, place),
        )
    own = ", ".join(f"c{column.number}{' DESC' if column.number in downward else ''}" for column in columns)
    some = f" WHERE {' AND '.join(f'c{column.number} IS NOT NULL' for column in filtered)}" if filtered else ""
    try:
        execute(f"CREATE {'UNIQUE ' if unique else ''}INDEX i{database.next_number()} ON {table.sql} ({own}){some}")
    except sqlite3.IntegrityError:
        raise SqlError(
            1505, "The CREATE UNIQUE INDEX statement terminated because a duplicate key was found for the object name "
            f"'{space}.{name}' and the index name '{index}'.",
        ) from None  # fmt: skip


# --- keys and references, over rows that are there ---


def _constraint(words: Sequence[Word]) -> str:
    return next((words[place + 1].value for place, word in enumerate(words) if word.upper == "CONSTRAINT"), "")


def _group(words: Sequence[Word], after: str) -> tuple[list[str], int]:
    """The names in the parentheses that open behind the word, and where these have closed."""
    start = next(place for place, word in enumerate(words) if word.upper == after)
    begin = next(place for place in range(start, len(words)) if words[place].text == "(")
    end = next(place for place in range(begin, len(words)) if words[place].text == ")")
    return _names(words[begin:end]), end + 1


def _add_key(database: Database, words: Sequence[Word]) -> None:
    from tests.doubles.sqlserver.ddl import add_key

    table = _altered(database, words)
    add_key(database, table.space, table.name, _constraint(words), _group(words, "CLUSTERED")[0])


def _add_reference(database: Database, words: Sequence[Word]) -> None:
    from tests.doubles.sqlserver.ddl import add_reference

    table = _altered(database, words)
    columns, end = _group(words, "FOREIGN")
    to, _ = _place(words[end:], "REFERENCES")
    keys, _ = _group(words[end:], "REFERENCES")
    add_reference(database, (table.space, table.name), _constraint(words), columns, to, keys)


# --- defaults ---


@dataclass(frozen=True)
class Default:
    """A column's: `piece` says the type of what `value` gives, anew for each row."""

    column: Column
    piece: Piece
    value: Callable[[], Any]


def _altered(database: Database, words: Sequence[Word]) -> Table:
    (space, name), _ = _place(words, "TABLE")
    try:
        return database.table(space, name)
    except SqlError:
        raise SqlError(
            4902, f'Cannot find the object "{space}.{name}" because it does not exist or you do not have permissions.'
        ) from None


def _add(database: Database, words: Sequence[Word]) -> None:
    table = _altered(database, words)
    column = _column(table, words[-1].value)
    start = next(place for place, word in enumerate(words) if word.upper == "DEFAULT") + 1
    keep_default(database, table, column, "", f"({_spelt(words[start:-2])})")


def keep_default(database: Database, table: Table, column: Column, name: str, definition: str) -> None:
    """Put a default into the catalog; without a name it gets one."""
    _evaluated(database, column, definition)  # what is not known is refused here
    sqlite = database.sqlite
    there = 'SELECT 1 FROM "sys.default_constraints" WHERE parent_object_id = ? AND parent_column_id = ?'
    if sqlite.execute(there, (table.number, column.number)).fetchone():
        raise SqlError(1781, "Column already has a DEFAULT bound to it.")
    number = database.next_number()
    schema = database.schema(table.space)
    assert schema is not None
    if (
        name
        and sqlite.execute('SELECT 1 FROM "sys.objects" WHERE schema_id = ? AND name = ?', (schema[0], name)).fetchone()
    ):
        raise SqlError(2714, f"There is already an object named '{name}' in the database.")
    own = name or f"DF__{table.name[:9]}__{column.name[:5]}__{number:08X}"
    sqlite.execute('INSERT INTO "sys.objects" VALUES (?, ?, ?, ?, 0, ?)', (own, number, schema[0], "D ", table.number))
    sqlite.execute(
        'INSERT INTO "sys.default_constraints" VALUES (?, ?, ?, ?, ?, ?)',
        (own, number, table.number, column.number, definition, int(not name)),
    )


def _forget(database: Database, words: Sequence[Word]) -> None:
    table, name = _altered(database, words), words[-1].value
    done = database.sqlite.execute(
        'DELETE FROM "sys.default_constraints" WHERE parent_object_id = ? AND name = ?', (table.number, name)
    )
    database.sqlite.execute(
        """DELETE FROM "sys.objects" WHERE parent_object_id = ? AND name = ? AND type = 'D '""", (table.number, name)
    )
    if not done.rowcount:
        from tests.doubles.sqlserver.ddl import drop_reference

        if drop_reference(database, (table.space, table.name), name):
            return
        raise SqlError(3728, f"'{name}' is not a constraint.")


def _spelt(words: Sequence[Word]) -> str:
    """The default as the catalog has it."""
    texts = [word.text for word in words]
    if words[-1].kind == "number":
        return f"({''.join(texts)})"
    if [word.upper for word in words[:3]] == ["NEXT", "VALUE", "FOR"]:
        return f"NEXT VALUE FOR {''.join(texts[3:])}"
    if texts[0].upper() == "CONVERT":
        end = texts.index(",")
        rest = "".join(word.text if word.kind == "hex" else word.text.lower() for word in words[end + 1 :])
        return f"CONVERT([{texts[2].lower()}]{''.join(texts[3:end])},{rest}"
    return texts[0] if len(words) == 1 else "".join(texts).lower()


def _evaluated(database: Database, column: Column, definition: str) -> Default:
    words = [word for each in statements(definition[1:-1]) for word in each.words]
    shape = " ".join("@" if word.kind == "name" else word.upper or f"<{word.kind}>" for word in words)
    constant = {
        "<text>": lambda: (SqlType("nvarchar", MAX), words[0].value),
        "<hex>": lambda: (SqlType("varbinary", MAX), bytes.fromhex(words[0].text[2:])),
        "CONVERT ( @ ( MAX ) , <hex> )": lambda: (_TEXT, bytes.fromhex(words[-2].text[2:]).decode("utf-16-le")),
    }.get(shape)
    if constant:
        type_, value = constant()
        return Default(column, Piece("", type_, constant=True), lambda: value)
    if number := re.fullmatch(r"\( (- )?<number> \)", shape):
        text = ("-" if number[1] else "") + words[-2].text
        if "e" in text.lower():
            return Default(column, Piece("", SqlType("float"), constant=True), lambda: float(text))
        if "." not in text and len(text) < 10:
            return Default(column, Piece("", SqlType("int"), constant=True), lambda: int(text))
        digits = len(text.replace("-", "").replace(".", ""))
        type_ = SqlType("decimal", digits, len(text.partition(".")[2]))
        return Default(column, Piece("", type_, constant=True), lambda: text)
    if shape in ("SYSDATETIME ( )", "SYSUTCDATETIME ( )"):
        return Default(column, Piece("", _SYSTEM), _now)
    if shape == "CONVERT ( @ , SYSDATETIME ( ) )":
        return Default(column, Piece("", SqlType("date")), lambda: _now()[:10])
    if shape == "NEXT VALUE FOR @ . @":
        space, name = _names(words)
        if not sequence(database, space, name):
            raise SqlError(208, f"Invalid object name '{space}.{name}'.")
        return Default(column, Piece("", SqlType("bigint")), partial(_following, database, space, name))
    raise refused(f"the default {definition}")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f0")


def defaults(database: Database, table: Table) -> Iterator[Default]:
    for number, definition in database.sqlite.execute(
        'SELECT parent_column_id, definition FROM "sys.default_constraints" WHERE parent_object_id = ?', (table.number,)
    ).fetchall():
        yield _evaluated(database, table.columns[number - 1], definition)


# --- sequences ---


def sequence(database: Database, space: str, name: str) -> bool:
    found = database.sqlite.execute("SELECT 1 FROM sequences WHERE space = ? AND name = ?", (space, name))
    return found.fetchone() is not None


def _following(database: Database, space: str, name: str) -> int:
    ((number,),) = database.sqlite.execute(
        "UPDATE sequences SET next = next + 1 WHERE space = ? AND name = ? RETURNING next - 1", (space, name)
    ).fetchall()
    return int(number)


def _create_sequence(database: Database, words: Sequence[Word]) -> None:
    (space, name), _ = _place(words, "SEQUENCE")
    if database.schema(space) is None:
        raise SqlError(2760, f'The specified schema name "{space}" either does not exist or you cannot use it.')
    if database.object(space, name) or sequence(database, space, name):
        raise SqlError(2714, f"There is already an object named '{name}' in the database.")
    texts = [word.upper or word.text for word in words]
    said = {text: _number(texts, place) for place, text in enumerate(texts) if text in _SETTINGS}
    first, step = said["START"], said.get("INCREMENT", 1)
    ends = [said[word] for word in ("MINVALUE", "MAXVALUE") if word in said]
    type_ = texts[texts.index("AS") + 1].lower()
    digits = int(texts[texts.index("AS") + 3]) if texts[texts.index("AS") + 2] == "(" else 0
    low, high, _ = INTS.get(type_, (-(10**digits) + 1, 10**digits - 1, 0))
    if step != 1 or tuple(ends or (low, high)) != (low, high):
        raise refused("a sequence of this kind")
    database.sqlite.execute(
        "INSERT INTO sequences VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (space, name, first, first, IDS[type_], digits or PRECISIONS.get(type_, 0), *_bounded(low, high)),
    )


_SETTINGS: Final = ("START", "INCREMENT", "MINVALUE", "MAXVALUE")


def _number(texts: Sequence[str], place: int) -> int:
    """The number behind a word of CREATE SEQUENCE."""
    place += 2 if texts[place] in ("START", "INCREMENT") else 1
    return int(f"-{texts[place + 1]}" if texts[place] == "-" else texts[place])


def _bounded(low: int, high: int) -> tuple[int, int]:
    """What SQLite can hold of a decimal's bounds."""
    return max(low, -(2**63)), min(high, 2**63 - 1)


def _restart_sequence(database: Database, words: Sequence[Word]) -> None:
    (space, name), _ = _place(words, "SEQUENCE")
    if not sequence(database, space, name):
        raise SqlError(15151, f"Cannot alter the sequence object '{name}', because it does not exist.")
    first = int(words[-1].text)
    database.sqlite.execute(
        "UPDATE sequences SET first = ?, next = ? WHERE space = ? AND name = ?", (first, first, space, name)
    )


def _drop_sequence(database: Database, words: Sequence[Word]) -> None:
    space, name = _names(words)
    spelt = f"(NEXT VALUE FOR [{space.replace(']', ']]')}].[{name.replace(']', ']]')}])"
    used = database.sqlite.execute('SELECT name FROM "sys.default_constraints" WHERE definition = ?', (spelt,))
    if found := used.fetchone():
        raise SqlError(3729, f"Cannot DROP SEQUENCE '{space}.{name}' because it is being referenced by '{found[0]}'.")
    database.sqlite.execute("DELETE FROM sequences WHERE space = ? AND name = ?", (space, name))


def _transfer(database: Database, words: Sequence[Word]) -> None:
    from tests.doubles.sqlserver.ddl import transfer

    transfer(database, *_names(words))


_RUN: Final[dict[str, Callable[[Database, Sequence[Word]], None]]] = {
    "index": _index,
    "key": _add_key,
    "reference": _add_reference,
    "add": _add,
    "forget": _forget,
    "sequence": _create_sequence,
    "restart": _restart_sequence,
    "unsequence": _drop_sequence,
    "transfer": _transfer,
}
