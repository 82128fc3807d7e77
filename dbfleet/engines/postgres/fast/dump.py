"""The fast path of a dump: all rows of a collection, rendered by the server (`encoded_scan`, or `nested` where a column
is json). Whether a collection can be had so is decided before anything has run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from dbfleet.abilities import Encoding
from dbfleet.adapter import BATCH_SIZE
from dbfleet.engines.postgres.fast import encoded_scan as blocks
from dbfleet.engines.postgres.fast.encoded import cell
from dbfleet.engines.postgres.fast.nested import Nested
from dbfleet.engines.postgres.large import HUGE, largest, rows_at_once
from dbfleet.engines.postgres.read import columns_of, find, scan_to_refuse
from dbfleet.engines.postgres.session import Session
from dbfleet.engines.postgres.tables import Tables
from dbfleet.errors import DbfleetError, StatementError
from dbfleet.values import Schema

if TYPE_CHECKING:
    from psycopg import Connection


def encoded_scan(
    session: Session, tables: Tables, schema: Schema, format: Encoding, tally: blocks.Tally | None
) -> Iterator[bytes] | None:
    """The chunks of the dump; None where the server cannot render it."""
    if format not in ("csv", "jsonl") or not blocks.readable(session.ready()):
        return None
    if schema.native:
        session.as_it_is()
    table = find(session, tables, schema.name)
    select = tables.select(schema, table)
    carried = [tables.types[oid] for _, oid in columns_of(session, tables, select)]
    if any(each.column_type is not column.type for each, column in zip(carried, schema.columns, strict=True)):
        return None
    natives = [each.native for each in carried]
    text = blocks.statement(schema, select, natives, format, digests=tally is not None)
    nested = Nested(schema, select, natives, format, digests=tally is not None)
    if text is None and nested.text is None:
        return None
    header = ",".join(map(cell, schema.names)) + "\n" if format == "csv" else ""
    row_bytes = largest(session.rows, schema, table)
    if row_bytes > HUGE:
        return None
    at_once = rows_at_once(row_bytes, BATCH_SIZE)
    return session.translated_chunks(
        _chunks(session, schema, table.sql, text or nested, header.encode(), tally, at_once)
    )


def _chunks(
    session: Session,
    schema: Schema,
    table: str,
    text: str | Nested,
    header: bytes,
    tally: blocks.Tally | None,
    at_once: int,
) -> Iterator[bytes]:
    refuse = partial(_refuse, session, schema)
    connection = session.ready()
    if header:
        yield header
    with ExitStack() as held:
        if session.snapshot_id is None and not session.in_transaction:
            held.enter_context(session.snapshot())
        if isinstance(text, Nested):
            yield from text.lines(connection, refuse, tally, at_once)
            return
        pages = blocks.pages(connection, table) if session.snapshot_id and at_once == BATCH_SIZE else 0
        if pages >= blocks.FEWEST_PAGES and blocks.by_ranges(connection, blocks.ranges(text, pages, 0, 1)):
            readers = _readers(session, held)
            parts = [blocks.ranges(text, pages, place, len(readers)) for place in range(len(readers))]
            yield from blocks.chunks(list(zip(readers, parts, strict=True)), refuse, tally)
        else:
            yield from blocks.lines(connection, text, refuse, tally, at_once)


def _readers(session: Session, held: ExitStack) -> list[Connection[Any]]:
    """This connection and a second one that sees the same moment; this one alone where no second can be had."""
    readers = [session.connection]
    blocks.prepare(session.connection)
    try:
        second = held.enter_context(session.another())
        held.enter_context(second.snapshot(exported=session.snapshot_id))
        blocks.prepare(second.connection)
        readers.append(second.connection)
    except DbfleetError:  # no more connections, say
        pass
    return readers


def _refuse(session: Session, schema: Schema) -> None:
    """Raise what a scan raises for a date that is beyond."""
    scan_to_refuse(session, schema)
    raise StatementError(f"{schema.name} holds a date that is none of the years 1 to 9999")
