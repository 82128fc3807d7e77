"""Statements of the user's own: a text of several runs one by one, and each result leads to the next.

What a statement's columns will be is asked before it runs: once its rows come, the connection has no time for the
catalog of types.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Final

from dbfleet.abilities import Encoding
from dbfleet.adapter import Result, ResultColumn
from dbfleet.engines.postgres import wire
from dbfleet.engines.postgres.errors import translate
from dbfleet.engines.postgres.fast.encoded import encoded as encoded_select
from dbfleet.engines.postgres.session import Session
from dbfleet.engines.postgres.types import CLOSED, LEXIS, Carried, Context, TypeCatalog, adapters
from dbfleet.sql.text import Statement, bind, check_parameters, statements

_AT_ONCE: Final = 250
"""Rows that come together of a statement whose rows' size nobody knows before."""

_SELECTS: Final = {("SELECT",), ("VALUES",), ("TABLE",), ("WITH",)}


@dataclass(frozen=True, slots=True)
class _Run:
    """A text of statements that is being run."""

    session: Session
    types: TypeCatalog
    text: str
    statements: Sequence[Statement]
    params: Mapping[str, object]
    batch_size: int


def query(
    session: Session, types: TypeCatalog, text: str, params: Mapping[str, object] | None, batch_size: int
) -> Result:
    """The result of the first statement; those of the others follow it."""
    return _result(_Run(session, types, text, _checked(text, params), params or {}, batch_size), 0)


def encoded(
    session: Session,
    types: TypeCatalog,
    statement: str,
    params: Mapping[str, object] | None,
    format: Encoding,
) -> Iterator[bytes] | None:
    """The result of one SELECT, rendered by the server; None where it cannot be had so."""
    session.messages = []
    parsed = _checked(statement, params)
    if len(parsed) > 1 or parsed[0].words[:1] not in _SELECTS or format not in ("csv", "jsonl"):
        return None
    from psycopg import sql

    text, values = bind(parsed[0].text, params, LEXIS, _numbered, numbered=True)
    session.guard()
    connection = session.ready()
    with session.translated(partial(translate, whole=statement, start=parsed[0].start, sent=text)):
        columns = wire.describe(connection, text, values)
        types.learn(oid for _, oid in columns)
        # COPY takes no parameters, so psycopg quotes them as literals: with its own quoting, never by hand.
        context = Context(connection, adapters(tolerant=False))
        literals = [sql.Literal(value).as_string(context) for value in values]
        text, _ = bind(parsed[0].text, params, LEXIS, lambda n, _: f" {literals[n - 1]} ", numbered=True)
        chunks = encoded_select(connection, types, text, columns, format)
    return None if chunks is None else _guarded(session, session.translated_chunks(chunks))


def _guarded(session: Session, chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield from chunks
    session.unguard()


def _checked(text: str, params: Mapping[str, object] | None) -> list[Statement]:
    parsed = statements(text, LEXIS)
    check_parameters(parsed, params)
    return parsed


def _result(run: _Run, place: int) -> Result:
    """The result of the statement at this place."""
    session, types = run.session, run.types
    current = run.statements[place]
    text, values = bind(current.text, run.params, LEXIS, _numbered, numbered=True)
    messages = session.messages = []
    translating = partial(translate, whole=run.text, start=current.start, sent=text)
    session.guard()
    connection = session.ready()
    with session.translated(translating):
        names = wire.describe(connection, text, values)
        types.learn(oid for _, oid in names)
        text, as_text = _with_json(session, types, text, values, names)
    rows = session.start(text, values, run.batch_size, at_once=_AT_ONCE, translating=translating)
    texts = {number: Carried(None, types[oid].native) for number, oid in as_text.items()}
    carried = [texts.get(number, types[oid]) for number, (_, oid) in enumerate(names)]
    last = place + 1 == len(run.statements)

    def ended() -> None:
        if last and session.target.read_only:
            session.unguard()
        elif last and session.snapshot_id is None and session.in_transaction:
            messages.append("the transaction is still open: without COMMIT its changes are lost")

    if not rows.columns:
        ended()

    def following() -> Result | None:
        rows.close()
        return None if last else _result(run, place + 1)

    return Result(
        [ResultColumn(name, each.type, each.native) for (name, _), each in zip(names, carried, strict=True)],
        session.batches(rows, translating, ended),
        affected=rows.affected,
        messages=messages,
        close=rows.close,
        following=following,
    )


def _with_json(
    session: Session, types: TypeCatalog, text: str, values: Sequence[object], names: Sequence[tuple[str, int]]
) -> tuple[str, Mapping[int, int]]:
    """The statement with its nested columns as JSON, as the server knows their fields; and the nested columns that stay
    text where that cannot be had (EXECUTE, FETCH): their places and types. Arrays of built-in types are parsed then,
    all else is text."""
    from psycopg import Error

    nested = {place: oid for place, (_, oid) in enumerate(names) if types[oid].nested}
    if not nested:
        return text, {}
    places = [f"c{number}" for number in range(1, len(names) + 1)]
    casts = ", ".join(f"to_json({c})" if place in nested else c for place, c in enumerate(places))
    listed = ", ".join(places)
    for wrapped in (
        f"SELECT {casts} FROM (\n{text}\n) AS q({listed})",
        f"WITH q({listed}) AS (\n{text}\n) SELECT {casts} FROM q",  # INSERT … RETURNING
    ):
        try:
            # In a transaction inside a savepoint, as the error would end the transaction.
            with session.connection.transaction() if session.in_transaction else nullcontext():
                wire.describe(session.connection, wrapped, values)
        except Error:
            continue
        return wrapped, {}
    return text, {place: oid for place, oid in nested.items() if types[oid].element not in CLOSED}


def _numbered(number: int, name: str) -> str:
    return f"${number}"
