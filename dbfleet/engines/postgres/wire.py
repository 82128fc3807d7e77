"""Rows from the server, in flat memory: a statement's result in chunks (libpq's chunked rows mode), or COPY's bytes.

psycopg's C loaders make a chunk's tuples. One million orders of nine columns, PostgreSQL 18: chunks 1.0 to 1.6 s, a
named cursor with FETCH 1000 2.1 s (binary 2.9 s), COPY with its text parsed column by column in Python 3.4 s; psql's
COPY to nowhere takes 0.7 s. A chunk needs no cursor and no transaction, so the rows of any statement come this way.
"""

from __future__ import annotations

import select
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from dbfleet.columns import bounded
from dbfleet.engines.postgres.types import CLOSED, Context, Unread, adapters
from dbfleet.errors import StatementError, Unsupported, UsageError
from dbfleet.lines import Counted
from dbfleet.values import Batch, Type

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.pq.abc import PGconn, PGresult


_CHUNK_BYTES: Final = 4 << 20
_SETTLE_S: Final = 1.0
_OUT: Final = {
    Type.DATE: "no date of the years 1 to 9999",
    Type.TIME: "no time before 24:00",
    Type.DATETIME: "no datetime of the years 1 to 9999",
    Type.INSTANT: "no instant of the years 1 to 9999",
}
"""What is said of a value that the server has and Python has not, by type."""
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


def run(connection: Connection[Any], text: str, values: Sequence[bytes | None], binary: Sequence[bool]) -> None:
    """Run one statement that gives no rows, its parameters bound: bytea in binary, all else as text."""
    from psycopg import generators
    from psycopg.pq import Format

    formats = [Format.BINARY if each else Format.TEXT for each in binary]
    connection.pgconn.send_query_params(text.encode(), values, [17 if each else 0 for each in binary], formats)
    connection.wait(generators.send(connection.pgconn))
    while fetch(connection) is not None:
        pass


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
    """The names and type OIDs of the columns that the statement would give; it is parsed, not run.

    In one round trip, and without a pause between its two messages: a pooler could hand the second to another server
    there (PgBouncer in transaction mode).
    """
    from psycopg import OperationalError, generators
    from psycopg.adapt import PyFormat, Transformer
    from psycopg.errors import error_from_result
    from psycopg.pq import ConnStatus, ExecStatus

    if "\0" in text:
        raise UsageError(_NUL)
    pgconn = connection.pgconn
    transformer = Transformer(Context(connection, adapters(tolerant=False)))
    transformer.dump_sequence(values, [PyFormat.AUTO] * len(values))
    found: list[PGresult] = []
    pgconn.enter_pipeline_mode()
    try:
        pgconn.send_prepare(b"", text.encode(), transformer.types)
        pgconn.send_describe_prepared(b"")
        pgconn.pipeline_sync()
        connection.wait(generators.send(pgconn))
        _until_sync(connection, found)
    except KeyboardInterrupt:  # it waits for a lock, and psycopg has told the server to stop
        _settle(connection)
        raise
    finally:
        if pgconn.status == ConnStatus.OK:
            pgconn.exit_pipeline_mode()
    for result in found:
        if result.status == ExecStatus.FATAL_ERROR:
            raise error_from_result(result)
    if len(found) != 3:
        raise OperationalError("the connection is lost")
    return _columns(found[1])


def _until_sync(connection: Connection[Any], found: list[PGresult]) -> None:
    """Collect a pipeline's results up to the end of it."""
    from psycopg import generators
    from psycopg.pq import ExecStatus

    pauses = 0  # one None stands between two results; after two of them nothing comes any more
    while pauses < 2 and (not found or found[-1].status != ExecStatus.PIPELINE_SYNC):
        result = connection.wait(generators.fetch(connection.pgconn))
        pauses = pauses + 1 if result is None else 0
        if result is not None:
            found.append(result)


def _settle(connection: Connection[Any]) -> None:
    """Read a pipeline that was interrupted up to its end. Where the end does not come soon, close the connection:
    perhaps the sending was interrupted, or the server was told to stop before it had begun."""
    from psycopg.pq import ExecStatus

    pgconn = connection.pgconn
    readable = select.poll()
    readable.register(pgconn.socket, select.POLLIN)
    until, pauses = time.monotonic() + _SETTLE_S, 0
    while time.monotonic() < until:
        pgconn.flush()
        if pgconn.is_busy():
            readable.poll(50)
            pgconn.consume_input()
            continue
        result = pgconn.get_result()
        pauses = pauses + 1 if result is None else 0
        if pauses > 1 or (result is not None and result.status == ExecStatus.PIPELINE_SYNC):
            return
    connection.close()


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
                while (size := pgconn.get_copy_data(1)[0]) >= 0:
                    if size == 0:
                        _wait_readable(pgconn)
            elif result.status == ExecStatus.COPY_IN:
                pgconn.put_copy_end(b"dbfleet sends no rows")
    except Error:
        pass  # the connection is gone: the next statement says so


