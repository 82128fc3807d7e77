"""What a table has besides its rows (dbfleet.extras), in MySQL and MariaDB."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from dbfleet.engines._mysql.literals import literal
from dbfleet.engines._mysql.server import Ask, Server
from dbfleet.engines._mysql.types import LEXIS, Native
from dbfleet.errors import NotFound
from dbfleet.extras import Default, Extra, Extras, Identity, Index
from dbfleet.sql.defaults import read_default, value_default
from dbfleet.values import VALUE_OF, Column, Schema, Type

_LONG: Final = frozenset(
    {"tinytext", "text", "mediumtext", "longtext", "tinyblob", "blob", "mediumblob", "longblob", "json"}
)
_PREFIX: Final = 191
"""Characters that an index of ours takes of a text without a length."""


def extras(ask: Ask, schema: Schema, natives: Mapping[str, Native], server: Server) -> Extras:
    """The extras of the table."""
    found: list[Extra] = []
    left: list[str] = []
    indexes: dict[str, list[tuple[str | None, ...]]] = {}
    for row in ask(f"SHOW INDEX FROM {LEXIS.quote(schema.name)}"):
        indexes.setdefault(str(row[2]), []).append(row)
    for name, rows in indexes.items():
        rows = [row for row in rows if row[4] is None or (row[4] in natives and not natives[row[4]].ends_version)]
        index, said = _index(name, sorted(rows, key=lambda row: int(row[3] or 0))) if rows else (None, [])
        left += said
        if index:
            found.append(index)
    where = f"WHERE table_schema = DATABASE() AND table_name = {literal(schema.name, Type.TEXT)}"
    for own, text, more in ask(
        f"SELECT column_name, column_default, extra FROM information_schema.columns {where} ORDER BY ordinal_position"
    ):
        column, native, extra = schema.column(str(own)), natives[str(own)], (more or "").lower()
        if native.counts:
            found.append(Identity(column.name))
        if native.touched:
            left.append(f"what {column.name} becomes on update")
        if native.generated:
            left.append(f"what computes {column.name}: {native.expression}")
        if native.invisible:
            left.append(f"that {column.name} is invisible")
        if text is None or (server.mariadb and text == "NULL") or native.generated:
            continue
        # MariaDB gives the default's SQL, MySQL a literal's text as it is.
        spelt = server.mariadb or "default_generated" in extra
        moment = read_default(column, text) if column.type in (Type.DATE, Type.DATETIME, Type.INSTANT) else None
        default = moment or (read_default(column, _plain(text)) if spelt else value_default(column, text))
        if default and default.text and "?" in default.text:
            left.append(f"default of {column.name}: the server tells no characters beyond the first 65 536: {text}")
        elif default:
            found.append(default)
        else:
            left.append(f"default of {column.name}, an expression: {text}")
    left += _collations(natives)
    for part in (_checks, _foreign_keys, _triggers, _comments, _table):
        left += part(ask, schema, where, server)
    return Extras(tuple(found), tuple(left))


def _index(name: str, rows: Sequence[tuple[str | None, ...]]) -> tuple[Index | None, list[str]]:
    """The record of an index of SHOW INDEX, where there is one for it; and what of the index stays behind."""
    columns, unique, kind = [row[4] for row in rows], rows[0][1] == "0", rows[0][10]
    beginnings = [f"{row[4]}({row[7]})" for row in rows if row[7] is not None and kind != "SPATIAL"]
    if name == "PRIMARY":
        return None, [f"that the key is over the beginnings of {', '.join(beginnings)}"] if beginnings else []
    why = (
        f"of kind {kind}" if kind not in ("BTREE", "HASH")
        else "over an expression" if None in columns
        else "over the beginnings of values" if unique and beginnings
        else None
    )  # fmt: skip
    if why:
        return None, [f"index {name}, {why}"]
    left = [f"of index {name}, that it is over the beginnings of {', '.join(beginnings)}"] if beginnings else []
    if falling := [str(row[4]) for row in rows if row[5] == "D"]:
        left.append(f"of index {name}, that {', '.join(falling)} is descending")
    # MySQL's last columns are Visible and Expression, MariaDB's is Ignored.
    if rows[0][13:14] in (("NO",), ("YES",)) and rows[0][13] != ("YES" if len(rows[0]) > 14 else "NO"):
        left.append(f"of index {name}, that the server does not use it")
    if rows[0][12]:
        left.append(f"the comment of index {name}")
    return Index(name, tuple(map(str, columns)), unique), left


_OURS: Final = frozenset({"utf8mb4_0900_bin", "utf8mb4_nopad_bin", "ascii_bin", "utf8mb4_bin"})


def _collations(natives: Mapping[str, Native]) -> list[str]:
    """Collations, by their names: texts that they take for equal are different in a table of ours."""
    found: dict[str, list[str]] = {}
    for name, native in natives.items():
        if native.collation and native.collation not in _OURS:
            found.setdefault(native.collation, []).append(name)
    return [f"collation {collation} of {', '.join(names)}" for collation, names in found.items()]


def _checks(ask: Ask, schema: Schema, where: str, server: Server) -> list[str]:
    """Checks. MariaDB's check of a single column has the column's name. The check that makes JSON of a text is left
    out."""
    if server.mariadb:
        where = where.replace("table_schema", "constraint_schema")
        found = ask(f"SELECT constraint_name, check_clause FROM information_schema.check_constraints {where}")
    else:
        found = ask(
            "SELECT constraint_name, check_clause FROM information_schema.table_constraints "
            f"JOIN information_schema.check_constraints USING (constraint_schema, constraint_name) {where}"
        )
    valid = {f"json_valid({LEXIS.quote(name)})" for name in schema.names}
    return [f"check {name}: {clause}" for name, clause in found if (clause or "").lower() not in valid]


def _foreign_keys(ask: Ask, schema: Schema, where: str, server: Server) -> list[str]:
    """What foreign keys do besides refusing, and those to another database."""
    left = []
    for name, update, delete, space, other, outside in ask(
        "SELECT constraint_name, update_rule, delete_rule, unique_constraint_schema, referenced_table_name, "
        "unique_constraint_schema <> DATABASE() FROM information_schema.referential_constraints "
        + where.replace("table_schema", "constraint_schema")
    ):
        said = [
            f"on {what} {rule.lower()}"
            for what, rule in (("update", update), ("delete", delete))
            if rule and rule not in ("RESTRICT", "NO ACTION")
        ]
        if outside == "1":
            left.append(f"foreign key {name}, to {space}.{other}")
        elif said:
            left.append(f"of foreign key {name}, {' and '.join(said)}")
    return left


def _triggers(ask: Ask, schema: Schema, where: str, server: Server) -> list[str]:
    where = where.replace("table_schema", "event_object_schema").replace("table_name", "event_object_table")
    return [f"trigger {name}" for (name,) in ask(f"SELECT trigger_name FROM information_schema.triggers {where}")]


def _comments(ask: Ask, schema: Schema, where: str, server: Server) -> list[str]:
    """Comments that are not dbfleet's."""
    found = ask(f"SELECT column_name, column_comment FROM information_schema.columns {where} AND column_comment <> ''")
    left = [f"comment of {name}" for name, text in found if not (text or "").startswith("dbfleet:")]
    for text, kind in ask(f"SELECT table_comment, table_type FROM information_schema.tables {where}"):
        if text and kind != "VIEW" and not text.startswith("dbfleet:"):
            left.append("comment of the table")
    return left


