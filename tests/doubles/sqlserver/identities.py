"""IDENTITY columns: SET IDENTITY_INSERT, values of their own, DBCC CHECKIDENT (name, RESEED, number).

One table at a time takes the rows' own values. A number that was given is given again after a rollback, which is not so
in SQL Server.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlglot import exp

from tests.doubles.sqlserver.extras import Default
from tests.doubles.sqlserver.faults import SqlError, refused
from tests.doubles.sqlserver.lexer import Word
from tests.doubles.sqlserver.select import Piece
from tests.doubles.sqlserver.store import Column, Database, Table


def keep(database: Database, table: Table, node: exp.ColumnDef) -> None:
    """Put a column's IDENTITY into the catalog, if it has one."""
    for constraint in node.args.get("constraints") or ():
        if isinstance(constraint.kind, exp.GeneratedAsIdentityColumnConstraint):
            seed, step = (int(constraint.kind.args[word].sql()) for word in ("start", "increment"))
            database.sqlite.execute(
                'INSERT INTO "sys.identity_columns" VALUES (?, ?, ?, ?, NULL, 0)', (table.number, node.name, seed, step)
            )
            database.sqlite.execute("INSERT INTO identities VALUES (?, ?, ?)", (table.number, seed, step))


def of(table: Table) -> Column | None:
    """The column that counts."""
    return next((column for column in table.columns if column.identity), None)


def switch(session: Any, words: Sequence[Word]) -> None:
    """SET IDENTITY_INSERT table ON or OFF."""
    *names, last = words
    parts = [word.value for word in names if word.text != "."]
    table = session.database.table(parts[0] if len(parts) > 1 else "dbo", parts[-1])
    if of(table) is None:
        raise SqlError(8106, f"Table '{table.name}' does not have the identity property. Cannot perform SET operation.")
    if last.upper not in ("ON", "OFF"):
        raise refused(f"IDENTITY_INSERT {last.text}")
    if last.upper == "ON" and session.own_identities not in (None, table.number):
        raise SqlError(8107, "IDENTITY_INSERT is already ON for another table. Cannot perform SET operation.")
    session.own_identities = table.number if last.upper == "ON" else None


def check(session: Any, table: Table, columns: Sequence[Column]) -> Column | None:
    """The column that counts where the rows of an INSERT into these columns do not name it."""
    column = of(table)
    if column is None:
        return None
    if column not in columns:
        if session.own_identities == table.number:
            raise SqlError(
                545, f"Explicit value must be specified for identity column in table '{table.name}' when "
                "IDENTITY_INSERT is set to ON.",
            )  # fmt: skip
        return column
    if session.own_identities != table.number:
        raise SqlError(
            544, f"Cannot insert explicit value for identity column in table '{table.name}' when IDENTITY_INSERT is "
            "set to OFF.",
        )  # fmt: skip
    return None


def default(database: Database, table: Table, column: Column) -> Default:
    """The column's next values."""

    def following() -> int:
        ((number,),) = database.sqlite.execute(
            "UPDATE identities SET following = following + step WHERE object_id = ? RETURNING following - step",
            (table.number,),
        ).fetchall()
        _last(database, table, number)
        return int(number)

    return Default(column, Piece("", column.type), following)


def _last(database: Database, table: Table, number: int) -> None:
    database.sqlite.execute(
        'UPDATE "sys.identity_columns" SET last_value = ? WHERE object_id = ?', (number, table.number)
    )


def seen(
    database: Database, table: Table, columns: Sequence[Column], rows: Iterable[tuple[Any, ...]]
) -> Iterator[tuple[Any, ...]]:
    """The rows, after which the column that counts goes on behind those of their values that are beyond it."""
    column = of(table)
    if column is None or column not in columns:
        yield from rows
        return
    place = list(columns).index(column)
    ((following, step),) = database.sqlite.execute(
        "SELECT following, step FROM identities WHERE object_id = ?", (table.number,)
    ).fetchall()
    last = None
    for row in rows:
        if (row[place] - following) * step >= 0:
            last, following = row[place], row[place] + step
        yield row
    if last is not None:
        database.sqlite.execute("UPDATE identities SET following = ? WHERE object_id = ?", (following, table.number))
        _last(database, table, last)


def reseed(database: Database, words: Sequence[Word]) -> None:
    """DBCC CHECKIDENT (name, RESEED, number): the first row of a table gets the number itself, a later one the next."""
    shape = " ".join(word.upper or word.kind for word in words)
    if not re.fullmatch(r"DBCC CHECKIDENT \( text , RESEED , (- )?number \)( WITH NO_INFOMSGS)?", shape):
        raise refused("DBCC of this kind")
    space, name = names(words[3].value)
    table = database.table(space, name)
    number = int("".join(word.text for word in words[7:9] if word.text in ("-",) or word.kind == "number"))
    ((last, step),) = database.sqlite.execute(
        'SELECT last_value, increment_value FROM "sys.identity_columns" WHERE object_id = ?', (table.number,)
    ).fetchall() or [(None, None)]
    if step is None:
        raise SqlError(7997, f"'{name}' does not contain an identity column.")
    database.sqlite.execute(
        "UPDATE identities SET following = ? WHERE object_id = ?",
        (number if last is None else number + step, table.number),
    )
    if last is not None:
        _last(database, table, number)


def names(text: str) -> tuple[str, str]:
    """The schema and name of a text like [schema].[name]."""
    parts = [part.replace("]]", "]") for part in re.findall(r"\[((?:[^\]]|\]\])*)\]", text)]
    if len(parts) != 2:
        raise refused(f"the name {text}, without brackets and a schema")
    return parts[0], parts[1]
