"""Statements of the user's own: a text of several runs one by one, and each result leads to the next.

A column of the result that is a table's column has a declared type, by which its values are read. A plain query never
fails on a value: what its declared type does not fit comes as it is stored.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import date, datetime
from datetime import time as clock_time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from dbfleet.adapter import Result, ResultColumn
from dbfleet.columns import Convert, bounded, converted, tolerant
from dbfleet.engines.sqlite.errors import NAME
from dbfleet.engines.sqlite.fast.encoded import lines
from dbfleet.engines.sqlite.session import Session, shut
from dbfleet.engines.sqlite.types import FETCH, OURS, STORE, parse_declared
from dbfleet.errors import StatementError, UsageError
from dbfleet.values import Batch, Type, json_text

_AT_ONCE: Final = 100
"""Rows that are fetched at once of a statement whose rows' size nobody knows before."""

_TOKEN: Final = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|/\*.*?(?:\*/|\Z)|[:@$]([A-Za-z_]\w*)""",
    re.DOTALL,
)


def query(session: Session, text: str, params: Mapping[str, object] | None, batch_size: int) -> Result:
    """The result of the first statement; those of the others follow it."""
    statements, bound = _checked(session, text, params)
    return _result(session, statements, bound, batch_size)


def encoded(session: Session, text: str, params: Mapping[str, object] | None, format: str) -> Iterator[bytes] | None:
    """JSON Lines of one statement that reads, from the stored values; None for anything else."""
    statements, bound = _checked(session, text, params)
    if format != "jsonl" or len(statements) > 1 or bound or _names(statements[0]):
        return None
    words = _declared(session, statements[0])
    types = [OURS.get(word) or (Type.BOOL if "BOOL" in word else None) for word in words]
    return _encoded(session, statements[0], types) if types and Type.JSON not in types else None


def _encoded(session: Session, text: str, types: Sequence[Type | None]) -> Iterator[bytes]:
    with session.translated():
        cursor = session.execute(text)
    try:
        encode = lines([entry[0] for entry in cursor.description], types)
        while True:
            with session.translated():
                rows = cursor.fetchmany(_AT_ONCE)
            if not rows:
                return
            yield encode(rows)
    finally:
        shut(cursor)


def _checked(session: Session, text: str, params: Mapping[str, object] | None) -> tuple[list[str], dict[str, Any]]:
    """The statements and the values to bind. UsageError where there is no statement, or a value without a parameter."""
    statements = _statements(text)
    if not statements:
        raise UsageError("the statement is empty", target=session.target.name)
    bound = {name: _bind(value) for name, value in (params or {}).items()}
    unused = set(bound).difference(name for text in statements for name in _names(text))
    if unused:
        raise UsageError(f"no :{min(unused)} in the statement", target=session.target.name)
    return statements, bound


def _check_given(session: Session, text: str, params: Mapping[str, Any]) -> None:
    """UsageError for a parameter without a value."""
    missing = sorted(set(_names(text)).difference(params))
    if missing:
        raise UsageError(
            f"the statement has :{missing[0]} and no value for it",
            target=session.target.name,
            hint=f"give one with --param {missing[0]}=…",
        )


def _result(session: Session, statements: Sequence[str], params: Mapping[str, Any], batch_size: int) -> Result:
    text = statements[0]
    _check_given(session, text, params)
    declared = [] if _names(text) else _declared(session, text)
    with session.translated():
        cursor = session.execute(text, params)
        # The first page is read here, so that an error in the first row is raised by `query` itself.
        first = cursor.fetchmany(min(batch_size, _AT_ONCE)) if cursor.description else []
    columns = [ResultColumn(entry[0]) for entry in cursor.description or ()]
    converters: list[tuple[int, Convert]] = []
    for place, word in enumerate(declared[: len(columns)]):
        type_ = OURS.get(word)
        if type_:
            columns[place] = ResultColumn(columns[place].name, type_, word)
            converters.append((place, tolerant(FETCH.get(type_, str))))
        elif "BOOL" in word:
            converters.append((place, lambda value: bool(value) if value in (0, 1) else value))

    def pages() -> Iterator[Batch]:
        rows = first
        while rows:
            yield rows
            with session.translated():
                rows = cursor.fetchmany(_AT_ONCE)

    def batches() -> Iterator[Batch]:
        for rows in bounded(pages(), batch_size):
            yield converted(rows, converters)

    return Result(
        columns,
        batches(),
        affected=cursor.rowcount if not columns and cursor.rowcount >= 0 else None,
        close=lambda: shut(cursor),
        following=lambda: _result(session, statements[1:], params, batch_size) if len(statements) > 1 else None,
    )


def _declared(session: Session, text: str) -> list[str]:
    """The declared type of each result column that is a table's column, else "". A view of the statement tells it.

    sqlite3 tells it only to converters, which are global to the process. 60 µs.
    """
    if not re.match(r"(?is)\s*(select|with|values)\b", text):
        return []
    try:
        with session.scratch(), closing(session.connection.cursor()) as cursor:
            cursor.execute(f'CREATE TEMP VIEW "_dbfleet_query" AS {text}')
            try:
                words = cursor.execute("SELECT type FROM pragma_table_info('_dbfleet_query')").fetchall()
            finally:
                cursor.execute('DROP VIEW temp."_dbfleet_query"')
    except sqlite3.Error:
        return []
    return [parse_declared(word or "")[0] for (word,) in words]


def _bind(value: object) -> Any:
    """A parameter's value as sqlite3 binds it."""
    for kind, type_ in ((bool, None), (Decimal, Type.DECIMAL), (datetime, Type.DATETIME), (date, Type.DATE)):
        if isinstance(value, kind):
            if isinstance(value, datetime) and value.tzinfo:
                type_ = Type.INSTANT
            return STORE[type_](value) if type_ else value
    if isinstance(value, clock_time):
        return STORE[Type.TIME](value)
    if isinstance(value, dict | list):
        return json_text(value)
    return str(value) if isinstance(value, UUID) else value


def _names(statement: str) -> list[str]:
    """The names of the parameters, outside quotes and comments."""
    return [token[1] for token in _TOKEN.finditer(statement) if token[1]]


def _statements(text: str) -> list[str]:
    """The statements of a text: SQLite itself says where one is complete (triggers hold semicolons)."""
    if "\0" in text:
        raise StatementError("the statement holds the character U+0000, where SQLite's text ends", engine=NAME)
    pieces, start = [], 0
    for match in re.finditer(";", text):
        if sqlite3.complete_statement(text[start : match.end()]):
            pieces.append(text[start : match.end()])
            start = match.end()
    pieces.append(text[start:])
    return [piece for piece in pieces if _TOKEN.sub(_without_comment, piece).strip(" \t\r\n;")]


def _without_comment(token: re.Match[str]) -> str:
    return "" if token[0][:2] in ("--", "/*") else token[0]
