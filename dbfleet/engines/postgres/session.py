"""One connection as every room of this package uses it: statements of ours, errors with the target's name, one
statement at a time, and the transaction of a snapshot.

A statement of the user's may change the session's time zone or its form of dates. That holds for the user's statements;
before a statement of ours the session is set again.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from dbfleet.adapter import BATCH_SIZE
from dbfleet.engines.postgres import wire
from dbfleet.engines.postgres.connect import SESSION, opened
from dbfleet.engines.postgres.errors import NAME, translate
from dbfleet.errors import DbfleetError, StatementError, Unavailable, Unsupported, UsageError, translated
from dbfleet.target import Target
from dbfleet.values import Batch

if TYPE_CHECKING:
    from psycopg import Connection

Translate = Callable[[BaseException], DbfleetError | None]


class Session:
    """One psycopg connection in autocommit. `snapshot_id` names the moment that `snapshot` holds. `messages` are the
    server's notices of the last statement of the user's; whoever runs one puts a new list there."""

    def __init__(self, target: Target, connection: Connection[Any]) -> None:
        self.target = target
        self.connection = connection
        self.snapshot_id: str | None = None
        self.messages: list[str] = []
        self._as_it_is = False
        self._reading: weakref.ref[wire.Rows] | None = None
        connection.add_notice_handler(self._on_notice)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def another(self) -> Session:
        """A second session on a connection of its own to the same target."""
        return Session(self.target, opened(self.target, 10.0))

    # --- its state ---

    @property
    def running(self) -> bool:
        """Whether a statement runs."""
        from psycopg.pq import TransactionStatus

        return self.connection.pgconn.transaction_status == TransactionStatus.ACTIVE

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        from psycopg.pq import TransactionStatus

        return self.connection.pgconn.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR)

    def ready(self) -> Connection[Any]:
        """The connection, able to take a statement. Unavailable once it is closed; StatementError while somebody still
        reads the rows of another statement."""
        if self.connection.closed:
            raise Unavailable("the connection is closed", engine=NAME, target=self.target.name)
        if self.running:
            if self._reading is not None and self._reading() is not None:
                raise StatementError(
                    "the rows of another statement are still being read on this connection",
                    engine=NAME,
                    target=self.target.name,
                    hint="read them to the end or close them first",
                )
            wire.stop(self.connection)  # its reader was dropped half way
        return self.connection

    # --- errors ---

    @contextmanager
    def translated(self, located: Translate | None = None) -> Iterator[None]:
        """The driver's errors, and those of ours that name no engine yet, become errors of this target. Never around
        the batches of a source: its errors are not ours. `located` is a `translate` that knows the statement's text."""
        try:
            with translated(located or translate, engine=NAME, target=self.target.name):
                yield
        except DbfleetError as error:
            error.engine = error.engine or NAME
            error.target = error.target or self.target.name
            raise

    def translated_chunks(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The chunks, with errors of this target while they are read."""
        with self.translated():
            yield from chunks

    def unsupported(self, message: str) -> Unsupported:
        """The error for what this engine cannot do."""
        return Unsupported(message, engine=NAME, target=self.target.name)

    # --- statements ---

    def rows(self, statement: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a statement of ours."""
        return [row for batch in self.batches(self.start(statement, params, BATCH_SIZE)) for row in batch]

    def start(
        self,
        text: str,
        values: Sequence[object],
        batch_size: int,
        *,
        at_once: int | None = None,
        exact: str | None = None,
        translating: Translate | None = None,
    ) -> wire.Rows:
        """A statement that now runs; `wire.Rows` says what the arguments mean. `translating` is given for a statement
        of the user's, and translates its errors."""
        connection = self.ready()
        status = connection.info.parameter_status
        if translating is None and (status("TimeZone"), status("DateStyle")) != ("UTC", "ISO, YMD"):
            with self.translated():
                connection.execute(SESSION.encode())
        with self.translated(translating):
            rows = wire.Rows(connection, text, values, batch_size, at_once=at_once, exact=exact)
        self._reading = weakref.ref(rows)
        return rows

    def batches(
        self, rows: wire.Rows, translating: Translate | None = None, ended: Callable[[], None] | None = None
    ) -> Iterator[Batch]:
        """The batches of a running statement, which ends with them. `ended` is called once all rows are read."""
        try:
            while True:
                with self.translated(translating):
                    batch = next(rows, None)
                if batch is None:
                    break
                yield batch
            if ended and rows.columns:
                ended()
        finally:
            rows.close()

    @contextmanager
    def storing(self) -> Iterator[Connection[Any]]:
        """A transaction in which a source's batches are pulled. Errors of ours pass as they are, for they may be the
        source's."""
        connection = self.ready()
        with translated(translate, engine=NAME, target=self.target.name), connection.transaction():
            yield connection

    def literal(self, text: str) -> str:
        """The text as a literal of SQL, by the driver's own quoting."""
        from psycopg import sql

        return sql.Literal(text).as_string(self.connection)

    # --- reading only ---

    def guard(self) -> None:
        """To be called before each statement of the user's. On a connection for reading only the statement then stands
        in a READ ONLY transaction, of which the server says that it is one. It has its snapshot already, after which
        the server refuses to make it READ WRITE. Statements go out one by one, by the extended protocol, so none can
        end the transaction and do something else behind it."""
        if not self.target.read_only:
            return
        from psycopg.pq import TransactionStatus

        connection = self.ready()
        status = connection.pgconn.transaction_status
        begin = "" if status == TransactionStatus.INTRANS else "BEGIN READ ONLY; "
        if status == TransactionStatus.INERROR:
            begin = f"ROLLBACK; {begin}"
        with self.translated():
            told = connection.execute(f"{begin}SELECT current_setting('transaction_read_only')".encode())
            while told.nextset():
                pass
            if told.fetchone() != ("on",):
                self.close()
                raise StatementError("the server did not open a READ ONLY transaction")

    def unguard(self) -> None:
        """To be called when the last result of the user's is read: ends the transaction of `guard`."""
        if self.target.read_only and self.snapshot_id is None and not self.connection.closed:
            with self.translated():
                self.ready().rollback()

    # --- one moment ---

    @contextmanager
    def snapshot(self, exported: str | None = None) -> Iterator[None]:
        """All that is read inside is of one moment: a new one, or the one that another session holds and has
        `exported` as its `snapshot_id`."""
        import psycopg

        self.rows("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            if exported is not None:
                if not re.fullmatch(r"[0-9A-Fa-f-]+", exported):
                    raise UsageError(f"{exported!r} names no snapshot")
                self.rows(f"SET TRANSACTION SNAPSHOT '{exported}'")
                self.snapshot_id = exported
            else:
                ((self.snapshot_id,),) = self.rows("SELECT pg_export_snapshot()")
            yield
        except BaseException as error:
            if not isinstance(error, Exception | GeneratorExit):
                self.close()  # interrupted: nothing is waited for any more, and the snapshot ends with the connection
            raise
        finally:
            self.snapshot_id = None
            self._as_it_is = False  # what was set in the transaction goes with it
            if not self.connection.closed:
                try:
                    if self.running:  # a scan is half read: it would hold the transaction open
                        wire.stop(self.connection)
                    self.connection.rollback()
                except psycopg.Error:  # the server is gone, and the snapshot with it: what ended the block counts
                    pass

    # --- its end ---

    def as_it_is(self) -> None:
        """To be called before values are read or written as the server's texts: money's text is the same on all
        servers then, and a policy that would hide rows is an error, not a table with fewer rows."""
        if not self._as_it_is:
            self.rows("SET lc_monetary = 'C'")
            self.rows("SET row_security = off")
            self._as_it_is = True

    def limit(self, seconds: float) -> None:
        """Let the server end every later statement that takes longer."""
        self.rows(f"SET statement_timeout = {round(seconds * 1000)}")

    def cancel(self) -> None:
        """Stop the statement that runs, on the server."""
        if not self.connection.closed and self.running:
            with self.translated():
                self.connection.cancel_safe(timeout=5)

    def close(self) -> None:
        """Stop what runs and free the connection. Silent if it is closed already."""
        if not self.connection.closed:
            try:
                self.cancel()
            except DbfleetError:
                pass
            self.connection.close()

    def _on_notice(self, diagnostic: Any) -> None:
        parts = [diagnostic.message_primary, diagnostic.message_detail, diagnostic.message_hint]
        self.messages.append(f"{diagnostic.severity}: {'. '.join(part for part in parts if part)}")
