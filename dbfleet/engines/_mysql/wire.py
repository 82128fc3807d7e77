"""The seam to mysql-connector-python: one statement at a time, its rows as raw text, whichever half of the driver runs.

Calls into the driver block in C, where no signal handler of Python can run. So the main thread makes none of them: the
connection's own thread does, and the main thread waits. Ctrl-C, or whatever a handler raises, first stops the statement
on the server. That costs 30 µs a batch. Rows are never fetched ahead: two threads that both use the interpreter are
slower.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import struct
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, Final, NamedTuple, TypeVar

from dbfleet.adapter import BATCH_BYTES, BATCH_SIZE
from dbfleet.engines._mysql.driver import driver_errors
from dbfleet.errors import ConstraintViolated, StatementError, Unavailable

RawRow = tuple[bytes | None, ...]
T = TypeVar("T")
_Work = tuple["Future[Any]", Callable[[], Any]]

FILE_REFUSED: Final = "LOAD DATA LOCAL INFILE file request rejected"
"""The beginning of the message with which either half of the driver refuses the server a file."""
NOT_NULL: Final = 1
ZEROFILL: Final = 64
BINARY_CHARSET: Final = 63
_SHORT: Final = 255
_SMALL_ROW: Final = BATCH_BYTES // BATCH_SIZE
"""Bytes of a row. A whole batch of such rows has at most BATCH_BYTES."""


class Field(NamedTuple):
    """A result column as the wire describes it. `table` and `column` say where it comes from, and are empty for an
    expression. `kind` is the protocol's number of its type. A value has at most `length` bytes."""

    database: str
    table: str
    name: str
    column: str
    charset: int
    kind: int
    flags: int
    decimals: int
    length: int = 0