def _table(ask: Ask, schema: Schema, where: str, server: Server) -> list[str]:
    """Partitions, rows of the past, a storage engine that is not InnoDB."""
    left = []
    for kind, engine in ask(f"SELECT table_type, engine FROM information_schema.tables {where}"):
        if kind == "VIEW":
            left.append("that it is a view: its rows come as a table")
        elif kind == "SYSTEM VERSIONED":
            left.append("system versioning, and the rows of the past")
        if engine and engine != "InnoDB":
            left.append(f"storage engine {engine}")
    rows = ask(
        f"SELECT DISTINCT partition_method, partition_expression FROM information_schema.partitions {where} "
        "AND partition_method IS NOT NULL"
    )
    left += [f"partitions by {(method or '').lower()} ({expression or 'the key'})" for method, expression in rows]
    if server.mariadb and (text := _periods(ask, schema.name)):
        left.append(f"period {text}")
    return left


def _periods(ask: Ask, name: str) -> str | None:
    """The periods of a MariaDB table that an application has made. Not every version tells them."""
    if not ask("SELECT 1 FROM information_schema.tables WHERE table_schema = 'information_schema' "
               "AND table_name = 'PERIODS'"):  # fmt: skip
        return None
    found = ask(
        "SELECT period FROM information_schema.periods WHERE table_schema = DATABASE() "
        f"AND table_name = {literal(name, Type.TEXT)} AND period <> 'SYSTEM_TIME'"
    )
    return ", ".join(str(period) for (period,) in found) or None


