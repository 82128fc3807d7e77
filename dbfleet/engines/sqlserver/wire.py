"""One connection of pymssql's `_mssql`, with what it lacks: a wait that can be interrupted, rows that stream, messages.

https://pymssql.readthedocs.io/en/latest/ref/_mssql.html. Rules:

- DB-Library waits for an answer in C, where Python cannot interrupt it. Before that its wait callback gives us the
  socket. So we wait ourselves, for the answer or for `cancel`, and Ctrl-C works. Then DB-Library's own cancel sends
  TDS's attention, which stops the statement on the server and keeps the connection.
- A statement that already sends rows can be stopped only between two rows. Where the next row does not come, `cancel`
  ends the session from a second connection (KILL).
- When the next statement is sent, the driver drops rows that were not read. Here that is an error, unless their reader
  is gone.
- After some errors the connection must not be touched again (`sqlserver.errors.lost`): it is closed at once.
"""

from __future__ import annotations

import contextlib
import itertools
import selectors
import socket
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from dbfleet.engines.sqlserver.errors import is_driver_error, lost
from dbfleet.errors import StatementError, Unavailable

_GRACE_S: Final = 2.0
"""How long `cancel` waits for the statement to end before it ends the session."""
_INFORMATION: Final = 10
"""The highest severity of a message that is not an error."""

_waiting = threading.local()


class Interrupted(Exception):
    """`cancel` was called while we waited for the answer."""


def _wait(fileno: int) -> None:
    wire = getattr(_waiting, "wire", None)
    if wire is not None:
        wire.wait_for(fileno)


