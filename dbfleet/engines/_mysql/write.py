"""Rows into a table: LOAD DATA LOCAL from a pipe, or INSERT of many rows where the server allows no LOCAL files.

LOAD DATA LOCAL takes a file's name, so the rows go through a named pipe in a private folder: the connection's thread
runs the statement, and the caller's thread pulls batches and writes their text into the pipe, which holds it back when
the server is slower. Shop orders take 1.4 times as long as a ready file does; by INSERTs of many rows, 4 times.

LOCAL implies IGNORE: a duplicate key, a missing parent, text that is too long, a number that is out of range become
*warnings*, and the row is left out or changed. So each piece of at most 16 MB is one statement of a transaction, whose
count and warnings (notes too) must be exactly right; otherwise the transaction is rolled back and the first warning is
the error. That costs nothing where nothing is wrong, and a bad row is noticed after 16 MB, not after all.

An upsert goes into a temporary table first, then by UPDATE and INSERT into the table. REPLACE would delete the rows
that foreign keys point to; ON DUPLICATE KEY UPDATE would change a row that has another key and the same unique value.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import select
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Final, Generic, Protocol, TypeVar

from dbfleet.engines._mysql.driver import driver_errors
from dbfleet.engines._mysql.errors import refused, translate
from dbfleet.engines._mysql.load_data import Table
from dbfleet.engines._mysql.types import LEXIS
from dbfleet.engines._mysql.wire import Wire
from dbfleet.errors import ConstraintViolated, StatementError
from dbfleet.values import Batch, Reference, Schema

T = TypeVar("T")
PIECE_BYTES: Final = 16_000_000
_PATIENCE_S: Final = 5.0
_PIPE_BYTES: Final = 1 << 20
"""Of the pipe, where the system lets us: the two sides then change places 16 times less often."""
STAGE: Final = "_dbfleet_stage"

_HARMLESS: Final = frozenset({1287, 1592, 1681})
"""Warnings that say nothing about a row: deprecated syntax, a statement-based binary log."""


class Source(Generic[T]):
    """The batches of a write, once; and the error that came from there, if one did."""

    def __init__(self, batches: Iterable[T]) -> None:
        self._batches = iter(batches)
        self.error: BaseException | None = None

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        try:
            return next(self._batches)
        except StopIteration:
            raise
        except BaseException as exc:
            self.error = exc
            raise


# --- the two ways -----------------------------------------------------------------------------------------------------


Segment = tuple[bool, int, bytes]
"""Whether the text holds bytes as they are, how many rows it has, and the text."""


def load(wire: Wire, table: Table, name: str, batches: Iterable[Batch], *, replace: bool = False) -> int:
    """The batches into the table of this name by LOAD DATA LOCAL; how many rows. In a transaction of the caller's."""
    return load_texts(
        wire, partial(table.load, table=name, replace=replace), _segments(table, batches), replace=replace
    )


def _segments(table: Table, batches: Iterable[Batch]) -> Iterator[Segment]:
    """The batches' texts; rows with large bytes apart."""
    for batch in batches:
        if not table.may_be_large:
            if batch:
                yield False, len(batch), table.lines(batch)
            continue
        for large, rows in itertools.groupby(batch, table.has_large):
            if large:
                for row in rows:
                    yield True, 1, table.raw_lines(row)
            else:
                some = list(rows)
                yield False, len(some), table.lines(some)


class Statement(Protocol):
    """A LOAD DATA LOCAL of the file at this path, where `raw` of bytes as they are."""

    def __call__(self, path: str, *, raw: bool) -> bytes: ...


def load_texts(wire: Wire, statement: Statement, segments: Iterable[Segment], *, replace: bool) -> int:
    """Texts by the LOAD DATA LOCAL that `statement` makes of a path; how many rows."""
    with tempfile.TemporaryDirectory(prefix="dbfleet-") as folder:
        path = os.path.join(folder, "rows")
        os.mkfifo(path, 0o600)
        wire.allow_files(folder)
        try:
            total = 0
            for (raw, large), some in itertools.groupby(segments, lambda each: (each[0], len(each[2]) > _LARGE)):
                for first in some:
                    piece = _Piece(itertools.chain([first], some))  # noqa: B031 - one iterator, gone on with
                    with _alone(wire) if large else contextlib.nullcontext():
                        _pour(wire, statement(path, raw=raw), path, piece)
                        _check(wire, piece.rows, replace=replace)
                    total += piece.rows
            return total
        finally:
            if not wire.closed:
                wire.allow_files(None)


