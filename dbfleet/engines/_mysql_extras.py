"""What a table has besides its rows (dbfleet.extras), in MySQL and MariaDB."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from dbfleet.engines._extras import read_default, value_default
from dbfleet.engines._mysql_texts import literal
from dbfleet.engines._mysql_types import LEXIS, Native
from dbfleet.errors import NotFound
from dbfleet.extras import Default, Extra, Extras, Identity, Index
from dbfleet.values import VALUE_OF, Column, Schema, Type

Ask = Callable[[str], Sequence[tuple[str | None, ...]]]

_LONG: Final = frozenset(
    {"tinytext", "text", "mediumtext", "longtext", "tinyblob", "blob", "mediumblob", "longblob", "json"}
)
_PREFIX: Final = 191
"""Characters of a text without a length that an index of ours takes."""


def extras(ask: Ask, schema: Schema, *, mariadb: bool) -> Extras:
    found: list[Extra] = []
    left: list[str] = []
    indexes: dict[str, list[tuple[str | None, ...]]] = {}
    for row in ask(f"SHOW INDEX FROM {LEXIS.quote(schema.name)}"):
        indexes.setdefault(str(row[2]), []).append(row)
    for name, rows in indexes.items():
        if name == "PRIMARY":
            continue
        unique = rows[0][1] == "0"
        columns = [row[4] for row in sorted(rows, key=lambda row: int(row[3] or 0))]
        why = (
            f"of kind {rows[0][10]}" if rows[0][10] not in ("BTREE", "HASH")
            else "over an expression" if None in columns
            else "over the beginnings of values" if unique and any(row[7] is not None for row in rows)
            else None
        )  # fmt: skip
        if why:
            left.append(f"index {name}, {why}")
        else:
            found.append(Index(name, tuple(map(str, columns)), unique))
    where = f"WHERE table_schema = DATABASE() AND table_name = {literal(schema.name, Type.TEXT)}"
    for own, text, more in ask(
        f"SELECT column_name, column_default, extra FROM information_schema.columns {where} ORDER BY ordinal_position"
    ):
        column, said = schema.column(str(own)), (more or "").lower()
        if "auto_increment" in said:
            found.append(Identity(column.name))
        if "on update" in said:
            left.append(f"what {column.name} becomes on update")
        if text is None or text.upper() == "NULL" or ("generated" in said and "default_generated" not in said):
            continue
        # MariaDB gives the default's SQL, MySQL a literal's text as it is.
        spelt = mariadb or "default_generated" in said
        moment = read_default(column, text) if column.type in (Type.DATE, Type.DATETIME, Type.INSTANT) else None
        default = moment or (read_default(column, _plain(text)) if spelt else value_default(column, text))
        if default and default.text and "?" in default.text:
            left.append(f"default of {column.name}: the server tells no characters beyond the first 65 536: {text}")
        elif default:
            found.append(default)
        else:
            left.append(f"default of {column.name}, an expression: {text}")
    # MariaDB's JSON is a text with a check of the column's name.
    left += [
        f"check {name}"
        for (name,) in ask(
            f"SELECT constraint_name FROM information_schema.table_constraints {where} AND constraint_type = 'CHECK'"
        )
        if name not in schema.names
    ]
    triggers = where.replace("table_schema", "event_object_schema").replace("table_name", "event_object_table")
    left += [f"trigger {name}" for (name,) in ask(f"SELECT trigger_name FROM information_schema.triggers {triggers}")]
    return Extras(tuple(found), tuple(left))


_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


def _plain(text: str) -> str:
    r"""With quotes doubled and no escapes. MySQL writes a literal inside an expression as _utf8mb4\'x\'."""
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
    """In quotes, under our own sql_mode, where a backslash escapes."""
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
