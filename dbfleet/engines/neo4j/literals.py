"""Changes of rows as Cypher statements: those of a write, over a list of one row, and DELETE."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time
from typing import Any, Final

from dbfleet.adapter import Change, WriteMode
from dbfleet.engines.neo4j import text as cypher
from dbfleet.engines.neo4j.session import Session
from dbfleet.engines.neo4j.tables import Collections
from dbfleet.engines.neo4j.text import quoted
from dbfleet.engines.neo4j.values import stored
from dbfleet.errors import Unsupported
from dbfleet.sql.changes import changed, key_of
from dbfleet.values import Row, Schema


def statements(
    session: Session, collections: Collections, schema: Schema, changes: Iterable[Change]
) -> Iterator[str]:  # fmt: skip
    """The changes as statements, each with its semicolon. Unsupported for a column that dbfleet does not write."""
    collections.known(schema).store(schema)
    keys = [schema.column(name) for name in schema.key]
    for change in changes:
        if change.after is None:
            cells = map(literal, stored(keys, [key_of(schema, change)])[0])
            same = zip(schema.key, cells, strict=True)
            where = " AND ".join(f"x.{quoted(name)} = {cell}" for name, cell in same)
            detach = "" if cypher.is_edge(schema) else "DETACH "
            yield f"MATCH {cypher.match(schema)} WHERE {where} {detach}DELETE x;"
            continue
        if change.before is not None and not changed(schema.columns, change):
            continue
        row = _literals(session, schema, change.after)
        mode: WriteMode = "insert" if change.before is None else "upsert"
        yield cypher.write_statement(schema, mode).replace("$rows", f"[{row}]", 1) + ";"
    for reference in schema.references:
        if reference.collection == schema.name and not cypher.is_edge(schema):
            yield cypher.relation_to_itself(schema, reference) + ";"


def _literals(session: Session, schema: Schema, row: Row) -> str:
    """The row as a list. Unsupported, by the column's name, for a value that has no literal."""
    values = stored(schema.columns, [row])[0]
    try:
        return literal(values)
    except Unsupported as error:
        column = next(column for column, value in zip(schema.columns, values, strict=True) if isinstance(value, bytes))
        message = f"{schema.name}.{column.name}: {error.message}"
        raise Unsupported(message, engine="neo4j", target=session.target.name, hint=error.hint) from None


# --- literals -----------------------------------------------------------------------------------------------------


def literal(value: Any) -> str:
    """The literal of a stored value, or of a list of them. Unsupported for bytes, which Cypher has no literal for."""
    if value is None:
        return "null"
    write = _LITERAL.get(type(value))
    if write is None:
        raise Unsupported(f"Cypher has no literal for {type(value).__name__}", hint="--yes writes it")
    return write(value)


_ESCAPES: Final = {"'": "\\'", "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _text(value: str) -> str:
    return "'" + "".join(_ESCAPES.get(char) or _shown(char) for char in value) + "'"


def _shown(char: str) -> str:
    return char if ord(char) >= 32 and char != "\x7f" else f"\\u{ord(char):04x}"


def _float(value: float) -> str:
    if value != value:
        return "NaN"
    return repr(value) if value not in (float("inf"), float("-inf")) else ("Infinity" if value > 0 else "-Infinity")


def _datetime(value: datetime) -> str:
    if value.tzinfo is None:
        return f"localdatetime('{value.isoformat()}')"
    return f"datetime('{value.astimezone(UTC).replace(tzinfo=None).isoformat()}Z')"


_LITERAL: Final[Mapping[type, Callable[[Any], str]]] = {
    bool: lambda value: "true" if value else "false",
    int: str,
    float: _float,
    str: _text,
    date: lambda value: f"date('{value.isoformat()}')",
    time: lambda value: f"localtime('{value.isoformat()}')",
    datetime: _datetime,
    list: lambda value: "[" + ", ".join(map(literal, value)) + "]",
}
