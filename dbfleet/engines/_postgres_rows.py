"""Rows from and to the server, in bulk and in flat memory.

From: a statement's result in chunks of rows (libpq's chunked rows mode), each turned into tuples by psycopg's C
loaders. One million orders of nine columns, PostgreSQL 18, psql's `\\copy … to` 0.7 s: chunks 1.65 s, a named
cursor with FETCH 1000 2.06 s (binary 2.9 s), COPY with its text parsed column by column in Python 3.4 s. A chunk needs
no cursor and no transaction, so any statement streams so.

To: COPY … FROM STDIN, rows as text, made column by column: see `encoder`.
"""

from __future__ import annotations

import re
import select
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from dbfleet.engines._postgres_types import Context, adapters, json_array_text
from dbfleet.errors import StatementError, Unsupported, UsageError
from dbfleet.values import Batch, Column, Row, Type, json_text

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.pq.abc import PGconn, PGresult

# --- from the server ------------------------------------------------------------------------------------------------


_NUL: Final = "the statement holds a NUL character"


def start(connection: Connection[Any], text: str, values: Sequence[object] = (), *, chunk_rows: int = 0) -> None:
    """Send one statement, its parameters `$1`, `$2` … bound; its rows come in chunks, or all together if 0."""
    from psycopg import NotSupportedError, generators
    from psycopg.adapt import PyFormat, Transformer

    if "\0" in text:  # libpq would end the text there
        raise UsageError(_NUL)
    pgconn = connection.pgconn
    transformer = Transformer(Context(connection, adapters(tolerant=False)))
    bound = transformer.dump_sequence(values, [PyFormat.AUTO] * len(values))
    pgconn.send_query_params(text.encode(), bound, transformer.types, transformer.formats)
    if chunk_rows:
        try:
            pgconn.set_chunked_rows_mode(chunk_rows)
        except NotSupportedError:  # a libpq before 17: row by row, three times slower
            pgconn.set_single_row_mode()
    connection.wait(generators.send(pgconn))


def fetch(connection: Connection[Any]) -> PGresult | None:
    """The running statement's next result, None after the last. Raises psycopg's error for one that failed."""
    from psycopg import generators
    from psycopg.errors import error_from_result
    from psycopg.pq import ExecStatus

    result: PGresult | None = connection.wait(generators.fetch(connection.pgconn))
    if result is not None and result.status == ExecStatus.FATAL_ERROR:
        drain(connection)
        raise error_from_result(result)
    return result


def describe(connection: Connection[Any], text: str, values: Sequence[object] = ()) -> list[tuple[str, int]]:
    """The names and type OIDs of the columns that the statement would give; it is parsed, not run."""
    from psycopg import generators
    from psycopg.adapt import PyFormat, Transformer

    if "\0" in text:
        raise UsageError(_NUL)
    pgconn = connection.pgconn
    transformer = Transformer(Context(connection, adapters(tolerant=False)))
    transformer.dump_sequence(values, [PyFormat.AUTO] * len(values))
    pgconn.send_prepare(b"", text.encode(), transformer.types)
    connection.wait(generators.send(pgconn))
    while fetch(connection) is not None:
        pass
    pgconn.send_describe_prepared(b"")
    connection.wait(generators.send(pgconn))
    result = fetch(connection)
    assert result is not None
    found = _columns(result)
    while fetch(connection) is not None:
        pass
    return found


def _columns(result: PGresult) -> list[tuple[str, int]]:
    names = [(result.fname(place) or b"").decode("utf-8", "replace") for place in range(result.nfields)]
    return [(name, result.ftype(place)) for place, name in enumerate(names)]


def drain(connection: Connection[Any]) -> None:
    """Read and drop what still comes of the running statement, so that the connection can take the next."""
    from psycopg import Error, generators
    from psycopg.pq import ExecStatus

    pgconn = connection.pgconn
    try:
        while (result := connection.wait(generators.fetch(pgconn))) is not None:
            if result.status == ExecStatus.COPY_OUT:
                for _ in _copy_data(pgconn):
                    pass
            elif result.status == ExecStatus.COPY_IN:
                pgconn.put_copy_end(b"dbfleet sends no rows")
    except Error:
        pass  # the connection is gone: the next statement says so


def stop(connection: Connection[Any]) -> None:
    """Cancel the running statement on the server, if one runs, and wait until it has ended."""
    from psycopg import Error
    from psycopg.pq import TransactionStatus

    if connection.pgconn.transaction_status == TransactionStatus.ACTIVE:
        try:
            connection.cancel_safe(timeout=5)
        except Error:
            pass
        drain(connection)


