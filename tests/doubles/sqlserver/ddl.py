"""CREATE TABLE (with IDENTITY and defaults; without checks and computed columns), DROP TABLE, CREATE DATABASE, CREATE
SCHEMA, ALTER SCHEMA TRANSFER, keys and references over rows that are there, sp_addextendedproperty (of tables and
columns) and sp_rename."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from sqlglot import exp

from tests.doubles.sqlserver import extras, identities
from tests.doubles.sqlserver.faults import SqlError, invalid_column, refused
from tests.doubles.sqlserver.select import Translator, kept_column, only
from tests.doubles.sqlserver.store import Column, Database, Table, sqlite_collation
from tests.doubles.sqlserver.types import DEFAULT_COLLATION, IDS, MAX, units

COLLATIONS = ("Latin1_General_100_BIN2", "Latin1_General_BIN2", DEFAULT_COLLATION)


def run(session: Any, node: exp.Expression) -> Iterator[Any]:
    from tests.doubles.sqlserver.session import Count

    kind = str(node.args.get("kind") or "").upper()
    if isinstance(node, exp.Create) and kind == "DATABASE":
        only(node, "this", "kind")
        if session.transactions:
            raise SqlError(226, "CREATE DATABASE statement not allowed within multi-statement transaction.")
        session.databases.make(node.this.name)
    elif isinstance(node, exp.Create) and kind == "SCHEMA":
        only(node, "this", "kind")
        session.atomic(lambda: _create_schema(session.database, node.this.db or node.this.name))
    elif isinstance(node, exp.Create) and kind == "TABLE":
        only(node, "this", "kind")
        session.atomic(lambda: _create_table(session, node.this))
    elif isinstance(node, exp.Drop) and kind == "TABLE":
        only(node, "this", "tables", "kind", "exists")
        for table in node.args.get("tables") or [node.this]:
            session.atomic(lambda table=table: _drop_table(session, table, bool(node.args.get("exists"))))
    else:
        raise refused(f"{type(node).__name__.upper()} {kind}")
    yield Count()


def _create_schema(database: Database, name: str) -> int:
    if database.schema(name):
        raise SqlError(2714, f"There is already an object named '{name}' in the database.")
    database.sqlite.execute('INSERT INTO "sys.schemas" VALUES (?, ?)', (name, database.next_number()))
    return 0


def _checked(name: str) -> str:
    if units(name) > 128:
        raise SqlError(
            103, f"The identifier that starts with '{name[:128]}' is too long. Maximum length is 128.", severity=15
        )
    if not name:
        raise SqlError(1038, "An object or column name is missing or empty.", severity=15)
    if name.startswith("#"):
        raise refused("temporary tables")
    return name


def _create_table(session: Any, node: exp.Expression) -> int:
    if not isinstance(node, exp.Schema):
        raise refused("CREATE TABLE of this kind")
    database = session.database
    space, name = node.this.db or "dbo", _checked(node.this.name)
    schema = database.schema(space)
    if schema is None:
        raise SqlError(2760, f'The specified schema name "{space}" either does not exist or you cannot use it.')
    if database.object(space, name) or extras.sequence(database, space, name):
        raise SqlError(2714, f"There is already an object named '{name}' in the database.")
    translator = Translator(session)
    columns: list[Column] = []
    defaults: list[tuple[Column, str, str]] = []
    key: list[str] = []
    references: list[exp.ForeignKey] = []
    for each in node.expressions:
        if isinstance(each, exp.ColumnDef):
            columns.append(_column(translator, each, len(columns) + 1, [known.name for known in columns]))
            defaults += [(columns[-1], *found) for found in _default_of(each)]
        elif isinstance(each, exp.PrimaryKey):
            only(each, "expressions", "include")
            key = [
                ordered.this.name if isinstance(ordered, exp.Ordered) else ordered.name for ordered in each.expressions
            ]
        elif isinstance(each, exp.ForeignKey):
            only(each, "expressions", "reference")
            references.append(each)
        else:
            raise refused(f"{type(each).__name__.upper()} in CREATE TABLE")
    number = database.next_number()
    table = Table(number, space, name, tuple(columns), tuple(_find(columns, each).number for each in key))
    _check_key(table)
    _fill_catalog(database, table, schema[0])
    lines = [
        f"c{column.number} {kept_column(column.type, column.collation)}{'' if column.nullable else ' NOT NULL'}"
        for column in columns
    ]
    if key:
        lines.append(f"PRIMARY KEY ({', '.join(f'c{place}' for place in table.key)})")
    lines += [_reference(database, table, each) for each in references]
    database.sqlite.execute(f"CREATE TABLE {table.sql} ({', '.join(lines)})")
    for each in node.expressions:
        if isinstance(each, exp.ColumnDef):
            identities.keep(database, table, each)
    for column, constraint, definition in defaults:
        extras.keep_default(database, table, column, constraint, definition)
    return 0


def _default_of(node: exp.ColumnDef) -> Iterator[tuple[str, str]]:
    """The name, if any, and the definition of a column's default, which is in parentheses as the catalog has it."""
    for constraint in node.args.get("constraints") or ():
        if isinstance(constraint.kind, exp.DefaultColumnConstraint):
            yield constraint.this.name if constraint.this else "", constraint.kind.this.sql("tsql")


