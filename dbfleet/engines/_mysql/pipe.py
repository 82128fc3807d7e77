"""Rows into a table by LOAD DATA LOCAL, from a pipe.

LOAD DATA LOCAL takes a file's name, so the rows go through a named pipe in a private folder. The connection's thread
runs the statement; the caller's thread pulls batches and writes their text into the pipe, which holds it back when the
server is slower. Shop orders take 1.4 times as long as a ready file does; by INSERTs of many rows, 4 times.

LOCAL implies IGNORE: a duplicate key, a missing parent, a text that is too long, a number that is out of range become
*warnings*, and the row is left out or changed. So each piece of at most 16 MB is one statement of a transaction, whose
count and warnings (notes too) must be exactly right. Otherwise the transaction is rolled back and the first warning is
the error. That costs nothing where nothing is wrong, and a bad row is noticed after 16 MB, not after all rows.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import select
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any, Final, Protocol

from dbfleet.engines._mysql.driver import driver_errors
from dbfleet.engines._mysql.errors import refused
from dbfleet.engines._mysql.load_data import Table
from dbfleet.engines._mysql.wire import Wire
from dbfleet.errors import ConstraintViolated
from dbfleet.values import Batch

PIECE_BYTES: Final = 16_000_000
"""Bytes of rows that one statement loads."""
_PATIENCE_S: Final = 5.0
_PIPE_BYTES: Final = 1 << 20
"""The pipe's size, where the system allows it: the two sides then take turns 16 times less often."""

_HARMLESS: Final = frozenset({1287, 1592, 1681})
"""Warnings that say nothing about a row: deprecated syntax, a statement-based binary log."""
_CUT: Final = 1265
_COLUMN: Final = re.compile(r"for column '(.*)' at row")

Segment = tuple[bool, int, bytes]
"""Whether the text holds bytes as they are, how many rows it has, and the text."""


def load(wire: Wire, table: Table, name: str, batches: Iterable[Batch], *, replace: bool = False) -> int:
    """The batches into the table of this name by LOAD DATA LOCAL; how many rows. In a transaction of the caller's."""
    return load_texts(
        wire, partial(table.load, table=name, replace=replace), _segments(table, batches), replace=replace
    )


def _segments(table: Table, batches: Iterable[Batch]) -> Iterator[Segment]:
    """The batches' texts; a row with large bytes is a text of its own."""
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
                plain = list(rows)
                yield False, len(plain), table.lines(plain)


class Statement(Protocol):
    """Makes a LOAD DATA LOCAL of the file at a path. With `raw`, bytes stand in it as they are."""

    def __call__(self, path: str, *, raw: bool) -> bytes: ...


def load_texts(wire: Wire, statement: Statement, segments: Iterable[Segment], *, replace: bool) -> int:
    """Texts by the LOAD DATA LOCAL that `statement` makes of a path; how many rows."""
    with tempfile.TemporaryDirectory(prefix="dbfleet-") as folder:
        path = os.path.join(folder, "rows")
        os.mkfifo(path, 0o600)
        wire.allow_files(folder)
        try:
            total = 0
            for (raw, large), group in itertools.groupby(segments, lambda each: (each[0], len(each[2]) > _LARGE)):
                for first in group:
                    piece = _Piece(itertools.chain([first], group))  # noqa: B031 - the group is one iterator, which goes on
                    with _alone(wire) if large else contextlib.nullcontext():
                        _pour(wire, statement(path, raw=raw), path, piece)
                        check_stored(wire, piece.rows, replace=replace)
                    total += piece.rows
            return total
        finally:
            if not wire.closed:
                wire.allow_files(None)


@contextlib.contextmanager
def _alone(wire: Wire) -> Iterator[None]:
    """While no other connection of dbfleet gives the server a large value: a small server has room for one at a time.
    After a long wait it goes on all the same."""
    wire.execute(f"DO GET_LOCK('{_LOCK}', {_LOCK_WAIT_S})")
    try:
        yield
    finally:
        if not wire.closed:
            with contextlib.suppress(*driver_errors()):
                wire.execute(f"DO RELEASE_LOCK('{_LOCK}')")


_LARGE: Final = 24_000_000
"""Bytes of a batch's text. It is more than BATCH_BYTES of values ever give, so one value of it is large."""
_LOCK: Final = "dbfleet large value"
_LOCK_WAIT_S: Final = 600


class _Piece:
    """The next texts, until they are enough for one statement. `rows` counts their rows."""

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
    """Run the statement on the connection's thread, and write from here what it reads.

    Whatever fails, neither side waits for the other: first the pipe's end is closed and the statement is stopped, then
    its end is awaited. An error of the source is raised as it is.
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
    """The pipe's end to write to, once the driver has opened the other; None where the statement has ended before."""
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
    """The end that we write to. Where nothing moves for long, we ask whether the server still knows the connection. It
    may have closed it in a way that leaves the driver sending for ever."""

    def __init__(self, end: int, wire: Wire) -> None:
        self._end = end
        self._wire = wire
        self._room = select.poll()
        self._room.register(end, select.POLLOUT)
        with contextlib.suppress(ImportError, AttributeError, OSError):  # not every system has it, and there is a limit
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


def check_stored(wire: Wire, rows: int, *, replace: bool) -> None:
    """Raise unless the last statement stored its rows, every one of them, as they were."""
    missing = 0 if replace else rows - wire.affected  # REPLACE also counts the rows that it replaced
    count = wire.warnings
    if not missing and not count:
        return
    reported = [(int(number or 0), str(text)) for _, number, text in wire.rows("SHOW WARNINGS LIMIT 64")]
    serious = [
        (number, text)
        for number, text in reported
        if number not in _HARMLESS and not (number == _CUT and wire.forgiven & set(_COLUMN.findall(text)))
    ]
    if serious:
        raise refused(*serious[0], more=count - len(reported) + len(serious) - 1)
    # The server keeps some of the warnings and counts them all. Where columns are forgiven, the rows are of the table's
    # own types: what it does not show is of the kind that it shows.
    if missing or (count > len(reported) and not (wire.forgiven and reported)):
        raise ConstraintViolated(f"the server left out or changed {missing or count} rows and does not say why")