class Wire:
    """One connection. After `execute`: `fields` (empty where the statement gives no rows), `affected`, and `warnings`
    (final when the rows are read); then `fetch` until it gives nothing, then `advance` to the next result of a CALL."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        import mysql.connector

        self._arguments = dict(arguments)
        self._queue: SimpleQueue[_Work | None] | None = None
        self._packets: list[bytes] = []
        self._wide: list[int] = []
        self._at_once = 1
        self.more = False
        self.fields: tuple[Field, ...] = ()
        self.affected = 0
        self.warnings = 0
        self.forgiven: frozenset[str] = frozenset()  # columns of which a value that is cut is no error: `pipe`
        self.reading = False
        self.closed = False
        self.most_bytes = 1 << 30  # max_allowed_packet, as soon as it is known
        self.busy = 0  # calls into the driver that have not come back
        self._connection: Any = _interruptible(lambda: mysql.connector.connect(**self._arguments))
        self._c: Any = getattr(self._connection, "_cmysql", None)
        if self._c is None:
            self._amend()
        number: Any = self._connection.connection_id
        self.id = int(number)

    def another(self) -> Wire:
        """A second connection to the same server, by the same login."""
        # No LOCAL files there: their folder belongs to the first connection.
        return Wire({name: value for name, value in self._arguments.items() if "infile" not in name})

    # --- one statement ---

    def execute(self, statement: str | bytes) -> None:
        """Send one statement and wait for its first answer."""
        self.ready()
        if self.more:  # results of a CALL that nobody asked for
            self.abandon()
        text = statement.encode() if isinstance(statement, str) else statement
        if len(text) >= self.most_bytes:  # the server would close the connection
            raise ConstraintViolated(
                f"a statement of {len(text):,} bytes is more than the server takes at once ({self.most_bytes:,})",
                hint="raise max_allowed_packet on the server",
            )
        try:
            self.run(lambda: self.send(text))
        except BaseException:
            self.abandon()
            raise

    def ready(self) -> None:
        """Raise unless a statement may be sent now."""
        if self.closed:
            raise Unavailable("the connection is closed")
        if self.reading:
            raise StatementError(
                "another result is still being read on this connection", hint="read it to its end, or close it, first"
            )

    def send(self, text: bytes) -> None:
        """`execute`, on whichever thread this is."""
        if self._c is not None:
            self._c.query(text, raw=True, buffered=False)
            self._answered()
        else:
            self._packets.clear()
            self._answer(self._connection.cmd_query(text, raw=True))

    def _answered(self) -> None:
        """Keep what the C extension knows after a statement or a further result."""
        c = self._c
        self.reading = bool(c.have_result_set)
        self.affected, self.warnings = int(c.affected_rows()), int(c.warning_count())
        self.more = bool(c.more_results())
        self.fields = ()
        if self.reading:
            self.fields = tuple(
                Field(
                    _text(f[1]), _text(f[3]), _text(f[4]), _text(f[5]), int(f[6]), int(f[8]), int(f[9]), int(f[10]),
                    int(f[7]),
                )
                for f in c.fetch_fields()
            )  # fmt: skip
        self._measure()

    def _answer(self, answer: Mapping[str, Any]) -> None:
        """The same for the pure Python half."""
        self.reading = "columns" in answer
        self.fields = tuple(map(_field, self._packets)) if self.reading else ()
        self._packets.clear()
        self._measure()
        self.affected = int(answer.get("affected_rows", 0))
        self._ended(answer.get("eof") or answer)

    def _measure(self) -> None:
        """The columns whose bytes are counted while rows are fetched: none where a whole batch cannot be large."""
        wide = [place for place, field in enumerate(self.fields) if field.length > _SHORT]
        self._wide = wide if wide and sum(field.length for field in self.fields) > _SMALL_ROW else []
        self._at_once = 1

    def _ended(self, packet: Mapping[str, Any]) -> None:
        self.warnings = int(packet.get("warning_count", 0))
        self.more = bool(self._connection._have_next_result)

    def _amend(self) -> None:
        """The pure half reads only half of what the packets say that describe columns: keep them. And when it refuses
        the server a file it forgets to tell it, which ends the connection."""
        connection = self._connection
        protocol = connection._protocol
        parse, give = protocol.parse_column, connection._handle_load_data_infile

        def keep(packet: bytes, *rest: Any) -> Any:
            self._packets.append(bytes(packet))
            return parse(packet, *rest)

        def answer(filename: str, *rest: Any) -> Any:
            folder = connection._allow_local_infile_in_path
            if folder and os.path.dirname(filename) == folder:
                return give(filename, *rest)
            connection._socket.send(b"")
            connection._socket.recv()
            raise mysql.connector.DatabaseError(FILE_REFUSED)

        import mysql.connector

        protocol.parse_column, connection._handle_load_data_infile = keep, answer

    def fetch(self, rows: int) -> list[RawRow]:
        """The next rows: at most so many, and no more once they have BATCH_BYTES together. None at the end of the
        result."""
        if self.closed:
            raise Unavailable("the connection is closed")
        return self.run(lambda: self._fetch(rows)) if self.reading else []

    def _fetch(self, rows: int) -> list[RawRow]:
        found: list[RawRow]
        try:
            if self._c is not None:
                found, ended = self._fetch_c(rows)
                if ended:
                    self.warnings = int(self._c.warning_count())
                    self._c.free_result()
                    self.reading = False
                    self.more = bool(self._c.more_results())
                return found
            found, size, largest = [], 0, 1
            while len(found) < rows and size < BATCH_BYTES:
                # As many rows as fill half of what is left, if they are like the largest of the last ones.
                count = rows
                if self._wide:
                    count = max(1, min(self._at_once, (BATCH_BYTES - size) // 2 // largest, rows - len(found)))
                some, ending = self._connection.get_rows(count=count, raw=True)
                found += some
                if ending is not None:
                    self.reading = False
                    self._ended(ending)
                    break
                if self._wide:
                    sizes = [sum(len(row[place] or b"") for place in self._wide) for row in some]
                    size, largest = size + sum(sizes), max([1, *sizes])
                    self._at_once = count * 2
            return found
        except BaseException:
            self.reading = self.more = False
            if self._c is not None:
                with contextlib.suppress(*driver_errors()):
                    self._c.free_result()
            raise

    def _fetch_c(self, rows: int) -> tuple[list[RawRow], bool]:
        """The same from the C extension, and whether the result has ended."""
        fetch = self._c.fetch_row
        if not self._wide:
            found: list[RawRow] = list(itertools.islice(iter(fetch, None), rows))
            return found, len(found) < rows
        found, size, wide = [], 0, self._wide
        while len(found) < rows and size < BATCH_BYTES:
            row = fetch()
            if row is None:
                return found, True
            found.append(row)
            for place in wide:
                size += len(row[place] or b"")
        return found, False

    def advance(self) -> bool:
        """Go on to the next result of the same statement; False where there is none."""
        if self.closed or self.reading or not self.more:
            return False
        self.more = False
        self.run(self._advance)
        return True

    def _advance(self) -> None:
        if self._c is not None:
            self._c.next_result()
            self._answered()
        else:
            connection = self._connection
            self._answer(connection._handle_result(connection._socket.recv(connection._read_timeout)))

    def rows(self, statement: str) -> list[tuple[str | None, ...]]:
        """All rows of a small result, as text."""
        self.execute(statement)
        found: list[tuple[str | None, ...]] = []
        try:
            while batch := self.fetch(1000):
                found += [tuple(None if value is None else value.decode() for value in row) for row in batch]
        finally:
            self.abandon()
        return found

    def allow_files(self, folder: str | None) -> None:
        """Let the server ask for files of this folder only; with None, for no file."""
        self._connection.set_allow_local_infile_in_path(folder or "")

    # --- stopping ---

    def stop(self) -> None:
        """Have the server stop the statement that runs here. From any thread; nothing happens where none runs."""
        other = self.another()
        try:
            other.send(b"KILL QUERY %d" % self.id)
        finally:
            other.close()

    def check(self) -> None:
        """Unavailable if the server no longer knows this connection. Another connection asks; without an answer nothing
        happens."""
        with contextlib.suppress(*driver_errors()):
            other = self.another()
            try:
                known = {row[0] for row in other.rows("SHOW PROCESSLIST")}
            finally:
                other.close()
            if str(self.id) not in known:
                self.closed = True
                raise Unavailable("the server has closed the connection")

    def abandon(self) -> None:
        """Drop the rest of a half-read result.

        To read and drop a million rows takes a second; to stop the statement takes 3 ms (15 with TLS), and then no more
        comes than a socket's buffer holds.
        """
        if self.closed or not (self.reading or self.more):
            return
        with contextlib.suppress(*driver_errors()):
            self.stop()
        with contextlib.suppress(*driver_errors()):
            while self.reading or self.advance():
                self.fetch(1000)
        self.reading = self.more = False
        self.settle()

    def settle(self) -> None:
        """Run a statement after `stop`, for a KILL QUERY that comes late to hit: otherwise it would hit the user's next
        one."""
        with contextlib.suppress(*driver_errors()):
            self.run(lambda: self.send(b"DO 0"))

    def close(self) -> None:
        """Free the connection; a result that is half read is stopped, not read to its end."""
        if self.closed:
            return
        self.closed = True
        if self._queue is not None:
            self._queue.put(None)
        with contextlib.suppress(Exception):  # the connection may be gone already
            if self.reading:
                self.stop()
        with contextlib.suppress(Exception):
            if self._c is not None:
                self._c.close()
            elif self.reading:
                self._connection.shutdown()
                self._connection._socket.close_connection()  # shutdown leaves it open where the server has gone
            else:
                self._connection.close()

    # --- the connection's own thread ---

    def run(self, work: Callable[[], T]) -> T:
        """The result or error of the work. The main thread waits for it so that a signal can interrupt the wait."""
        if threading.current_thread() is not threading.main_thread():
            return self._counted(work)
        task = self.start(work)
        try:
            return task.result()
        except BaseException:
            if not task.done():  # not an error of the work: something interrupted the wait
                self.interrupt(task)
            raise
        finally:
            del task  # an error's traceback would keep it, and it keeps the rows

    def start(self, work: Callable[[], T]) -> Future[T]:
        """Begin the work on the connection's own thread."""
        if self._queue is None:
            self._queue = SimpleQueue()
            threading.Thread(target=_serve, args=(self._queue,), name="dbfleet-mysql", daemon=True).start()
        task: Future[T] = Future()
        self._queue.put((task, lambda: self._counted(work)))
        return task

    def _counted(self, work: Callable[[], T]) -> T:
        self.busy += 1
        try:
            return work()
        finally:
            self.busy -= 1

    def interrupt(self, task: Future[Any]) -> None:
        """Stop what `start` began, and wait until it has ended."""
        patience_s = 60.0
        try:
            self.stop()
        except Exception:  # most likely nothing reaches the server, so nothing comes back either
            patience_s = 2.0
        try:
            task.exception(timeout=patience_s)
        except TimeoutError:
            self.closed = True  # the call never came back; the server closes the connection when this process ends
        else:
            self.settle()