def left(ask: Ask, broken: Mapping[str, str]) -> list[str]:
    """What the database has besides its tables, by name."""
    found = [f"view {name}, which cannot be read: {why}" for name, why in broken.items()]
    found += [f"view {name}: its rows come as a table" for (name,) in ask(
        "SELECT table_name FROM information_schema.views WHERE table_schema = DATABASE() ORDER BY table_name"
    ) if name not in broken]  # fmt: skip
    found += [f"sequence {name}" for (name,) in ask(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'SEQUENCE'"
    )]  # fmt: skip
    found += [f"{(kind or '').lower()} {name}" for kind, name in ask(
        "SELECT routine_type, routine_name FROM information_schema.routines WHERE routine_schema = DATABASE() "
        "ORDER BY routine_type, routine_name"
    )]  # fmt: skip
    found += [f"event {name}" for (name,) in ask(
        "SELECT event_name FROM information_schema.events WHERE event_schema = DATABASE() ORDER BY event_name"
    )]  # fmt: skip
    return found


_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


def _plain(text: str) -> str:
    r"""The expression with doubled quotes and no escapes. MySQL writes a literal in it as _utf8mb4\'x\'."""
    if text.startswith("_utf8mb4\\'"):
        text = text.removeprefix("_utf8mb4").replace("\\'", "'")
        return text if "\\" not in text else "an expression"
    return _ESCAPED.sub(lambda found: {"'": "''", "n": "\n", "r": "\r", "t": "\t"}.get(found[1], found[1]), text)


def add_statement(ask: Ask, natives: Mapping[str, Native], schema: Schema, extra: Extra) -> str:
    """The statement that gives the table the extra."""
    table = LEXIS.quote(schema.name)
    if isinstance(extra, Index):
        columns = ", ".join(_indexed(natives[name], unique=extra.unique) for name in extra.columns)
        return f"CREATE {'UNIQUE ' if extra.unique else ''}INDEX {LEXIS.quote(extra.name)} ON {table} ({columns})"
    if extra.column not in natives:
        raise NotFound(f"{schema.name} has no column {extra.column}")
    native, name = natives[extra.column], LEXIS.quote(extra.column)
    if isinstance(extra, Default) and native.kind not in _LONG:
        return f"ALTER TABLE {table} ALTER COLUMN {name} SET DEFAULT {_default(native, extra.text)}"
    what = "NOT NULL AUTO_INCREMENT"
    if isinstance(extra, Default):  # MySQL's ALTER COLUMN refuses one for a long text, its MODIFY does not
        what = f"{'NULL' if native.column.nullable else 'NOT NULL'} DEFAULT {_default(native, extra.text)}"
    # MODIFY forgets what it is not told.
    ((comment,),) = ask(
        f"SELECT column_comment FROM information_schema.columns WHERE table_schema = DATABASE() "
        f"AND table_name = {literal(schema.name, Type.TEXT)} AND column_name = {literal(extra.column, Type.TEXT)}"
    )
    return f"ALTER TABLE {table} MODIFY {name} {native.column.native} {what} COMMENT {_quoted(comment)}"


def _quoted(text: str | None) -> str:
    """The text in quotes, under our own sql_mode, in which a backslash escapes."""
    return "'" + (text or "").replace("\\", "\\\\").replace("'", "''") + "'"


def _indexed(native: Native, *, unique: bool) -> str:
    name = LEXIS.quote(native.column.name)
    return f"{name}({_PREFIX})" if native.kind in _LONG and not unique else name


def _default(native: Native, text: str | None) -> str:
    column: Column = native.column
    if text is None:
        digits = native.arguments or "0"
        words = {Type.DATE: "(CURRENT_DATE)", Type.DATETIME: f"(NOW({digits}))"}
        return words.get(column.type, f"(UTC_TIMESTAMP({digits}))" if native.kind == "datetime" else f"(NOW({digits}))")
    value = VALUE_OF[column.type](text)
    made = _quoted(text) if column.type is Type.TEXT else literal(value, column.type)
    return f"({made})" if native.kind in _LONG else made