class Rows(Iterator[Batch]):
    """A running statement: its columns, or how many rows it changed, and its batches of tuples.

    With `exact`, a value that its column's type cannot hold in Python (an infinite date) raises StatementError;
    otherwise it comes as the server's text.
    """

    def __init__(
        self, connection: Connection[Any], text: str, values: Sequence[object], batch_size: int, *, exact: bool = False
    ) -> None:
        from psycopg.pq import ExecStatus

        self._connection = connection
        self._batch_size = batch_size
        self._exact = exact
        self._done = False
        self.columns: list[tuple[str, int]] = []
        self.affected: int | None = None
        start(connection, text, values, chunk_rows=batch_size)
        try:
            self._next = fetch(connection)
            assert self._next is not None
            if self._next.status in (ExecStatus.COPY_OUT, ExecStatus.COPY_IN, ExecStatus.COPY_BOTH):
                raise Unsupported(
                    "COPY to or from the client is no query",
                    hint="run its SELECT, or use dbfleet dump and load",
                )
            self.columns = _columns(self._next)
            if not self.columns:
                if not (self._next.command_status or b"").startswith(b"SELECT"):  # a table that SELECT has made
                    self.affected = self._next.command_tuples
                drain(connection)
                self._next, self._done = None, True
        except BaseException:
            stop(connection)
            raise

    def __next__(self) -> Batch:
        rows: Batch = []
        while not self._done and len(rows) < self._batch_size:
            result, self._next = self._next, None
            if result is None:
                try:
                    result = fetch(self._connection)
                except BaseException:
                    self.close()
                    raise
            if result is None:
                self._done = True
            elif result.ntuples:
                loaded = self._load(result)
                rows = rows + loaded if rows else loaded
        if not rows:
            raise StopIteration
        return rows

    def _load(self, result: PGresult) -> Batch:
        from psycopg import Error
        from psycopg.adapt import Transformer

        transformer = Transformer(Context(self._connection, adapters(tolerant=False)))
        transformer.set_pgresult(result)
        try:
            return transformer.load_rows(0, result.ntuples, tuple)
        except UnicodeDecodeError:
            raise StatementError(
                "the server sent text that is not UTF-8", hint="the database's encoding is SQL_ASCII: convert it"
            ) from None
        except Error:
            transformer = Transformer(Context(self._connection, adapters(tolerant=True)))
            transformer.set_pgresult(result)
            rows: Batch = transformer.load_rows(0, result.ntuples, tuple)
            if self._exact:
                self._refuse(rows)
            return rows

    def _refuse(self, rows: Batch) -> None:
        from dbfleet.engines._postgres_types import CLOSED

        for place, (name, oid) in enumerate(self.columns):
            if oid in CLOSED and CLOSED[oid][0] in (Type.DATE, Type.TIME, Type.DATETIME, Type.INSTANT):
                for row in rows:
                    if isinstance(row[place], str):
                        raise StatementError(
                            f"column {name} holds {row[place]}, which is no {CLOSED[oid][0]} of the years 1 to 9999",
                            hint="change the value or leave the row out; a plain query shows it as text",
                        )

    def close(self) -> None:
        """Stop the statement on the server if it still runs; the connection is free then."""
        if not self._done:
            self._done, self._next = True, None
            if not self._connection.closed:
                stop(self._connection)


# Joined to chunks of about this size: one write a row would cost more than the row.
_CHUNK_BYTES: Final = 128 * 1024


def copy_out(connection: Connection[Any], text: str) -> Iterator[bytes]:
    """The bytes of COPY … TO STDOUT, in chunks of whole rows. Nothing has run before the first is asked for."""
    from psycopg.pq import ExecStatus

    start(connection, text)
    finished = False
    try:
        result = fetch(connection)
        assert result is not None
        assert result.status == ExecStatus.COPY_OUT
        parts: list[Any] = []
        size = 0
        for row in _copy_data(connection.pgconn):
            parts.append(row)
            size += len(row)
            if size >= _CHUNK_BYTES:
                yield b"".join(parts)
                parts, size = [], 0
        if parts:
            yield b"".join(parts)
        while fetch(connection) is not None:
            pass
        finished = True
    finally:
        if not finished and not connection.closed:
            stop(connection)


def _copy_data(pgconn: PGconn) -> Iterator[Any]:
    # libpq gives a row a call; psycopg's Copy adds three times as much around each.
    readable = select.poll()
    readable.register(pgconn.socket, select.POLLIN)
    get = pgconn.get_copy_data
    while True:
        size, data = get(1)
        if size > 0:
            yield data
        elif size == 0:
            readable.poll()
            pgconn.consume_input()
        else:
            return