def _column(translator: Translator, node: exp.ColumnDef, number: int, known: Sequence[str]) -> Column:
    only(node, "this", "kind", "constraints")
    name, type_ = _checked(node.name), translator.type_of(node.args["kind"])
    if name.casefold() in [each.casefold() for each in known]:
        raise SqlError(
            2705, f"Column names in each table must be unique. Column name '{name}' is specified more than once."
        )
    nullable, collation = True, DEFAULT_COLLATION if type_.family == "text" else None
    identity = False
    for constraint in node.args.get("constraints") or ():
        kind = constraint.kind
        if isinstance(kind, exp.NotNullColumnConstraint):
            nullable = bool(kind.args.get("allow_null"))
        elif isinstance(kind, exp.CollateColumnConstraint):
            collation = next((each for each in COLLATIONS if each.casefold() == kind.this.name.casefold()), None)
            if collation is None:
                raise SqlError(448, f"Invalid collation '{kind.this.name}'.")
        elif isinstance(kind, exp.GeneratedAsIdentityColumnConstraint):
            identity, nullable = True, False
        elif not isinstance(kind, exp.DefaultColumnConstraint):
            raise refused(f"{type(kind).__name__} of a column")
    return Column(number, name, type_, collation, nullable, identity)


def _find(columns: Sequence[Column], name: str) -> Column:
    for column in columns:
        if column.name.casefold() == name.casefold():
            return column
    raise invalid_column(name)


def _check_key(table: Table) -> None:
    for number in table.key:
        column = table.columns[number - 1]
        if column.nullable:
            raise SqlError(8111, f"Cannot define PRIMARY KEY constraint on nullable column in table '{table.name}'.")
        if column.type.size == MAX:
            raise SqlError(
                1919, f"Column '{column.name}' in table '{table.name}' is of a type that is invalid for use as a key "
                "column in an index.",
            )  # fmt: skip


def _fill_catalog(database: Database, table: Table, schema: int) -> None:
    execute = database.sqlite.execute
    execute('INSERT INTO "sys.objects" VALUES (?, ?, ?, ?, 0, 0)', (table.name, table.number, schema, "U "))
    for column in table.columns:
        type_id = IDS[column.type.word]
        precision, scale = column.type.precision_and_scale
        execute(
            """INSERT INTO "sys.columns" VALUES
            (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 'NOT_APPLICABLE', 0, 0, 0, 0, 0, 0, 0, 1, NULL, 0, 0)""",
            (table.number, column.name, column.number, type_id, type_id, column.type.max_length, precision, scale,
             column.collation, int(column.nullable), int(column.identity)),
        )  # fmt: skip
    if table.key:
        fill_key(database, table, _constraint(database, "PK", schema, table))
    else:
        execute(
            """INSERT INTO "sys.indexes" VALUES (?, 0, 0, NULL, 'HEAP', 0, 0, 0, NULL, 1, 0, 0, 0, 0, 1, 1)""",
            (table.number,),
        )