@contextlib.contextmanager
def _alone(wire: Wire) -> Iterator[None]:
    """While this connection is the only one of dbfleet's that has the server take a large value, of which a small one
    has room for one at a time; or has waited long."""
    wire.execute(f"DO GET_LOCK('{_LOCK}', {_LOCK_WAIT_S})")
    try:
        yield
    finally:
        if not wire.closed:
            with contextlib.suppress(*driver_errors()):
                wire.execute(f"DO RELEASE_LOCK('{_LOCK}')")


_LARGE: Final = 24_000_000
"""Of a batch's text: more than BATCH_BYTES of values ever give, so one of them is large."""
_LOCK: Final = "dbfleet large value"
_LOCK_WAIT_S: Final = 600


class _Piece:
    """The next texts, until they are large enough for one statement; counts their rows."""

    def __init__(self, segments: Iterator[Segment]) -> None:
        self.rows = 0
        self._segments = segments

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for _, rows, data in self._segments:
            self.rows += rows
            size += len(data)
            yield data
            if size >= PIECE_BYTES:
                return


class _Broken(Exception):
    """The other end of the pipe is closed: the statement has ended, and says why."""


def _pour(wire: Wire, statement: bytes, path: str, pieces: Iterable[bytes]) -> None:
    """Run the statement on the connection's thread, and write what it reads from here.

    Whatever fails, neither side waits for the other: the end of the pipe is closed and the statement stopped, and only
    then is its end awaited. The source's error is raised as it is.
    """
    task = wire.start(lambda: wire.send(statement))
    try:
        end = _writing_end(path, task)
        if end is not None:
            with contextlib.suppress(_Broken), contextlib.closing(_Pipe(end, wire)) as pipe:
                for data in pieces:
                    pipe.write(data)
        while not _ended(task, _PATIENCE_S):
            wire.check()
        task.result()
    except BaseException:
        if not (task.done() or wire.closed):
            wire.interrupt(task)
        raise


def _ended(task: Future[Any], timeout_s: float) -> bool:
    try:
        task.exception(timeout_s)
    except TimeoutError:
        return False
    return True


def _writing_end(path: str, task: Future[Any]) -> int | None:
    """The pipe's end, as soon as the driver has opened the other; None where the statement ended before."""
    pause_s = 0.0002
    while True:
        try:
            return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as exc:
            if exc.errno != errno.ENXIO:
                raise
        if _ended(task, pause_s):
            return None
        pause_s = min(pause_s * 2, 0.02)


class _Pipe:
    """The end that we write to. Where nothing moves for long, we ask whether the server still knows the connection: it
    may have closed it in a way that leaves the driver sending forever."""

    def __init__(self, end: int, wire: Wire) -> None:
        self._end = end
        self._wire = wire
        self._room = select.poll()
        self._room.register(end, select.POLLOUT)
        with contextlib.suppress(ImportError, AttributeError, OSError):  # not on every system, nor without limit
            import fcntl

            fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._end, rest) :]
            except BlockingIOError:
                if not self._room.poll(_PATIENCE_S * 1000):
                    self._wire.check()
            except BrokenPipeError:
                raise _Broken from None

    def close(self) -> None:
        os.close(self._end)


def insert(wire: Wire, table: Table, name: str, batches: Iterable[Batch], *, replace: bool = False) -> int:
    """The same by INSERT: 3 times as slow, and right without LOCAL files."""
    total = 0
    for batch in batches:
        if not batch:
            continue
        for rows, statement in table.inserts(batch, name, replace=replace, most=wire.most_bytes):
            wire.execute(statement)
            _check(wire, rows, replace=replace)
            total += rows
    return total


def _check(wire: Wire, rows: int, *, replace: bool) -> None:
    """Raise unless the last statement stored its rows, every one of them, as they were."""
    missing = 0 if replace else rows - wire.affected  # REPLACE counts what it replaced too
    count = wire.warnings
    if not missing and not count:
        return
    found = [(int(number or 0), str(text)) for _, number, text in wire.rows("SHOW WARNINGS LIMIT 64")]
    serious = [(number, text) for number, text in found if number not in _HARMLESS]
    if serious:
        raise refused(*serious[0], more=count - len(found) + len(serious) - 1)
    if missing or count > len(found):
        raise ConstraintViolated(f"the server left out or changed {missing or count} rows and does not say why")