# --- to the server --------------------------------------------------------------------------------------------------

NULL: Final = "\\N"
Render = Callable[[Any], str]
Texts = Callable[[Sequence[Any]], Any]


def encoder(columns: Sequence[Column], arrays: Sequence[bool]) -> Callable[[Batch], bytes]:
    """A function from a batch of rows of these columns to their COPY text; `arrays` says whose json is an array of
    the table.

    Column by column: a C loop over one type's values with one test for NULL, and one search for what must be escaped,
    is 2.5 times faster than a generated f-string a row.
    """
    plan = [_texts(column, array) for column, array in zip(columns, arrays, strict=True)]

    def encode(batch: Batch) -> bytes:
        texts = [make(values) for make, values in zip(plan, zip(*batch, strict=True), strict=True)]
        try:
            return ("\n".join(map("\t".join, zip(*texts, strict=True))) + "\n").encode()
        except UnicodeEncodeError as exc:
            raise StatementError(
                f"a text holds half of a surrogate pair: {exc.object[exc.start : exc.end]!r}"
            ) from None

    return encode


def _texts(column: Column, array: bool) -> Texts:
    render = key_text(column)
    if column.type is Type.TEXT:
        return _escaped
    if column.type is Type.JSON:
        made = json_array_text if array else json_text
        return lambda values: _escaped([None if value is None else made(value) for value in values])
    if column.type is Type.BYTES:
        return lambda values: [NULL if value is None else "\\" + render(value) for value in values]
    if column.type is Type.DECIMAL and column.scale is not None:
        return _scaled(column, column.scale)

    def texts(values: Sequence[Any]) -> Any:
        if None in values:
            return [NULL if value is None else render(value) for value in values]
        return map(render, values)

    return texts


def key_text(column: Column) -> Render:
    """How a value of the column is written where PostgreSQL reads it."""
    digits = column.fraction_digits
    if column.type in (Type.TIME, Type.DATETIME, Type.INSTANT) and digits is not None and digits < 6:
        # The server would round, and 23:59:59.9995 to the next day.
        unit = 10 ** (6 - digits)
        return lambda value: value.replace(microsecond=value.microsecond // unit * unit).isoformat()
    return _RENDER[column.type]


_RENDER: Final[dict[Type, Render]] = {
    Type.BOOL: {True: "t", False: "f"}.__getitem__,
    Type.INT: str,
    Type.DECIMAL: str,
    Type.FLOAT: repr,
    Type.TEXT: str,
    Type.BYTES: lambda value: "\\x" + value.hex(),
    Type.DATE: date.isoformat,
    Type.TIME: time.isoformat,
    Type.DATETIME: datetime.isoformat,
    Type.INSTANT: datetime.isoformat,  # with its offset; without one it is UTC, as the session is
    Type.UUID: attrgetter("hex"),
    Type.JSON: json_text,
}


def _escaped(values: Sequence[str | None]) -> Sequence[str]:
    nulls = None in values
    texts = ["" if value is None else value for value in values] if nulls else values
    # One search over the whole column: most hold nothing to escape. NUL joins, as PostgreSQL's text cannot hold it.
    joined = "\0".join(texts)  # type: ignore[arg-type]
    if "\\" in joined or "\n" in joined or "\t" in joined or "\r" in joined:
        joined = joined.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
        texts = joined.split("\0")
    if joined.count("\0") != len(texts) - 1 or len(texts) != len(values):
        raise StatementError("a text holds the character U+0000, which PostgreSQL cannot store")
    if nulls:
        return [NULL if value is None else text for value, text in zip(values, texts, strict=True)]  # type: ignore[misc]
    return texts  # type: ignore[return-value]


def _scaled(column: Column, scale: int) -> Texts:
    # The server would round in silence. One search over the column's joined texts.
    too_fine = re.compile(rf"\.\d{{{scale}}}\d*[1-9]")

    def texts(values: Sequence[Decimal | None]) -> Sequence[str]:
        made = [NULL if value is None else str(value) for value in values]
        joined = "\n".join(made)
        if "E-" in joined:
            made = [NULL if value is None else format(value, "f") for value in values]
            joined = "\n".join(made)
        if found := too_fine.search(joined):
            line = joined[joined.rfind("\n", 0, found.start()) + 1 : found.end()]
            raise StatementError(f"column {column.name} keeps {scale} decimals: {line} has more")
        return made

    return texts


def array_parameter(column: Column, keys: Sequence[Row], place: int) -> list[str | None]:
    """The texts of one key column's values."""
    render = key_text(column)
    return [None if key[place] is None else render(key[place]) for key in keys]