def _serve(queue: SimpleQueue[_Work | None]) -> None:
    while job := queue.get():
        task, work = job
        try:
            task.set_result(work())
        except BaseException as exc:
            task.set_exception(exc)
        del job, task, work  # a batch must not live on here until the next is asked for


def _interruptible(work: Callable[[], T]) -> T:
    """The result of the work. Ctrl-C does not wait for it."""
    if threading.current_thread() is not threading.main_thread():
        return work()
    queue: SimpleQueue[_Work | None] = SimpleQueue()
    task: Future[T] = Future()
    queue.put((task, work))
    queue.put(None)
    threading.Thread(target=_serve, args=(queue,), name="dbfleet-mysql-connect", daemon=True).start()
    return task.result()


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes | bytearray) else str(value)


def _field(packet: bytes) -> Field:
    """A column definition packet (protocol 4.1), with its header of four bytes."""
    place, texts = 4, []
    for _ in range(6):
        length = packet[place]
        place += 1
        if length == 0xFC:  # two more bytes hold the length; names are never longer
            length = int.from_bytes(packet[place : place + 2], "little")
            place += 2
        texts.append(packet[place : place + length].decode("utf-8", "replace"))
        place += length
    charset, length, kind, flags, decimals = struct.unpack_from("<xHIBHB", packet, place)
    _, database, _, table, name, column = texts
    return Field(database, table, name, column, charset, kind, flags, decimals, length)