# --- transactions -----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def transaction(wire: Wire, name: str, references: Sequence[Reference]) -> Iterator[None]:
    """All or nothing. The server checks a reference row by row; one to the table itself may point to a row that is
    still to come, so where there is one the references are checked at the end."""
    late = references if any(reference.collection == name for reference in references) else ()
    if late:
        wire.execute("SET SESSION foreign_key_checks = 0")
    try:
        wire.execute("START TRANSACTION")
        try:
            yield
            for reference in late:
                _check_reference(wire, name, reference)
            wire.execute("COMMIT")
        except driver_errors() as exc:
            ours = translate(exc)
            _roll_back(wire, ours)
            raise ours or exc from exc
        except BaseException as exc:
            _roll_back(wire, exc)
            raise
    finally:
        if late and not wire.closed:
            wire.execute("SET SESSION foreign_key_checks = 1")


def _roll_back(wire: Wire, exc: BaseException | None) -> None:
    if wire.closed:
        return
    with contextlib.suppress(*driver_errors()):  # a connection that is gone has rolled back already
        wire.execute("ROLLBACK")
        if wire.warnings and isinstance(exc, StatementError):
            exc.hint = "the table's storage engine knows no transactions: the rows before this one are stored"


def _check_reference(wire: Wire, name: str, reference: Reference) -> None:
    own = [f"c.{LEXIS.quote(column)}" for column in reference.columns]
    there = " AND ".join(f"p.{LEXIS.quote(key)} = {column}" for key, column in zip(reference.keys, own, strict=True))
    complete = " AND ".join(f"{each} IS NOT NULL" for each in own)
    found = wire.rows(
        f"SELECT {', '.join(own)} FROM {LEXIS.quote(name)} c WHERE {complete} "
        f"AND NOT EXISTS (SELECT 1 FROM {LEXIS.quote(reference.collection)} p WHERE {there}) LIMIT 1"
    )
    if found:
        shown = ", ".join(str(value) for value in found[0])
        raise ConstraintViolated(
            f"{name} ({', '.join(reference.columns)}) holds {shown}, which no row of {reference.collection} has"
        )


# --- upsert -----------------------------------------------------------------------------------------------------------


def upsert(
    wire: Wire, schema: Schema, written: Sequence[str], fill: Callable[[str], int], references: Sequence[Reference]
) -> int:
    """Rows of the written columns into the table, each in the place of the one with its key; how many rows `fill` has
    put into the table of the name that it is given, replacing there too."""
    # A temporary table of the columns as the table has them, with its key and nothing else: REPLACE into it keeps the
    # last row of each key, and no other unique column has a say.
    wire.execute(f"DROP TEMPORARY TABLE IF EXISTS {STAGE}")
    wire.execute(
        f"CREATE TEMPORARY TABLE {STAGE} (PRIMARY KEY ({LEXIS.quote_all(schema.key)})) ENGINE=InnoDB "
        f"SELECT {LEXIS.quote_all(written)} FROM {LEXIS.quote(schema.name)} WHERE FALSE"
    )
    try:
        rows = fill(STAGE)
        if rows:
            with transaction(wire, schema.name, references):
                for statement in _merge(schema, written):
                    wire.execute(statement)
        return rows
    finally:
        if not wire.closed:
            with contextlib.suppress(*driver_errors()):
                wire.execute(f"DROP TEMPORARY TABLE IF EXISTS {STAGE}")


def _merge(schema: Schema, written: Sequence[str]) -> Iterator[str]:
    """The stage's rows into the table: those whose key is there, then the others."""
    table = LEXIS.quote(schema.name)
    same = " AND ".join(f"t.{name} = s.{name}" for name in map(LEXIS.quote, schema.key))
    changes = [
        f"t.{name} = s.{name}" for name in map(LEXIS.quote, (each for each in written if each not in schema.key))
    ]
    if changes:
        yield f"UPDATE {table} t JOIN {STAGE} s ON {same} SET {', '.join(changes)}"
    values = ", ".join(f"s.{LEXIS.quote(name)}" for name in written)
    yield (
        f"INSERT INTO {table} ({LEXIS.quote_all(written)}) SELECT {values} FROM {STAGE} s "
        f"WHERE NOT EXISTS (SELECT 1 FROM {table} t WHERE {same})"
    )
