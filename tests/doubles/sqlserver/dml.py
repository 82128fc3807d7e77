"""INSERT … SELECT, INSERT … VALUES, UPDATE … FROM and DELETE: rows are read by a SELECT, converted as SQL Server stores
them, and stored in one statement of SQLite's, which checks keys and references at its end, as SQL Server does."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from sqlglot import exp

from tests.doubles.sqlserver import extras, identities
from tests.doubles.sqlserver.faults import SqlError, invalid_column, refused
from tests.doubles.sqlserver.select import Piece, Translator, kept_column, only
from tests.doubles.sqlserver.store import Column, Table, padded
from tests.doubles.sqlserver.types import assign

_KEY_BYTES = 900


def insert(session: Any, node: exp.Insert) -> int:
    only(node, "this", "expression")
    if not isinstance(node.this, exp.Schema):
        raise refused("INSERT without a list of columns")
    table = session.database.table(node.this.this.db or "dbo", node.this.this.name)
    columns = [_column(table, each.name) for each in node.this.expressions]
    defaults = [each for each in extras.defaults(session.database, table) if each.column not in columns]
    if counting := identities.check(session, table, columns):
        defaults.append(identities.default(session.database, table, counting))
    for column in table.columns:
        if column not in columns and not column.nullable and column not in [each.column for each in defaults]:
            raise _null(session, table, column, "INSERT")
    translator = Translator(session)
    if isinstance(node.expression, exp.Values):
        rows, types = _values(translator, node.expression)
    else:
        query = translator.query(node.expression)
        types = query.columns
        rows = session.fetched(query.sql, query.params, query.cleanup)
    if len(types) != len(columns):
        raise SqlError(120 if len(types) < len(columns) else 121,
                       "The select list of the INSERT statement is not as long as its insert list.")  # fmt: skip
    if defaults:
        rows = [(*row, *(each.value() for each in defaults)) for row in rows]
        types = [*types, *(each.piece for each in defaults)]
        columns += [each.column for each in defaults]
    kept = identities.seen(session.database, table, columns, _stored(session, table, columns, types, rows, "INSERT"))
    return _stage(session, table, columns, kept, _insert_staged(table, columns), "INSERT")


def _values(translator: Translator, node: exp.Values) -> tuple[Iterable[Sequence[Any]], list[Piece]]:
    found: list[list[Piece]] = []
    for row in node.expressions:
        pieces = [translator.expression(each, []) for each in row.expressions]
        if not all(piece.constant for piece in pieces):
            raise refused("VALUES of anything but constants")
        found.append(pieces)
    if len(found) > 1:
        raise refused("VALUES of several rows")
    return [[piece.value for piece in found[0]]], found[0]


def _insert_staged(table: Table, columns: Sequence[Column]) -> str:
    names = ", ".join(f"c{column.number}" for column in columns)
    return f"INSERT INTO main.{table.sql} ({names}) SELECT {names} FROM temp.staged"


def update(session: Any, node: exp.Update) -> int:
    only(node, "this", "expressions", "from_", "where")
    from_ = node.args.get("from_")
    if from_ is None:
        target_node = node.this
        select = exp.Select(expressions=[], from_=exp.From(this=target_node.copy()))
    else:
        target_node = next(
            (each for each in (from_.this, *(join.this for join in from_.this.args.get("joins") or ()))
             if each.alias_or_name.casefold() == node.this.name.casefold()), None,
        )  # fmt: skip
        select = exp.Select(expressions=[], from_=from_.copy())
    if not isinstance(target_node, exp.Table):
        raise SqlError(208, f"Invalid object name '{node.this.name}'.")
    table = session.database.table(target_node.db or "dbo", target_node.name)
    if node.args.get("where"):
        select.set("where", node.args["where"].copy())
    columns = []
    for each in node.expressions:
        if not isinstance(each, exp.EQ) or not isinstance(each.this, exp.Column):
            raise refused("UPDATE with SET of this kind")
        columns.append(_column(table, each.this.name))
        if columns[-1].identity:
            raise SqlError(8102, f"Cannot update identity column '{columns[-1].name}'.")
        select.append("expressions", each.expression.copy())
    translator = Translator(session)
    sources, tables = translator.from_(select, [])
    target = next(each for each in sources if each.alias.casefold() == target_node.alias_or_name.casefold())
    alias = target.sql.rpartition(" AS ")[2]
    pieces = [translator.expression(each, sources) for each in select.expressions]
    sql = f"SELECT {', '.join([f'{alias}.rowid', *(piece.sql for piece in pieces)])}{tables}"
    if select.args.get("where"):
        sql += f" WHERE {translator.condition(select.args['where'].this, sources)}"
    found = list(session.fetched(sql, translator.params, translator.cleanup))
    kept = _stored(session, table, columns, pieces, (row[1:] for row in found), "UPDATE")
    numbered = ((*row, found[place][0]) for place, row in enumerate(kept))
    changes = ", ".join(f"c{column.number} = s.c{column.number}" for column in columns)
    return _stage(
        session, table, columns, numbered,
        f"UPDATE main.{table.sql} SET {changes} FROM temp.staged AS s WHERE main.{table.sql}.rowid = s.place",
        "UPDATE", place=True,
    )  # fmt: skip


def delete(session: Any, node: exp.Delete) -> int:
    only(node, "this", "where", "tables")
    named = node.args.get("tables") or []
    if named and [each.name.casefold() for each in named] != [node.this.alias_or_name.casefold()]:
        raise refused("DELETE from another table than it names")
    table = session.database.table(node.this.db or "dbo", node.this.name)
    translator = Translator(session)
    source = translator.source(node.this, [])
    alias = source.sql.rpartition(" AS ")[2]
    where = f" WHERE {translator.condition(node.args['where'].this, [source])}" if node.args.get("where") else ""
    sql = f"DELETE FROM {table.sql} WHERE rowid IN (SELECT {alias}.rowid FROM {source.sql}{where})"
    try:
        return int(session.database.sqlite.execute(sql, translator.params).rowcount)
    except sqlite3.IntegrityError as error:
        raise _violated(session, table, str(error), "DELETE") from None
    finally:
        for each in translator.cleanup:
            session.database.sqlite.execute(each)


def _column(table: Table, name: str) -> Column:
    found = table.column(name)
    if found is None:
        raise invalid_column(name)
    return found


def _stored(
    session: Any,
    table: Table,
    columns: Sequence[Column],
    pieces: Sequence[Piece],
    rows: Iterable[Sequence[Any]],
    verb: str,
) -> Iterable[tuple[Any, ...]]:
    for column, piece in zip(columns, pieces, strict=True):
        if column.type.family == "text" and piece.type.word == "nvarchar" and column.type.word != "nvarchar":
            raise refused(f"nvarchar stored as {column.type.word}")
    plan = [(column, piece.type) for column, piece in zip(columns, pieces, strict=True)]
    for row in rows:
        kept = tuple(assign(value, type_, column.type) for value, (column, type_) in zip(row, plan, strict=True))
        length = 0
        for value, (column, _) in zip(kept, plan, strict=True):
            if value is None and not column.nullable:
                raise _null(session, table, column, verb)
            if (
                column.number in table.key
                and isinstance(value, str | bytes)
                and column.type.family in ("text", "binary")
            ):
                length += len(value) if isinstance(value, bytes) else len(padded(value, 0))
        if length > _KEY_BYTES:
            raise SqlError(1946, f"Operation failed. The index entry of length {length} bytes for the index "
                           f"'PK__{table.name}' exceeds the maximum length of {_KEY_BYTES} bytes.")  # fmt: skip
        yield kept


def _stage(
    session: Any, table: Table, columns: Sequence[Column], rows: Iterable[tuple[Any, ...]], statement: str, verb: str,
    *, place: bool = False,
) -> int:  # fmt: skip
    sqlite = session.database.sqlite
    lines = [f"c{column.number} {kept_column(column.type, column.collation)}" for column in columns]
    if place:
        lines.append("place BIGINT")
    sqlite.execute(f"CREATE TEMP TABLE staged ({', '.join(lines)})")
    try:
        sqlite.executemany(f"INSERT INTO temp.staged VALUES ({', '.join('?' * len(lines))})", rows)
        return int(sqlite.execute(statement).rowcount)
    except sqlite3.IntegrityError as error:
        raise _violated(session, table, str(error), verb) from None
    finally:
        sqlite.execute("DROP TABLE temp.staged")


def _null(session: Any, table: Table, column: Column, verb: str) -> SqlError:
    return SqlError(
        515,
        f"Cannot insert the value NULL into column '{column.name}', table '{session.name}.{table.space}.{table.name}'; "
        f"column does not allow nulls. {verb} fails.",
    )


def _key(table: Table) -> str:
    return ", ".join(f"{table.sql}.c{number}" for number in table.key)


def _violated(session: Any, table: Table, text: str, verb: str) -> SqlError:
    if text.startswith("UNIQUE") and text != f"UNIQUE constraint failed: {_key(table)}":
        return SqlError(
            2601,
            f"Cannot insert duplicate key row in object '{table.space}.{table.name}' with a unique index.", severity=14,
        )  # fmt: skip
    if text.startswith("UNIQUE"):
        return SqlError(
            2627,
            f"Violation of PRIMARY KEY constraint 'PK__{table.name}'. Cannot insert duplicate key in object "
            f"'{table.space}.{table.name}'.",
            severity=14,
        )
    if text.startswith("FOREIGN KEY"):
        return SqlError(
            547, f"The {verb} statement conflicted with a FOREIGN KEY constraint. The conflict occurred in database "
            f'"{session.name}", table "{table.space}.{table.name}".',
        )  # fmt: skip
    raise AssertionError(text)