def stop(connection: Connection[Any]) -> None:
    """Cancel the running statement on the server, if one runs, and wait until it has ended."""
    from psycopg import Error
    from psycopg.errors import CancellationTimeout
    from psycopg.pq import TransactionStatus

    if connection.pgconn.transaction_status == TransactionStatus.ACTIVE:
        try:
            connection.cancel_safe(timeout=5)
        except CancellationTimeout:  # nothing reaches the server: what it has not sent will not come
            connection.close()
            return
        except Error:
            pass
        drain(connection)


class Rows(Iterator[Batch]):
    """A running statement: its columns, or how many rows it changed, and its batches of tuples.

    With `exact`, the name of a table, a value that its column's type cannot hold in Python (an infinite date) raises
    StatementError; otherwise it comes as the server's text. `at_once` rows come together. Where these are fewer than a
    batch, a batch may also end early, by its bytes.
    """

    def __init__(
        self,
        connection: Connection[Any],
        text: str,
        values: Sequence[object],
        batch_size: int,
        *,
        at_once: int | None = None,
        exact: str | None = None,
    ) -> None:
        from psycopg.pq import ExecStatus

        self._connection = connection
        self._batch_size = batch_size
        chunk_rows = min(at_once or batch_size, batch_size)
        self._large = bounded(self._pieces(), batch_size) if chunk_rows < batch_size else None
        self._exact = exact
        self._done = False
        self.columns: list[tuple[str, int]] = []
        self.affected: int | None = None
        start(connection, text, values, chunk_rows=chunk_rows)
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
        return next(self._large) if self._large is not None else self._loaded(self._batch_size)

    def _pieces(self) -> Iterator[Batch]:
        while True:
            try:
                rows = self._loaded(1)
            except StopIteration:
                return
            yield rows

    def _loaded(self, wanted: int) -> Batch:
        """As many rows as are wanted, with those that came together with the last of them."""
        rows: Batch = []
        while not self._done and len(rows) < wanted:
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
        for place, (name, oid) in enumerate(self.columns):
            times = oid in CLOSED and CLOSED[oid][0] in (Type.DATE, Type.TIME, Type.DATETIME, Type.INSTANT)
            for row in rows:
                value = row[place]
                if isinstance(value, Unread) or (times and isinstance(value, str)):
                    what = _OUT[CLOSED[oid][0]] if times else "half of a surrogate pair"
                    raise StatementError(
                        f"{self._exact}: column {name} holds {value[:80]}, which {'is' if times else 'has'} {what}",
                        hint="change the value or leave the row out; a plain query shows it as text",
                    )

    def close(self) -> None:
        """Stop the statement on the server if it still runs; the connection is free then."""
        if not self._done:
            self._done, self._next = True, None
            if not self._connection.closed:
                stop(self._connection)


def copy_out(connection: Connection[Any], text: str, *, binary: bool = False) -> Iterator[bytes]:
    """The bytes of COPY … TO STDOUT, in chunks of at most 1000 whole rows or, beyond one row, some megabytes; Counted
    where the statement says BINARY. Nothing has run before the first is asked for."""
    from psycopg.pq import ExecStatus

    pgconn = connection.pgconn
    start(connection, text)
    finished = False
    try:
        result = fetch(connection)
        assert result is not None
        assert result.status == ExecStatus.COPY_OUT
        # libpq gives a row a call, so this loop runs once a row; a generator in between made it 1.5 times as slow.
        get = pgconn.get_copy_data
        size, row = get(1)
        while size >= 0:
            parts: list[Any] = []
            held = 0
            while size > 0 and len(parts) < 1000 and held < _CHUNK_BYTES:
                parts.append(row)
                held += size
                size, row = get(1)
            if parts:
                yield _counted(parts) if binary else b"".join(parts)
            if size == 0:
                _wait_readable(pgconn)
                size, row = get(1)
        while fetch(connection) is not None:
            pass
        finished = True
    finally:
        if not finished and not connection.closed:
            stop(connection)


_HEADER: Final = 19
"""Bytes before the first row of a binary COPY, in one message with it."""
_TRAILER: Final = b"\xff\xff"


def _counted(messages: Sequence[Any]) -> Counted:
    chunk = Counted(b"".join(messages))
    last = messages[-1]
    end = last == _TRAILER or (len(last) == _HEADER + 2 and is_binary(last) and last[_HEADER:] == _TRAILER)
    chunk.rows = len(messages) - end
    return chunk


def is_binary(chunk: bytes) -> bool:
    """Whether the chunk is the first one of a binary COPY. No text begins so: it is no UTF-8."""
    return bytes(chunk[:11]) == b"PGCOPY\n\xff\r\n\0"


def _wait_readable(pgconn: PGconn) -> None:
    readable = select.poll()
    readable.register(pgconn.socket, select.POLLIN)
    readable.poll()
    pgconn.consume_input()