def fill_key(database: Database, table: Table, name: str) -> None:
    """The catalog's rows of a primary key, which is clustered."""
    execute = database.sqlite.execute
    execute(
        """INSERT INTO "sys.indexes" VALUES (?, 1, 1, ?, 'CLUSTERED', 1, 0, 0, NULL, 1, 0, 0, 0, 0, 1, 1)""",
        (table.number, name),
    )
    for place, number in enumerate(table.key, 1):
        execute('INSERT INTO "sys.index_columns" VALUES (?, 1, ?, ?, 0, 0, 0, ?)', (table.number, number, place, place))


def _constraint(database: Database, kind: str, schema: int, table: Table, name: str = "") -> str:
    """A constraint that has no name of its own gets one: its kind, nine letters of its table's, a number."""
    number = database.next_number()
    if (
        name
        and database.sqlite.execute(
            'SELECT 1 FROM "sys.objects" WHERE schema_id = ? AND name = ?', (schema, name)
        ).fetchone()
    ):
        raise SqlError(2714, f"There is already an object named '{name}' in the database.")
    name = name or f"{kind}__{table.name[:9]}__{number:016X}"
    database.sqlite.execute(
        'INSERT INTO "sys.objects" VALUES (?, ?, ?, ?, 0, ?)',
        (name, number, schema, "F " if kind == "FK" else kind, table.number),
    )
    return name


def rename(database: Database, values: Sequence[Any]) -> int:
    """sp_rename '[schema].[table]' or '[schema].[constraint]', new, OBJECT; '[schema].[table].[index]', new, INDEX"""
    what, new, kind = values
    parts = [part.replace("]]", "]") for part in re.findall(r"\[((?:[^\]]|\]\])*)\]", what)]
    execute, missing = database.sqlite.execute, SqlError(15225, f"No item by the name of '{what}' could be found.")
    _checked(new)
    if kind == "INDEX" and len(parts) == 3:
        number = database.table(*parts[:2]).number
        if execute('SELECT 1 FROM "sys.indexes" WHERE object_id = ? AND name = ?', (number, new)).fetchone():
            raise SqlError(15335, f"Error: The new name '{new}' is already in use as a INDEX name.")
        done = execute('UPDATE "sys.indexes" SET name = ? WHERE object_id = ? AND name = ?', (new, number, parts[2]))
    elif kind == "OBJECT" and len(parts) == 2 and (schema := database.schema(parts[0])):
        same = "WHERE schema_id = ? AND name = ?"
        if execute(f'SELECT 1 FROM "sys.objects" {same}', (schema[0], new)).fetchone():
            raise SqlError(15335, f"Error: The new name '{new}' is already in use as a OBJECT name.")
        done = execute(f'UPDATE "sys.objects" SET name = ? {same}', (new, schema[0], parts[1]))
        # A key's index has the name of its constraint.
        execute(
            'UPDATE "sys.indexes" SET name = ? WHERE is_primary_key = 1 AND name = ? AND object_id IN '
            '(SELECT parent_object_id FROM "sys.objects" WHERE schema_id = ? AND name = ?)',
            (new, parts[1], schema[0], new),
        )
        execute('UPDATE "sys.default_constraints" SET name = ? WHERE object_id IN '
                f'(SELECT object_id FROM "sys.objects" {same})', (new, schema[0], new))  # fmt: skip
    else:
        raise refused(f"sp_rename of {kind} {what}")
    if not done.rowcount:
        raise missing
    return 0


def transfer(database: Database, to: str, space: str, name: str) -> int:
    """ALTER SCHEMA to TRANSFER space.name"""
    schema, table = database.schema(to), database.table(space, name)
    if schema is None:
        raise SqlError(
            15151, f"Cannot find the schema '{to}', because it does not exist or you do not have permission."
        )
    if database.object(to, name):
        raise SqlError(15530, f'The object with name "{name}" already exists.')
    database.sqlite.execute(
        'UPDATE "sys.objects" SET schema_id = ? WHERE object_id = ? OR parent_object_id = ?',
        (schema[0], table.number, table.number),
    )
    return 0


def _reference(database: Database, table: Table, node: exp.ForeignKey) -> str:
    reference = node.args["reference"]
    only(reference, "this")
    target = reference.this
    return refer(
        database, table, [each.name for each in node.expressions], (target.this.db or "dbo", target.this.name),
        [each.name for each in target.expressions],
    )[0]  # fmt: skip