class Wire:
    """`raw` is a _mssql.MSSQLConnection; `again` opens another to the same server."""

    def __init__(self, raw: Any, again: Callable[[], Any]) -> None:
        from pymssql import _mssql

        _mssql.set_wait_callback(_wait)
        self._raw = raw
        self._again = again
        self._row_format = _mssql.ROW_FORMAT_TUPLE
        self._messages: list[list[str]] = [[]]
        raw.set_msghandler(_collector(self._messages))
        self._selector = selectors.DefaultSelector()
        self._woken, self._wake = socket.socketpair()
        self._woken.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._answer: int | None = None
        self._reading: weakref.ref[Rows] | None = None
        self._idle = threading.Event()
        self._idle.set()
        self._cancelled = False
        self._thread: int | None = None
        self._spid: int | None = None
        self.closed = False

    # --- statements ---

    def execute(self, text: str) -> Rows:
        """Send a batch; its first rows, or its end. Only one batch runs at a time."""
        raw = self._ready()
        if "\0" in text:
            raise StatementError("the statement holds the character U+0000, at which the driver would end it")
        messages = self.collect()
        with self._running():
            _waiting.wire = self
            try:
                raw.execute_query(text)
            finally:
                _waiting.wire = None
            rows = Rows(self, messages, self.header())
        self._reading = weakref.ref(rows)
        return rows

    def rows(self, text: str) -> list[tuple[Any, ...]]:
        """All rows of the first result of a small statement of ours; other results are left out."""
        rows = self.execute(text)
        try:
            found = list(itertools.chain.from_iterable(iter(lambda: rows.fetch(1000), [])))
            rows.following()  # to read the end of the answer costs less than a cancel
            return found
        finally:
            rows.close()

    def run(self, text: str) -> int | None:
        """Run a statement without rows; how many rows it changed, where it says so."""
        rows = self.execute(text)
        try:
            return rows.affected
        finally:
            rows.close()

    def collect(self) -> list[str]:
        """The list that takes the server's messages from now on."""
        self._messages[0] = []
        return self._messages[0]

    def header(self) -> list[tuple[str, int]] | None:
        """The columns of the current result; None where it has no rows."""
        columns = self._raw.get_header()
        return [(name, kind) for name, kind, *_ in columns] if columns else None

    def affected(self) -> int | None:
        """How many rows the last statement has changed; None where the server does not say so."""
        count = self._raw.rows_affected
        return None if count < 0 else count

    def take(self, count: int) -> list[tuple[Any, ...]]:
        """The next rows of the current result; fewer at its end."""
        with self._running():
            return list(itertools.islice(self._raw.get_iterator(self._row_format), count))

    def next_result(self) -> list[tuple[str, int]] | None:
        """The columns of the next result that has rows; None at the batch's end."""
        with self._running():
            return self.header() if self._raw.nextresult() else None

    def abandon(self) -> None:
        """Leave the rest of a result unread; the connection is free then."""
        if not self.closed:
            with self._running(cancelling=True):
                self._raw.cancel()

    # --- cancelling and closing ---

    def cancel(self) -> None:
        """Stop what runs; from another thread, or from a signal handler in this one."""
        if self.closed or (self._idle.is_set() and self._reader() is None):
            return
        self._cancelled = True
        with contextlib.suppress(OSError):
            self._wake.send(b"!")
        if self._thread == threading.get_ident() or self._idle.wait(_GRACE_S) or self._spid is None:
            return
        other = self._again()
        try:
            other.execute_non_query(f"KILL {self._spid}")
        finally:
            other.close()

    def wait_for(self, fileno: int) -> None:
        """Wait for the answer on this socket. Interrupted where `cancel` was called."""
        if self._answer is None:
            self._answer = fileno
            self._selector.register(fileno, selectors.EVENT_READ)
        while True:
            ready = {key.fd for key, _ in self._selector.select()}
            if self._woken.fileno() in ready:
                self._drain()
                if self._cancelled:
                    raise Interrupted
            if fileno in ready:
                return

    def close(self) -> None:
        """Free the connection. Silent if it is closed already."""
        if self.closed:
            return
        self.closed = True
        self._idle.set()
        self._selector.close()
        self._woken.close()
        self._wake.close()
        self._raw.close()

    def learn_session(self) -> None:
        """Ask for the session's number, which `cancel` may need."""
        ((self._spid,),) = self.rows("SELECT CONVERT(int, @@SPID)")

    # --- inside ---

    def _reader(self) -> Rows | None:
        rows = self._reading() if self._reading is not None else None
        return rows if rows is not None and rows.open else None

    def _ready(self) -> Any:
        if self.closed:
            raise Unavailable("the connection is closed")
        if self._reader() is not None:
            raise StatementError(
                "the rows of another statement are still being read on this connection",
                hint="read them to the end or close them first",
            )
        self._cancelled = False
        self._drain()
        return self._raw

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._woken.recv(64):
                pass

    @contextlib.contextmanager
    def _running(self, *, cancelling: bool = False) -> Iterator[None]:
        """Around every call that may wait for the server."""
        if self.closed:
            raise Unavailable("the connection is closed")
        if self._cancelled and not cancelling:
            self._cancelled = False
            self.abandon()
            raise StatementError("the statement was cancelled")
        self._thread = threading.get_ident()
        self._idle.clear()
        try:
            yield
        except Interrupted:
            self._raw.cancel()
            if not self._raw.connected:  # the session was ended
                self.close()
            raise StatementError("the statement was cancelled") from None
        except BaseException as exc:
            if is_driver_error(exc):
                if lost(exc):
                    self.close()
                elif self._cancelled and not cancelling:
                    raise StatementError("the statement was cancelled") from exc
            else:  # Ctrl-C while we waited: this answer must not be taken for that of the next statement
                with contextlib.suppress(Exception):
                    self._raw.cancel()
            raise
        finally:
            self._idle.set()


def _collector(messages: list[list[str]]) -> Callable[..., None]:
    def collect(state: int, severity: int, server: bytes, procedure: bytes, line: int, text: bytes) -> None:
        if severity <= _INFORMATION and text:
            messages[0].append(text.decode("utf-8", "replace"))

    return collect


class Rows:
    """A batch's answer: the rows of one result after another. `columns` is None where there is no result, or none any
    more. `affected` counts the rows that the batch's last statement changed."""

    def __init__(self, wire: Wire, messages: list[str], columns: Sequence[tuple[str, int]] | None) -> None:
        self._wire = wire
        self.messages = messages
        self.columns = columns
        self.affected = wire.affected() if columns is None else None
        self.open = columns is not None
        self._ended = False

    def fetch(self, count: int) -> list[tuple[Any, ...]]:
        """The next rows of this result; none at its end."""
        if not self.open or self._ended:
            return []
        try:
            rows = self._wire.take(count)
        except BaseException:
            self.open = False
            raise
        # The driver, asked once more, would go on to the next result.
        self._ended = len(rows) < count
        return rows

    def following(self) -> bool:
        """Go to the next result; whether there is one. What is left of this one is dropped."""
        if not self.open:
            return False
        try:
            self.columns = self._wire.next_result()
        except BaseException:
            self.open = False
            raise
        self.open, self._ended = self.columns is not None, False
        self.messages = self._wire.collect()
        return self.open

    def close(self) -> None:
        """Drop what was not read; the connection is free then."""
        if self.open:
            self.open = False
            self._wire.abandon()