def refer(
    database: Database, table: Table, columns: Sequence[str], to: tuple[str, str], keys: Sequence[str], named: str = ""
) -> tuple[str, Table, list[Column], list[Column]]:
    """Put a foreign key into the catalog. It in SQLite's words, the other table, the columns here and there."""
    space, name = to
    own = [_find(table.columns, each) for each in columns]
    if (space.casefold(), name.casefold()) == (table.space.casefold(), table.name.casefold()):
        other = table
    else:
        found = database.object(space, name)
        if found is None:
            raise SqlError(1767, f"Foreign key references invalid table '{space}.{name}'.")
        other = database.table_by_number(found[0], space, found[1])
    theirs = [_find(other.columns, each) for each in keys]
    if [each.number for each in theirs] != list(other.key):
        raise SqlError(
            1776, f"There are no primary or candidate keys in the referenced table '{space}.{name}' that match."
        )
    for mine, its in zip(own, theirs, strict=True):
        if mine.type.word != its.type.word:
            raise SqlError(
                1778, f"Column '{name}.{its.name}' is not the same data type as referencing column '{mine.name}'."
            )
        if mine.type != its.type:
            raise SqlError(1753, f"Column '{name}.{its.name}' is not the same length or scale as '{mine.name}'.")
        if (mine.collation or "") != (its.collation or "") or (
            mine.collation and sqlite_collation(mine.collation) != sqlite_collation(its.collation or "")
        ):
            raise SqlError(
                1757, f"Column '{name}.{its.name}' is not of same collation as referencing column '{mine.name}'."
            )
    schema = database.schema(table.space)
    assert schema is not None
    name = _constraint(database, "FK", schema[0], table, named)
    ((constraint,),) = database.sqlite.execute(
        'SELECT object_id FROM "sys.objects" WHERE name = ? AND schema_id = ?', (name, schema[0])
    ).fetchall()
    for place, (mine, its) in enumerate(zip(own, theirs, strict=True), 1):
        database.sqlite.execute(
            'INSERT INTO "sys.foreign_key_columns" VALUES (?, ?, ?, ?, ?, ?)',
            (constraint, place, table.number, mine.number, other.number, its.number),
        )
    mine_names = ", ".join(f"c{each.number}" for each in own)
    its_names = ", ".join(f"c{each.number}" for each in theirs)
    return f"FOREIGN KEY ({mine_names}) REFERENCES {other.sql} ({its_names})", other, own, theirs


def add_key(database: Database, space: str, name: str, constraint: str, columns: Sequence[str]) -> None:
    """ALTER TABLE … ADD PRIMARY KEY CLUSTERED, over rows that are there."""
    table, schema = database.table(space, name), database.schema(space)
    assert schema is not None
    if table.key:
        raise SqlError(1779, f"Table '{name}' already has a primary key defined on it.")
    table = replace(table, key=tuple(_find(table.columns, each).number for each in columns))
    _check_key(table)
    own = ", ".join(f"c{number}" for number in table.key)
    try:
        database.sqlite.execute(f"CREATE UNIQUE INDEX i{database.next_number()} ON {table.sql} ({own})")
    except sqlite3.IntegrityError:
        raise SqlError(
            1505, "The CREATE UNIQUE INDEX statement terminated because a duplicate key was found for the object name "
            f"'{space}.{name}'.",
        ) from None  # fmt: skip
    database.sqlite.execute('DELETE FROM "sys.indexes" WHERE object_id = ? AND index_id = 0', (table.number,))
    fill_key(database, table, _constraint(database, "PK", schema[0], table, constraint))


def add_reference(
    database: Database, place: tuple[str, str], constraint: str, columns: Sequence[str], to: tuple[str, str],
    keys: Sequence[str],
) -> None:  # fmt: skip
    """ALTER TABLE … WITH CHECK ADD FOREIGN KEY, over rows that are there. SQLite has no such statement: the table's
    text is set (https://www.sqlite.org/lang_altertable.html, "making other kinds of table schema changes")."""
    table = database.table(*place)
    line, other, own, theirs = refer(database, table, columns, to, keys, constraint)
    execute = database.sqlite.execute
    pairs = " AND ".join(f"o.c{b.number} = t.c{a.number}" for a, b in zip(own, theirs, strict=True))
    some = " AND ".join(f"t.c{each.number} IS NOT NULL" for each in own)
    lost = f"SELECT 1 FROM {table.sql} AS t WHERE {some} AND NOT EXISTS (SELECT 1 FROM {other.sql} AS o WHERE {pairs})"
    if execute(lost).fetchone():
        raise SqlError(
            547, f"The ALTER TABLE statement conflicted with the FOREIGN KEY constraint in table \"{table.name}\".",
        )  # fmt: skip
    ((text,),) = execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table.sql,)).fetchall()
    ((version,),) = execute("PRAGMA schema_version").fetchall()
    execute("PRAGMA writable_schema = ON")
    execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (f"{text[:-1]}, {line})", table.sql))
    execute(f"PRAGMA schema_version = {version + 1}")
    execute("PRAGMA writable_schema = OFF")


def drop_reference(database: Database, place: tuple[str, str], constraint: str) -> bool:
    """ALTER TABLE … DROP CONSTRAINT of a foreign key that was added; whether it is one."""
    table = database.table(*place)
    execute = database.sqlite.execute
    found = execute(
        """SELECT object_id FROM "sys.objects" WHERE parent_object_id = ? AND name = ? AND type = 'F '""",
        (table.number, constraint),
    ).fetchone()
    if found:
        raise refused("that a foreign key is dropped")
    return False


def _drop_table(session: Any, node: exp.Table, exists: bool) -> int:
    database = session.database
    space, name = node.db or "dbo", node.name
    found = database.object(space, name)
    if found is None:
        if exists:
            return 0
        raise SqlError(
            3701, f"Cannot drop the table '{name}', because it does not exist or you do not have permission."
        )
    number = found[0]
    used = database.sqlite.execute(
        'SELECT 1 FROM "sys.foreign_key_columns" WHERE referenced_object_id = ? AND parent_object_id <> ?',
        (number, number),
    ).fetchone()
    if used:
        raise SqlError(
            3726, f"Could not drop object '{space}.{name}' because it is referenced by a FOREIGN KEY constraint."
        )
    for view, column in (
        ("objects", "object_id"), ("columns", "object_id"), ("indexes", "object_id"), ("index_columns", "object_id"),
        ("extended_properties", "major_id"), ("foreign_key_columns", "parent_object_id"),
        ("default_constraints", "parent_object_id"), ("identity_columns", "object_id"),
    ):  # fmt: skip
        database.sqlite.execute(f'DELETE FROM "sys.{view}" WHERE {column} = ?', (number,))
    database.sqlite.execute('DELETE FROM "sys.objects" WHERE parent_object_id = ?', (number,))
    database.sqlite.execute("DELETE FROM identities WHERE object_id = ?", (number,))
    database.sqlite.execute(f"DROP TABLE t{number}")
    return 0


def add_property(database: Database, values: Sequence[Any]) -> int:
    """sp_addextendedproperty name, value, SCHEMA, s, TABLE, t[, COLUMN, c]"""
    name, value, *levels = values
    kinds = [str(each).upper() for each in levels[::2]]
    if kinds not in (["SCHEMA", "TABLE"], ["SCHEMA", "TABLE", "COLUMN"]):
        raise refused(f"an extended property of {' '.join(kinds)}")
    try:
        table = database.table(levels[1], levels[3])
    except SqlError:
        raise SqlError(
            15135, "Object is invalid. Extended properties are not permitted, or the object does not exist."
        ) from None
    column = _find(table.columns, levels[5]).number if len(kinds) == 3 else 0
    sqlite = database.sqlite
    there = sqlite.execute(
        'SELECT 1 FROM "sys.extended_properties" WHERE major_id = ? AND minor_id = ? AND name = ?',
        (table.number, column, name),
    ).fetchone()
    if there:
        raise SqlError(15233, f"Property cannot be added. Property '{name}' already exists for 'object specified'.")
    sqlite.execute('INSERT INTO "sys.extended_properties" VALUES (1, ?, ?, ?, ?)', (table.number, column, name, value))
    return 0
